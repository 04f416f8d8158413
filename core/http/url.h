#pragma once
// http and https addresses, taken apart no further than requests need.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sujip {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; IPv6 without its brackets
  unsigned short port = 0;
  std::string path;   // begins with '/', percent-encoding as given
  std::string query;  // without '?', as given; may be empty

  // nullopt: not an absolute http(s) address. User info is refused: secrets don't belong in addresses.
  static std::optional<Url> parse(std::string_view text);

  // What `reference` (absolute, "//host/…", "/path" or "path") means seen from this address.
  std::optional<Url> join(std::string_view reference) const;

  std::string target() const;     // path and query, as sent in the request line
  std::string origin() const;     // "https://host:port"
  std::string authority() const;  // value of the Host header
  std::string str() const;
  // For messages: origin and path; a query may hold a token.
  std::string without_query() const;
};

// Percent-encodes everything but unreserved characters; a blank becomes '+', as forms do.
std::string encode_form(std::string_view text);
std::string encode_form(const std::vector<std::pair<std::string, std::string>>& fields);

}  // namespace sujip
