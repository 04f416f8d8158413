// Filters that work on text.

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <unordered_map>

#include "core/expressions/ast.h"
#include "core/expressions/conversions.h"
#include "core/expressions/pattern.h"

namespace sujip::expressions {
namespace {

std::string hex_text(const unsigned char* bytes, size_t size) {
  std::string out;
  for (size_t i = 0; i < size; ++i) out += fmt::format("{:02x}", static_cast<unsigned>(bytes[i]));
  return out;
}

bool hash(Call& call, Value& out) {
  const std::string type = call.given(0) ? text_of(call.scope, call.args[0]) : "md5";
  const bool known = type == "md5" || type == "sha1" || type == "sha256" || type == "sha512";
  const EVP_MD* method = known ? EVP_get_digestbyname(type.c_str()) : nullptr;
  if (method == nullptr) return call.fail(fmt::format("unknown hash '{}'", type), "allowed: md5, sha1, sha256, sha512");
  std::string data = text_of(call.scope, call.self);
  if (call.given(1)) data += text_of(call.scope, call.args[1]);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(data.data(), data.size(), digest.data(), &size, method, nullptr) != 1)
    return call.fail(fmt::format("hash '{}' is not available", type));
  out = Value(hex_text(digest.data(), size));
  return true;
}

bool hmac(Call& call, Value& out) {
  const std::string type = call.given(1) ? text_of(call.scope, call.args[1]) : "sha256";
  if (type != "sha256") return call.fail(fmt::format("unknown hash '{}'", type), "allowed: sha256");
  const std::string key = text_of(call.scope, call.args[0]);
  const std::string data = text_of(call.scope, call.self);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(data.data()),
       data.size(), digest.data(), &size);
  out = Value(hex_text(digest.data(), size));
  return true;
}

bool base64_encode(Call& call, Value& out) {
  const std::string data = text_of(call.scope, call.self);
  std::string text(4 * ((data.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(data.data()), static_cast<int>(data.size()));
  text.resize(static_cast<size_t>(size));
  out = Value(std::move(text));
  return true;
}

bool base64_decode(Call& call, Value& out) {
  std::string data = text_of(call.scope, call.self);
  std::erase_if(data, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  std::string bytes(data.size(), '\0');
  const int size = data.size() % 4 != 0 ? -1
                                        : EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                                          reinterpret_cast<const unsigned char*>(data.data()),
                                                          static_cast<int>(data.size()));
  if (size < 0) return call.fail("the text is not base64");
  size_t used = static_cast<size_t>(size);
  for (size_t i = data.size(); i > 0 && data[i - 1] == '=' && used > 0; --i) --used;
  bytes.resize(used);
  out = Value(std::move(bytes));
  return true;
}

// Compiled patterns of this thread; expressions are few and mostly constant.
const Pattern* pattern_of(Call& call, const std::string& expression) {
  thread_local std::unordered_map<std::string, Pattern> patterns;
  if (const auto found = patterns.find(expression); found != patterns.end()) return &found->second;
  auto compiled = Pattern::compile(expression);
  if (!compiled) {
    call.fail(compiled.error().what, compiled.error().hint);
    return nullptr;
  }
  if (patterns.size() > 256) patterns.clear();
  return &patterns.emplace(expression, std::move(*compiled)).first->second;
}

bool regex_search(Call& call, Value& out) {
  if (call.self.is_missing() && call.scope.dialect == Dialect::exact) {
    out = Value("");
    return true;
  }
  if (!call.self.is_string()) return call.wrong_kind(call.self, "string");
  const Pattern* pattern = pattern_of(call, text_of(call.scope, call.args[0]));
  if (pattern == nullptr) return false;
  auto group = pattern->first_group(call.self.string());
  if (!group) return call.fail(group.error().what, group.error().hint);
  out = Value(std::move(*group));
  return true;
}

bool regex_replace(Call& call, Value& out) {
  if (call.self.is_missing() && call.scope.dialect == Dialect::exact) {
    out = call.self;
    return true;
  }
  if (!call.self.is_string()) return call.wrong_kind(call.self, "string");
  const Pattern* pattern = pattern_of(call, text_of(call.scope, call.args[0]));
  if (pattern == nullptr) return false;
  auto text = pattern->replace_all(call.self.string(), text_of(call.scope, call.args[1]));
  if (!text) return call.fail(text.error().what, text.error().hint);
  out = Value(std::move(*text));
  return true;
}

// Mappings keep "no value" through text filters; manifests see Python's text of it.
bool kept(Call& call, Value& out) {
  if (!call.self.is_missing() || call.scope.dialect != Dialect::exact) return false;
  out = Value::null();
  return true;
}

template <std::string (*change)(std::string_view)>
bool changed(Call& call, Value& out) {
  if (kept(call, out)) return true;
  out = Value(change(text_of(call.scope, call.self)));
  return true;
}

std::string capitalized(std::string_view text) {
  std::string out = lower_text(text);
  if (!out.empty()) out.replace(0, 1, upper_text(out.substr(0, 1)));
  return out;
}

bool trim(Call& call, Value& out) {
  if (kept(call, out)) return true;
  const std::string text = text_of(call.scope, call.self);
  if (!call.given(0)) {
    out = Value(trimmed(text));
    return true;
  }
  const std::string chars = text_of(call.scope, call.args[0]);
  const size_t first = text.find_first_not_of(chars);
  out = first == text.npos ? Value("") : Value(text.substr(first, text.find_last_not_of(chars) - first + 1));
  return true;
}

bool replace(Call& call, Value& out) {
  if (kept(call, out)) return true;
  const std::string text = text_of(call.scope, call.self);
  const std::string from = text_of(call.scope, call.args[0]);
  const std::string to = text_of(call.scope, call.args[1]);
  if (from.empty()) return call.fail("replacing an empty text");
  int64_t left = -1;
  if (call.given(2) && call.args[2].is_number()) left = call.args[2].number().to_int64().value_or(-1);
  std::string result;
  size_t at = 0;
  for (size_t hit = text.find(from); hit != text.npos && left != 0; hit = text.find(from, at), --left) {
    result.append(text, at, hit - at).append(to);
    at = hit + from.size();
  }
  out = Value(result.append(text, at));
  return true;
}

template <bool end>
bool strip_affix(Call& call, Value& out) {
  if (kept(call, out)) return true;
  const std::string text = text_of(call.scope, call.self);
  const std::string affix = text_of(call.scope, call.args[0]);
  std::string_view rest = text;
  if (!end && rest.starts_with(affix)) rest.remove_prefix(affix.size());
  if (end && rest.ends_with(affix)) rest.remove_suffix(affix.size());
  out = Value(rest);
  return true;
}

bool null_if_empty(Call& call, Value& out) {
  if (call.self.is_missing() || (call.self.is_string() && trimmed(call.self.string()).empty()))
    out = Value::null();
  else
    out = call.self;
  return true;
}

bool string(Call& call, Value& out) {
  if (call.self.is_string()) {
    out = call.self;
    return true;
  }
  if (call.scope.dialect == Dialect::exact) {
    out = call.self.is_missing() ? Value::null() : Value(text_of(call.scope, call.self));
    return true;
  }
  if (call.self.is_undefined()) {
    out = Value("");
    return true;
  }
  // Wrapped in three quotes, so that typing a result by its look leaves a text.
  std::string text = "\"\"\"";
  append_python_json(text, call.self, false, false);
  text += "\"\"\"";
  out = Value(std::move(text));
  return true;
}

bool tojson(Call& call, Value& out) {
  std::string text;
  if (call.scope.dialect == Dialect::exact)
    append_json(text, call.self);
  else
    append_python_json(text, call.self, true, true);
  out = Value(std::move(text));
  return true;
}

std::string quoted(std::string_view text, bool query) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                       c == '.' || c == '-' || c == '~' || (c == '/' && !query);
    if (plain)
      out += c;
    else if (c == ' ' && query)
      out += '+';
    else
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return out;
}

bool urlencode(Call& call, Value& out) {
  if (!call.self.is_object()) {
    out = Value(quoted(text_of(call.scope, call.self), false));
    return true;
  }
  std::string text;
  for (const auto& [key, value] : call.self.object()) {
    if (!text.empty()) text += '&';
    text += quoted(key, true) + "=" + quoted(text_of(call.scope, value), true);
  }
  out = Value(std::move(text));
  return true;
}

constexpr Function kFilters[] = {
    {"string", "", 0, string},
    {"lower", "", 0, changed<lower_text>},
    {"upper", "", 0, changed<upper_text>},
    {"capitalize", "", 0, changed<capitalized>},
    {"trim", "chars", 0, trim},
    {"replace", "old,new,count", 2, replace},
    {"tojson", "", 0, tojson},
    {"urlencode", "", 0, urlencode},
    {"hash", "type,salt", 0, hash},
    {"hmac", "key,hash_type", 1, hmac},
    {"base64encode", "", 0, base64_encode},
    {"base64decode", "", 0, base64_decode},
    {"base64binascii_decode", "", 0, base64_encode},  // encodes, as the original does
    {"regex_search", "regex", 1, regex_search},
    {"regex_replace", "regex,replacement", 2, regex_replace},
    {"strip_prefix", "prefix", 1, strip_affix<false>},
    {"strip_suffix", "suffix", 1, strip_affix<true>},
    {"null_if_empty", "", 0, null_if_empty},
};

}  // namespace

std::span<const Function> text_filters() { return kFilters; }

}  // namespace sujip::expressions
