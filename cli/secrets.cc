#include "cli/secrets.h"

#include <simdjson.h>

#include <algorithm>

namespace sujip {
namespace {

constexpr std::string_view kSecrets[] = {"password",   "passwd",        "passphrase", "pwd",      "secret",
                                         "token",      "authorization", "credential", "apikey",   "accesskey",
                                         "privatekey", "signature",     "cookie",     "비밀번호", "암호"};
constexpr std::string_view kMasked = "\"***\"";

// Behind the string that begins at `at`.
size_t end_of_string(std::string_view json, size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at)
    if (json[at] == '\\') ++at;
  return std::min(at + 1, json.size());
}

size_t skip_space(std::string_view json, size_t at) {
  while (at < json.size() && (json[at] == ' ' || json[at] == '\n' || json[at] == '\t' || json[at] == '\r')) ++at;
  return at;
}

// Behind the value that begins at `at`.
size_t end_of_value(std::string_view json, size_t at) {
  if (at >= json.size()) return at;
  if (json[at] == '"') return end_of_string(json, at);
  if (json[at] != '{' && json[at] != '[') return std::min(json.find_first_of(",}] \n\t\r", at), json.size());
  int depth = 0;
  while (at < json.size()) {
    if (json[at] == '"') {
      at = end_of_string(json, at);
      continue;
    }
    if (json[at] == '{' || json[at] == '[') ++depth;
    if (json[at] == '}' || json[at] == ']') --depth;
    ++at;
    if (depth == 0) break;
  }
  return at;
}

// The text of a JSON string with its quotes; escapes may hide letters.
std::string plain(std::string_view quoted) {
  if (quoted.find('\\') == quoted.npos) return std::string(quoted.substr(1, quoted.size() - 2));
  simdjson::dom::parser parser;
  std::string_view text;
  if (parser.parse(simdjson::padded_string(quoted)).get(text)) return std::string(quoted);
  return std::string(text);
}

}  // namespace

bool is_secret_name(std::string_view name, bool account) {
  std::string plain_name;
  for (const char c : name)
    if (c != '_' && c != '-' && c != ' ' && c != '.')
      plain_name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (account && plain_name.ends_with("key")) return true;
  return std::any_of(std::begin(kSecrets), std::end(kSecrets),
                     [&](std::string_view secret) { return plain_name.find(secret) != plain_name.npos; });
}

std::string mask_json(std::string_view json, bool account) {
  std::string out;
  for (size_t at = 0; at < json.size();) {
    if (json[at] != '"') {
      out += json[at++];
      continue;
    }
    const size_t end = end_of_string(json, at);
    const size_t colon = skip_space(json, end);
    const bool is_name = colon < json.size() && json[colon] == ':';
    if (!is_name || !is_secret_name(plain(json.substr(at, end - at)), account)) {
      out += json.substr(at, end - at);
      at = end;
      continue;
    }
    const size_t value = skip_space(json, colon + 1);
    const size_t behind = end_of_value(json, value);
    out += json.substr(at, value - at);
    // That nothing is there is no secret.
    const std::string_view was = json.substr(value, behind - value);
    out += was == "null" || was == "\"\"" ? was : kMasked;
    at = behind;
  }
  return out;
}

}  // namespace sujip
