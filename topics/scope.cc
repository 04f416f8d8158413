#include "topics/scope.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

namespace sujip {
namespace {

void append_part(std::string& out, std::string_view part) {
  for (const char c : part) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || c == '/' || c == '%' || u == 0x7f)
      out += fmt::format("%{:02X}", u);
    else
      out += c;
  }
}

std::optional<std::string> decode_part(std::string_view part) {
  std::string out;
  for (size_t i = 0; i < part.size(); ++i) {
    if (part[i] != '%') {
      out += part[i];
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= part.size()) return std::nullopt;
    const char* from = part.data() + i + 1;
    if (std::from_chars(from, from + 2, value, 16).ptr != from + 2) return std::nullopt;
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

}  // namespace

std::string Scope::subject() const {
  std::string out;
  append_part(out, source);
  out += '/';
  append_part(out, account);
  out += '/';
  append_part(out, dataset);
  if (!slice.empty()) {
    out += '/';
    append_part(out, slice);
  }
  return out;
}

std::optional<Scope> Scope::parse(std::string_view subject) {
  std::vector<std::string> parts;
  while (true) {
    const size_t slash = subject.find('/');
    auto part = decode_part(subject.substr(0, slash));
    if (!part || part->empty()) return std::nullopt;
    parts.push_back(*std::move(part));
    if (slash == std::string_view::npos) break;
    subject.remove_prefix(slash + 1);
  }
  if (parts.size() < 3 || parts.size() > 4) return std::nullopt;
  return Scope{parts[0], parts[1], parts[2], parts.size() == 4 ? parts[3] : ""};
}

std::string RunId::str() const {
  std::string iso = utc_text(snapshot_ms);  // 2020-07-05T08:44:36.000Z
  std::string out;
  for (const char c : iso)
    if (c != '-' && c != ':' && c != '.') out += c;
  return out + fmt::format("-{:x}", seq);
}

std::optional<RunId> RunId::parse(std::string_view t) {
  // 20200705T084436000Z-18f3a2b4c5d
  if (t.size() < 21 || t[8] != 'T' || t[18] != 'Z' || t[19] != '-') return std::nullopt;
  const std::string iso = fmt::format("{}-{}-{}T{}:{}:{}.{}Z", t.substr(0, 4), t.substr(4, 2), t.substr(6, 2),
                                      t.substr(9, 2), t.substr(11, 2), t.substr(13, 2), t.substr(15, 3));
  const auto at = parse_time(iso, 0);
  RunId out;
  if (!at) return std::nullopt;
  out.snapshot_ms = *at;
  const char* end = t.data() + t.size();
  if (std::from_chars(t.data() + 20, end, out.seq, 16).ptr != end) return std::nullopt;
  return out;
}

}  // namespace sujip
