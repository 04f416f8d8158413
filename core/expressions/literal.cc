// Python's literal_eval for the texts that templates render: numbers, strings, True/False/None,
// tuples, lists, sets (both read as lists) and dicts. Everything else stays text.

#include <optional>

#include "core/expressions/arithmetic.h"
#include "core/expressions/value.h"

namespace sujip {
namespace {

constexpr int kMaxDepth = 60;

void append_utf8(std::string& out, uint32_t point) {
  const auto put = [&](uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | point >> 6);
    put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3f));
    put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
  }
}

class LiteralReader {
 public:
  explicit LiteralReader(std::string_view text) : text_(text) {}

  // A whole literal, with an unparenthesised tuple allowed, as Python's "eval" mode reads it.
  std::optional<Value> whole() {
    while (peek() == ' ' || peek() == '\t') ++at_;
    auto first = value(0);
    if (!first) return std::nullopt;
    space(false);
    if (peek() == ',') {
      Value::List items;
      items.push_back(std::move(*first));
      while (peek() == ',') {
        ++at_;
        space(false);
        if (at_ == text_.size() || peek() == '\n') break;
        auto next = value(0);
        if (!next) return std::nullopt;
        items.push_back(std::move(*next));
        space(false);
      }
      first = Value(std::move(items));
    }
    space(true);
    if (at_ != text_.size()) return std::nullopt;
    return first;
  }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  // Skips blanks and comments; line ends only where Python ignores them.
  void space(bool lines) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == ' ' || c == '\t' || c == '\f' || (lines && (c == '\n' || c == '\r'))) {
        ++at_;
      } else {
        return;
      }
    }
  }

  std::optional<Value> value(int depth) {
    if (depth > kMaxDepth) return std::nullopt;
    const char c = peek();
    if (c == '-' || c == '+') {
      ++at_;
      space(depth > 0);
      const auto inner = peek() == '-' || peek() == '+' ? value(depth + 1) : number();
      if (!inner || !inner->is_number()) return std::nullopt;
      return c == '-' ? Value(-inner->number()) : *inner;
    }
    if ((c >= '0' && c <= '9') || c == '.') return number();
    if (c == '[') return list(depth, ']');
    if (c == '(') return list(depth, ')');
    if (c == '{') return braces(depth);
    if (string_starts()) {
      std::string out;
      bool any = false;
      // Python joins neighbouring string literals.
      while (string_starts()) {
        if (!string(out)) return std::nullopt;
        any = true;
        space(depth > 0);
      }
      if (any) return Value(std::move(out));
    }
    if (word("True")) return Value(true);
    if (word("False")) return Value(false);
    if (word("None")) return Value::null();
    return std::nullopt;
  }

  bool word(std::string_view name) {
    if (text_.substr(at_, name.size()) != name) return false;
    const char next = peek(name.size());
    if (is_name(next)) return false;
    at_ += name.size();
    return true;
  }

  static bool is_name(char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           static_cast<unsigned char>(c) >= 0x80;
  }

  // Digits with single underscores between them.
  bool digits(std::string& out, int base) {
    bool any = false;
    for (;;) {
      const char c = peek();
      const int d = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : 99;
      if (d < base) {
        out += c;
        ++at_;
        any = true;
      } else if (c == '_' && any && text_[at_ - 1] != '_' && is_name(peek(1)) && peek(1) != '_') {
        ++at_;
      } else {
        return any && text_[at_ - 1] != '_';
      }
    }
  }

  std::optional<Value> number() {
    std::string t;
    if (peek() == '0' && is_name(peek(1)) && !(peek(1) >= '0' && peek(1) <= '9')) {
      const char kind = static_cast<char>(peek(1) | 0x20);
      const int base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
      if (base != 0) {
        at_ += 2;
        if (peek() == '_') ++at_;
        if (!digits(t, base) || is_name(peek())) return std::nullopt;
        Int128 units = 0;
        for (const char c : t) {
          const int d = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
          if (units > (Int128{1} << 118)) return std::nullopt;
          units = units * base + d;
        }
        return Value(Decimal{units, 0});
      }
    }
    const bool whole = peek() != '.';
    if (whole && !digits(t, 10)) return std::nullopt;
    const std::string integer = t;
    bool is_float = false;
    if (peek() == '.') {
      ++at_;
      is_float = true;
      t += '.';
      if (peek() >= '0' && peek() <= '9') {
        if (!digits(t, 10)) return std::nullopt;
      } else if (!whole) {
        return std::nullopt;
      } else {
        t += '0';
      }
    }
    if ((peek() | 0x20) == 'e') {
      is_float = true;
      t += 'e';
      ++at_;
      if (peek() == '+' || peek() == '-') t += text_[at_++];
      if (!digits(t, 10)) return std::nullopt;
    }
    if (is_name(peek())) return std::nullopt;
    // Python refuses 007 but takes 00.
    if (!is_float && integer.size() > 1 && integer[0] == '0' && integer.find_first_not_of('0') != integer.npos)
      return std::nullopt;
    auto decimal = parse_rounded(t[0] == '.' ? "0" + t : t);
    if (!decimal) return std::nullopt;
    if (is_float && decimal->scale == 0) {
      decimal = decimal->rescaled(1);
      if (!decimal) return std::nullopt;
    }
    return Value(*decimal);
  }

  bool string_starts() const {
    size_t i = 0;
    const char lead = peek();
    if ((lead == 'u' || lead == 'U' || lead == 'r' || lead == 'R')) i = 1;
    return peek(i) == '\'' || peek(i) == '"';
  }

  bool string(std::string& out) {
    const bool raw = peek() == 'r' || peek() == 'R';
    if (peek() != '\'' && peek() != '"') ++at_;
    const char quote = text_[at_];
    const bool triple = peek(1) == quote && peek(2) == quote;
    at_ += triple ? 3 : 1;
    for (;;) {
      if (at_ >= text_.size()) return false;
      const char c = text_[at_];
      if (c == quote && (!triple || (peek(1) == quote && peek(2) == quote))) {
        at_ += triple ? 3 : 1;
        return true;
      }
      if (c == '\n' && !triple) return false;
      if (c == '\0') return false;
      ++at_;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (at_ >= text_.size()) return false;
      if (raw) {
        out += '\\';
        out += text_[at_++];
        continue;
      }
      if (!escape(out)) return false;
    }
  }

  bool escape(std::string& out) {
    const char c = text_[at_++];
    switch (c) {
      case '\n':
        return true;
      case '\\':
      case '\'':
      case '"':
        out += c;
        return true;
      case 'n':
        out += '\n';
        return true;
      case 't':
        out += '\t';
        return true;
      case 'r':
        out += '\r';
        return true;
      case 'a':
        out += '\a';
        return true;
      case 'b':
        out += '\b';
        return true;
      case 'f':
        out += '\f';
        return true;
      case 'v':
        out += '\v';
        return true;
      case 'x':
        return code_point(out, 2);
      case 'u':
        return code_point(out, 4);
      case 'U':
        return code_point(out, 8);
      default:
        break;
    }
    if (c >= '0' && c <= '7') {
      uint32_t point = static_cast<uint32_t>(c - '0');
      for (int n = 0; n < 2 && peek() >= '0' && peek() <= '7'; ++n)
        point = point * 8 + static_cast<uint32_t>(text_[at_++] - '0');
      append_utf8(out, point);
      return true;
    }
    out += '\\';
    out += c;
    return true;
  }

  bool code_point(std::string& out, int length) {
    std::string hex;
    for (int n = 0; n < length; ++n) hex += peek(static_cast<size_t>(n));
    uint32_t point = 0;
    for (const char c : hex) {
      const int d = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
      if (d < 0) return false;
      point = point * 16 + static_cast<uint32_t>(d);
    }
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
    at_ += static_cast<size_t>(length);
    append_utf8(out, point);
    return true;
  }

  std::optional<Value> list(int depth, char close) {
    ++at_;
    Value::List items;
    bool comma = false;
    for (;;) {
      space(true);
      if (peek() == close) break;
      if (!items.empty() && !comma) return std::nullopt;
      auto item = value(depth + 1);
      if (!item) return std::nullopt;
      items.push_back(std::move(*item));
      space(true);
      comma = peek() == ',';
      if (comma) ++at_;
    }
    ++at_;
    // (1) is only 1 in brackets.
    if (close == ')' && items.size() == 1 && !comma) return std::move(items[0]);
    return Value(std::move(items));
  }

  std::optional<Value> braces(int depth) {
    ++at_;
    Object object;
    Value::List set;
    bool comma = true;
    for (;;) {
      space(true);
      if (peek() == '}') break;
      if (!comma) return std::nullopt;
      auto key = value(depth + 1);
      if (!key) return std::nullopt;
      space(true);
      if (peek() == ':') {
        if (!set.empty() || key->is_list() || key->is_object()) return std::nullopt;
        ++at_;
        space(true);
        auto item = value(depth + 1);
        if (!item) return std::nullopt;
        object.set(python_text(*key), std::move(*item));
      } else {
        if (!object.empty()) return std::nullopt;
        set.push_back(std::move(*key));
      }
      space(true);
      comma = peek() == ',';
      if (comma) ++at_;
    }
    ++at_;
    if (!set.empty()) return Value(std::move(set));
    return Value(std::move(object));
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Value literal_eval(std::string text) {
  if (text.empty()) return Value(std::move(text));
  if (auto literal = LiteralReader(text).whole()) return std::move(*literal);
  return Value(std::move(text));
}

}  // namespace sujip
