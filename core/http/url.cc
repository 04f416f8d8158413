#include "core/http/url.h"

#include <charconv>

namespace sujip {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

unsigned short default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

bool is_token_safe(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return false;
  return true;
}

// RFC 3986, 5.2.4
std::string remove_dots(std::string_view path) {
  std::vector<std::string_view> segments;
  size_t at = 1;
  bool ends_in_directory = false;
  while (at <= path.size()) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    const bool last = end == path.size();
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
      ends_in_directory = last;
    } else if (segment == ".") {
      ends_in_directory = last;
    } else {
      segments.push_back(segment);
    }
    at = end + 1;
  }
  std::string out;
  for (const std::string_view segment : segments) {
    out += '/';
    out += segment;
  }
  if (ends_in_directory || out.empty()) out += '/';
  return out;
}

}  // namespace

std::optional<Url> Url::parse(std::string_view text) {
  Url url;
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos || !is_token_safe(text)) return std::nullopt;
  url.scheme = lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") return std::nullopt;
  text.remove_prefix(colon + 3);
  text = text.substr(0, text.find('#'));

  const size_t authority_end = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, authority_end);
  text.remove_prefix(authority_end);
  if (authority.find('@') != std::string_view::npos) return std::nullopt;

  std::string_view port;
  if (!authority.empty() && authority.front() == '[') {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    url.host = lower(authority.substr(1, close - 1));
    authority.remove_prefix(close + 1);
    if (!authority.empty()) {
      if (authority.front() != ':') return std::nullopt;
      port = authority.substr(1);
    }
  } else {
    const size_t split = authority.find(':');
    url.host = lower(authority.substr(0, split));
    if (split != std::string_view::npos) port = authority.substr(split + 1);
  }
  if (url.host.empty()) return std::nullopt;
  url.port = default_port(url.scheme);
  if (!port.empty()) {
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (ec != std::errc() || end != port.data() + port.size() || url.port == 0) return std::nullopt;
  }

  const size_t mark = text.find('?');
  url.path = std::string(text.substr(0, mark));
  if (url.path.empty()) url.path = "/";
  if (mark != std::string_view::npos) url.query = std::string(text.substr(mark + 1));
  return url;
}

std::optional<Url> Url::join(std::string_view reference) const {
  if (reference.find("://") != std::string_view::npos && reference.find("://") < reference.find_first_of("/?#"))
    return parse(reference);
  if (reference.substr(0, 2) == "//") return parse(scheme + ":" + std::string(reference));
  if (!is_token_safe(reference)) return std::nullopt;
  reference = reference.substr(0, reference.find('#'));
  Url url = *this;
  if (reference.empty()) return url;
  const size_t mark = reference.find('?');
  const std::string_view ref_path = reference.substr(0, mark);
  url.query = mark == std::string_view::npos ? "" : std::string(reference.substr(mark + 1));
  if (ref_path.empty()) return url;
  url.path =
      ref_path.front() == '/' ? std::string(ref_path) : path.substr(0, path.rfind('/') + 1) + std::string(ref_path);
  url.path = remove_dots(url.path);
  return url;
}

std::string Url::target() const { return query.empty() ? path : path + "?" + query; }

std::string Url::authority() const {
  std::string out = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != default_port(scheme)) out += ":" + std::to_string(port);
  return out;
}

std::string Url::origin() const { return scheme + "://" + authority(); }
std::string Url::str() const { return origin() + target(); }
std::string Url::without_query() const { return origin() + path; }

std::string encode_form(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                            c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string encode_form(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    if (!out.empty()) out += '&';
    out += encode_form(std::string_view(name)) + "=" + encode_form(std::string_view(value));
  }
  return out;
}

}  // namespace sujip
