#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/expressions/datetime.h"
#include "core/expressions/value.h"
#include "core/json_text.h"

namespace sujip {
namespace {

// As Python's repr(): single quotes unless the text holds only those.
void append_repr(std::string& out, std::string_view text) {
  const bool single = text.find('\'') == text.npos || text.find('"') != text.npos;
  const char quote = single ? '\'' : '"';
  out += quote;
  for (const char c : text) {
    switch (c) {
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\\':
        out += "\\\\";
        break;
      default:
        if (c == quote) {
          out += '\\';
          out += c;
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  out += quote;
}

void append_number_text(std::string& out, const Decimal& number) {
  number.append_to(out);
  if (number.scale > 0 && number.is_integer()) out += ".0";
}

void append_text(std::string& out, const Value& value, bool nested) {
  switch (value.kind()) {
    case Value::Kind::undefined:
      if (nested) out += "Undefined";
      break;
    case Value::Kind::null:
      out += "None";
      break;
    case Value::Kind::boolean:
      out += value.boolean() ? "True" : "False";
      break;
    case Value::Kind::number:
      append_number_text(out, value.number());
      break;
    case Value::Kind::string:
      if (nested)
        append_repr(out, value.string());
      else
        out += value.string();
      break;
    case Value::Kind::list: {
      out += '[';
      bool first = true;
      for (const Value& v : value.list()) {
        if (!first) out += ", ";
        first = false;
        append_text(out, v, true);
      }
      out += ']';
      break;
    }
    case Value::Kind::object: {
      out += '{';
      bool first = true;
      for (const auto& [key, v] : value.object()) {
        if (!first) out += ", ";
        first = false;
        append_repr(out, key);
        out += ": ";
        append_text(out, v, true);
      }
      out += '}';
      break;
    }
    case Value::Kind::datetime:
      out += printed_text(value.datetime());
      break;
    case Value::Kind::duration:
      out += duration_text(value.duration());
      break;
  }
}

// The code point at `i`, which moves behind it; damaged UTF-8 gives U+FFFD.
uint32_t next_code_point(std::string_view text, size_t& i) {
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(i);
  const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
  uint32_t point = more == 0 ? lead : lead & (0x3fU >> more);
  ++i;
  for (int n = 0; n < more; ++n, ++i) {
    if (i >= text.size() || (byte(i) & 0xc0) != 0x80) return 0xfffd;
    point = point << 6 | (byte(i) & 0x3fU);
  }
  return point;
}

void append_ascii_json_string(std::string& out, std::string_view text, bool html_safe) {
  auto put = std::back_inserter(out);
  out += '"';
  for (size_t i = 0; i < text.size();) {
    const uint32_t point = next_code_point(text, i);
    if (point == '"' || point == '\\') {
      out += '\\';
      out += static_cast<char>(point);
    } else if (point == '\n') {
      out += "\\n";
    } else if (point == '\r') {
      out += "\\r";
    } else if (point == '\t') {
      out += "\\t";
    } else if (point == '\b') {
      out += "\\b";
    } else if (point == '\f') {
      out += "\\f";
    } else if (point > 0xffff) {
      fmt::format_to(put, "\\u{:04x}\\u{:04x}", 0xd800 + ((point - 0x10000) >> 10),
                     0xdc00 + ((point - 0x10000) & 0x3ff));
    } else if (point < 0x20 || point > 0x7e ||
               (html_safe && (point == '<' || point == '>' || point == '&' || point == '\''))) {
      fmt::format_to(put, "\\u{:04x}", point);
    } else {
      out += static_cast<char>(point);
    }
  }
  out += '"';
}

// How json.dumps of Python differs from the compact JSON of events.
struct JsonStyle {
  bool python = false;  // spaces behind separators, 1.0 stays 1.0, nothing but ASCII
  bool sort_keys = false;
  bool html_safe = false;
};

void write_text(std::string& out, std::string_view text, const JsonStyle& style) {
  if (style.python)
    append_ascii_json_string(out, text, style.html_safe);
  else
    append_json_string(out, text);
}

void write_json(std::string& out, const Value& value, const JsonStyle& style) {
  const std::string_view comma = style.python ? ", " : ",";
  bool first = true;
  const auto separate = [&] {
    if (!first) out += comma;
    first = false;
  };
  const auto field = [&](const Object::Field& f) {
    separate();
    write_text(out, f.first, style);
    out += style.python ? ": " : ":";
    write_json(out, f.second, style);
  };
  switch (value.kind()) {
    case Value::Kind::undefined:
    case Value::Kind::null:
      out += "null";
      break;
    case Value::Kind::boolean:
      out += value.boolean() ? "true" : "false";
      break;
    case Value::Kind::number:
      if (style.python)
        append_number_text(out, value.number());
      else
        value.number().append_to(out);
      break;
    case Value::Kind::string:
      write_text(out, value.string(), style);
      break;
    case Value::Kind::list:
      out += '[';
      for (const Value& v : value.list()) {
        separate();
        write_json(out, v, style);
      }
      out += ']';
      break;
    case Value::Kind::object:
      out += '{';
      if (style.sort_keys) {
        std::vector<const Object::Field*> fields;
        for (const auto& f : value.object()) fields.push_back(&f);
        std::sort(fields.begin(), fields.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
        for (const auto* f : fields) field(*f);
      } else {
        for (const auto& f : value.object()) field(f);
      }
      out += '}';
      break;
    case Value::Kind::datetime:
      append_json_string(out, iso_text(value.datetime()));
      break;
    case Value::Kind::duration:
      append_json_string(out, duration_text(value.duration()));
      break;
  }
}

}  // namespace

void append_json(std::string& out, const Value& value) { write_json(out, value, {}); }

std::string to_json(const Value& value) {
  std::string out;
  append_json(out, value);
  return out;
}

void append_python_text(std::string& out, const Value& value) { append_text(out, value, false); }

std::string python_text(const Value& value) {
  std::string out;
  append_text(out, value, false);
  return out;
}

void append_python_json(std::string& out, const Value& value, bool sort_keys, bool html_safe) {
  write_json(out, value, {true, sort_keys, html_safe});
}

}  // namespace sujip
