#include "cli/shown_record.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "cli/secrets.h"
#include "core/calendar.h"
#include "core/json_text.h"
#include "core/kafka/message.h"
#include "topics/catalogue.h"

namespace sujip {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

bool is_account_data(const std::string& topic) {
  return topic == topics::kRawAccount || topic.find("account") != topic.npos;
}

std::string json_string(std::string_view text) {
  std::string out;
  if (simdjson::validate_utf8(text.data(), text.size()))
    append_json_string(out, text);
  else
    append_json_string(out, fmt::format("({} bytes, not text)", text.size()));
  return out;
}

// Bytes as JSON: masked when they are JSON; what can't be looked into is not shown where secrets may be.
std::string value_json(std::string_view bytes, bool account) {
  simdjson::dom::parser parser;
  element root;
  if (!parser.parse(simdjson::padded_string(bytes)).get(root)) return mask_json(bytes, account);
  if (account && !bytes.empty()) return json_string(fmt::format("({} bytes, not JSON)", bytes.size()));
  return json_string(bytes);
}

std::string decode_base64(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (value < 0) break;
    bits = bits << 6 | static_cast<uint32_t>(value);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out += static_cast<char>(bits >> have & 0xFF);
  }
  return out;
}

// A dead letter with the record it speaks of in readable form, as `key` and `value`.
std::string letter_json(std::string_view bytes) {
  simdjson::dom::parser parser;
  object letter;
  if (parser.parse(simdjson::padded_string(bytes)).get(letter)) return value_json(bytes, true);
  std::string_view topic;
  const bool account = letter["topic"].get(topic) || is_account_data(std::string(topic));
  std::string out = "{";
  for (const auto& [name, value] : letter) {
    std::string_view packed;
    const bool key = name == "key_base64";
    if ((key || name == "value_base64") && !value.get(packed)) {
      append_json_name(out, key ? "key" : "value");
      out += key ? json_string(decode_base64(packed)) : value_json(decode_base64(packed), account);
      continue;
    }
    append_json_name(out, name);
    out += mask_json(simdjson::minify(value), account);
  }
  return out + "}";
}

std::string text_of(element e) {
  std::string_view text;
  if (!e.get(text)) return std::string(text);
  return simdjson::minify(e);
}

// "a.b" from an object.
std::optional<std::string> member(object root, std::string_view path) {
  element found;
  if (!root[path].get(found)) return text_of(found);
  const size_t dot = path.find('.');
  object inner;
  if (dot == path.npos || root[path.substr(0, dot)].get(inner)) return std::nullopt;
  return member(inner, path.substr(dot + 1));
}

std::string cut(std::string text, size_t width) {
  if (width == 0 || text.size() <= width) return text;
  while (width > 0 && (static_cast<unsigned char>(text[width]) & 0xC0) == 0x80) --width;
  return text.substr(0, width) + " …";
}

// What a change changed: "price: 5 → 7".
std::string change_text(object change) {
  std::string_view op;
  if (change["op"].get(op)) op = "?";
  object before;
  object after;
  const bool has_before = !change["before"].get(before);
  const bool has_after = !change["after"].get(after);
  std::string out(op);
  if (has_before && has_after) {
    for (const auto& [name, value] : after) {
      element was;
      const std::string from = before[name].get(was) ? "" : simdjson::minify(was);
      const std::string to = simdjson::minify(value);
      if (from != to) out += fmt::format("  {}: {} → {}", name, from, to);
    }
  } else if (has_after || has_before) {
    out += "  " + simdjson::minify(has_after ? after : before);
  }
  return out;
}

std::string words(object root, std::initializer_list<const char*> names) {
  std::string out;
  for (const char* name : names) {
    const auto text = member(root, name);
    if (text && !text->empty() && *text != "null") out += "  " + *text;
  }
  return out;
}

std::string counts(object root) {
  std::string out;
  for (const char* name : {"rows", "created", "updated", "deleted", "rejected"}) {
    const auto text = member(root, name);
    if (text && *text != "0") out += fmt::format("  {} {}", name, *text);
  }
  return out;
}

std::string body(const ShownRecord& r) {
  if (!r.value) return fmt::format("  {}  (removed)", r.key.value_or("(no key)"));
  if (const std::string type = r.header("ce_type"); !type.empty())
    return fmt::format("  {:<7}  {}  {}  {}", type.substr(type.rfind('.') + 1), r.header("ce_subject"),
                       r.header("ce_run"), *r.value);
  simdjson::dom::parser parser;
  object root;
  if (parser.parse(simdjson::padded_string(*r.value)).get(root))
    return fmt::format("  {}  {}", r.key.value_or("(no key)"), *r.value);
  if (r.topic.starts_with("change.")) return fmt::format("  {}  {}", r.key.value_or(""), change_text(root));
  if (r.topic == topics::kRunLog)
    return words(root, {"stage", "state", "scope", "run", "file"}) + counts(root) +
           words(root, {"error_class", "message", "hint"});
  if (r.topic == topics::kScopeRun)
    return words(root, {"verdict", "scope", "run"}) + counts(root) + words(root, {"by", "reason"});
  if (r.topic == topics::kDeadLetter)
    return fmt::format("  {}", r.key.value_or("")) + words(root, {"stage", "reason", "scope", "value"});
  if (r.topic.starts_with("rollup.")) return "  " + *r.value;
  return fmt::format("  {}  {}", r.key.value_or("(no key)"), *r.value);
}

}  // namespace

std::string ShownRecord::header(const std::string& name) const {
  for (auto at = headers.rbegin(); at != headers.rend(); ++at)
    if (at->first == name) return at->second;
  return "";
}

std::string ShownRecord::scope() const {
  if (const std::string subject = header("ce_subject"); !subject.empty()) return subject;
  return field("scope").value_or("");
}

std::optional<std::string> ShownRecord::field(const std::string& name) const {
  for (const auto& [header_name, header_value] : headers)
    if (header_name == name) return header_value;
  simdjson::dom::parser parser;
  object root;
  if (!value || parser.parse(simdjson::padded_string(*value)).get(root)) return std::nullopt;
  if (auto found = member(root, name)) return found;
  for (const char* part : {"after", "before", "source"}) {
    object inner;
    if (root[part].get(inner)) continue;
    if (auto found = member(inner, name)) return found;
  }
  return std::nullopt;
}

ShownRecord show_parts(const std::string& topic, std::optional<std::string_view> key,
                       std::optional<std::string_view> value, std::span<const kafka::Header> headers) {
  ShownRecord out;
  out.topic = topic;
  if (key) out.key = std::string(*key);
  for (const kafka::Header& h : headers)
    out.headers.emplace_back(h.name, is_secret_name(h.name, false) ? "***" : std::string(h.value));
  if (value)
    out.value = topic == topics::kDeadLetter ? letter_json(*value) : value_json(*value, is_account_data(topic));
  return out;
}

ShownRecord show_record(const rd_kafka_message_t& message, const std::string& topic) {
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  if (message.key != nullptr) key = kafka::key_of(message);
  if (!kafka::is_tombstone(message)) value = kafka::value_of(message);
  ShownRecord out = show_parts(topic, key, value, kafka::headers_of(message));
  out.partition = message.partition;
  out.offset = message.offset;
  out.timestamp_ms = kafka::timestamp_of(message);
  return out;
}

std::string to_line(const ShownRecord& r, size_t width) {
  return fmt::format("{}  {}@{}{}", utc_text(r.timestamp_ms), r.partition, r.offset, cut(body(r), width));
}

std::string to_json(const ShownRecord& r) {
  std::string out = "{";
  append_json_field(out, "topic", r.topic);
  append_json_field(out, "partition", r.partition);
  append_json_field(out, "offset", r.offset);
  append_json_field(out, "timestamp", utc_text(r.timestamp_ms));
  append_json_name(out, "key");
  out += r.key ? json_string(*r.key) : "null";
  append_json_name(out, "headers");
  out += '{';
  for (const auto& [name, value] : r.headers) {
    append_json_name(out, name);
    out += json_string(value);
  }
  out += '}';
  append_json_name(out, "value");
  out += r.value ? *r.value : "null";
  return out + "}";
}

}  // namespace sujip
