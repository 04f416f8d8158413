#include <fmt/format.h>
#include <simdjson.h>

#include <unordered_set>

#include "core/expressions/arithmetic.h"
#include "core/expressions/value.h"

namespace sujip {
namespace {

namespace od = simdjson::ondemand;
constexpr size_t kMaxDepth = 100;
// Up to here a linear search for duplicate keys is cheaper than an index.
constexpr size_t kLinearKeys = 32;

bool is_json_number(std::string_view t) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t start = i;
    while (i < t.size() && t[i] >= '0' && t[i] <= '9') ++i;
    return i - start;
  };
  if (i < t.size() && t[i] == '-') ++i;
  const size_t first = i;
  const size_t whole = digits();
  if (whole == 0 || (whole > 1 && t[first] == '0')) return false;
  if (i < t.size() && t[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < t.size() && (t[i] == 'e' || t[i] == 'E')) {
    ++i;
    if (i < t.size() && (t[i] == '+' || t[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == t.size();
}

// Reads with the cursor API of simdjson, because only that hands out the text of a number.
class Reader {
 public:
  simdjson::error_code read(od::value in, Value& out, size_t depth) {
    if (depth > kMaxDepth) return simdjson::DEPTH_ERROR;
    od::json_type type{};
    if (const auto e = in.type().get(type)) return e;
    switch (type) {
      case od::json_type::object:
        return read_object(in, out, depth);
      case od::json_type::array:
        return read_array(in, out, depth);
      case od::json_type::string: {
        std::string_view text;
        if (const auto e = in.get_string().get(text)) return e;
        out = Value(text);
        return simdjson::SUCCESS;
      }
      case od::json_type::boolean: {
        bool b = false;
        if (const auto e = in.get_bool().get(b)) return e;
        out = Value(b);
        return simdjson::SUCCESS;
      }
      case od::json_type::null: {
        bool is_null = false;
        if (const auto e = in.is_null().get(is_null)) return e;
        if (!is_null) return simdjson::N_ATOM_ERROR;
        out = Value::null();
        return simdjson::SUCCESS;
      }
      case od::json_type::number:
        return read_number(in, out);
    }
    return simdjson::TAPE_ERROR;
  }

 private:
  simdjson::error_code read_object(od::value in, Value& out, size_t depth) {
    od::object fields;
    if (const auto e = in.get_object().get(fields)) return e;
    Object object;
    std::unordered_set<std::string> names;  // only filled for large objects
    for (auto item : fields) {
      std::string_view key;
      if (const auto e = item.unescaped_key().get(key)) return e;
      std::string name(key);
      od::value field;
      if (const auto e = item.value().get(field)) return e;
      Value value;
      if (const auto e = read(field, value, depth + 1)) return e;
      if (object.size() < kLinearKeys) {
        object.set(std::move(name), std::move(value));
        continue;
      }
      if (names.empty())
        for (const auto& f : object) names.insert(f.first);
      if (names.insert(name).second) {
        object.append(std::move(name), std::move(value));
      } else {
        object.set(std::move(name), std::move(value));
      }
    }
    out = Value(std::move(object));
    return simdjson::SUCCESS;
  }

  simdjson::error_code read_array(od::value in, Value& out, size_t depth) {
    od::array items;
    if (const auto e = in.get_array().get(items)) return e;
    Value::List list;
    for (auto item : items) {
      od::value element;
      if (const auto e = item.get(element)) return e;
      list.emplace_back();
      if (const auto e = read(element, list.back(), depth + 1)) return e;
    }
    out = Value(std::move(list));
    return simdjson::SUCCESS;
  }

  static simdjson::error_code read_number(od::value in, Value& out) {
    std::string_view text = in.raw_json_token();
    while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' || text.back() == '\t'))
      text.remove_suffix(1);
    if (!is_json_number(text)) return simdjson::NUMBER_ERROR;
    if (const auto number = parse_rounded(text)) {
      out = Value(*number);
    } else {
      out = Value(text);
    }
    return simdjson::SUCCESS;
  }
};

Error json_error(simdjson::error_code code, size_t bytes) {
  if (code == simdjson::DEPTH_ERROR) return {fmt::format("reading JSON: more than {} levels deep", kMaxDepth), "", ""};
  return {fmt::format("reading JSON ({} bytes): {}", bytes, simdjson::error_message(code)), "", ""};
}

}  // namespace

Result<Value> parse_json(std::string_view text) {
  thread_local od::parser parser;
  thread_local std::string buffer;
  // Wrapped into an array: then a number or text alone is an element like any other.
  buffer.clear();
  buffer.reserve(text.size() + 2 + simdjson::SIMDJSON_PADDING);
  buffer += '[';
  buffer += text;
  buffer += ']';
  const size_t size = buffer.size();
  buffer.append(simdjson::SIMDJSON_PADDING, '\0');
  od::document document;
  if (const auto e = parser.iterate(buffer.data(), size, buffer.size()).get(document))
    return json_error(e, text.size());
  od::array items;
  if (const auto e = document.get_array().get(items)) return json_error(e, text.size());
  Value result;
  size_t count = 0;
  for (auto item : items) {
    od::value element;
    if (const auto e = item.get(element)) return json_error(e, text.size());
    if (++count > 1) return Error{"reading JSON: more than one value", "", ""};
    if (const auto e = Reader{}.read(element, result, 1)) return json_error(e, text.size());
  }
  if (count == 0) return Error{"reading JSON: empty text", "", ""};
  const char* rest = nullptr;
  if (document.current_location().get(rest) == simdjson::SUCCESS)
    return Error{"reading JSON: text behind the value", "", ""};
  if (buffer.capacity() > (16U << 20)) std::string().swap(buffer);
  return result;
}

}  // namespace sujip
