#pragma once
// Templates of connector manifests and mappings: text with `{{ expressions }}` in Jinja's language.
// Compiled once, evaluated often, from any number of threads.
//
// Two dialects of one language:
//   airbyte  what the low-code format promises, warts included: results are typed by their look
//            ("123" becomes 123), a type error yields the template's own text, null is true.
//   exact    for sujip's mappings: values keep their type, a type error is an error, null is false.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/expressions/value.h"
#include "core/expressions/variables.h"
#include "core/result.h"

namespace sujip {

enum class Dialect : uint8_t { airbyte, exact };

struct CompiledTemplate;

class Template {
 public:
  // `names`: the variables that will exist; empty = not checked until evaluation. Errors name the
  // template, the column and what is allowed.
  static Result<Template> compile(std::string_view text, Dialect dialect = Dialect::airbyte,
                                  const std::vector<std::string>& names = {});
  // One bare expression without braces, as in a `condition`.
  static Result<Template> compile_expression(std::string_view expression, Dialect dialect = Dialect::airbyte,
                                             const std::vector<std::string>& names = {});

  // Undefined when the template is one expression without a value: the caller's default applies.
  // `on_undefined`: what an attribute of something undefined gives.
  enum class OnUndefined : uint8_t { fail, undefined };
  Result<Value> evaluate(const Variables& variables, OnUndefined on_undefined = OnUndefined::fail) const;
  // The rendered text; "" for undefined. Airbyte: Python's look (True, None, 1.0). Exact: true, "" for
  // null.
  Result<std::string> evaluate_text(const Variables& variables) const;
  // Airbyte: false for "False" "false" "{}" "[]" "()" "" "0" "0.0", {}, [], false, 0 and for an
  // undefined attribute; true for everything else, null too. Exact: Python's truth.
  Result<bool> evaluate_bool(const Variables& variables) const;

  // `{{ record['x'] }}` or `{{ record.x }}` and nothing else: callers copy the field instead.
  struct FieldAccess {
    std::string_view variable;
    std::string_view field;
  };
  std::optional<FieldAccess> as_field() const;
  // `{{ record['x'] | filter(..) }}` whose arguments are constants (undefined when not given).
  struct FilteredField {
    FieldAccess field;
    std::string_view filter;
    std::vector<const Value*> arguments;
  };
  std::optional<FilteredField> as_filtered_field() const;
  // The text of a template without any expression. Airbyte types it by its look all the same:
  // use evaluate().
  std::optional<std::string_view> as_literal() const;

  const std::string& text() const;
  // Variables, and the fields read from them where the name is constant: "record", "record.x".
  const std::vector<std::string>& names() const;

 private:
  explicit Template(std::shared_ptr<const CompiledTemplate> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const CompiledTemplate> compiled_;
};

}  // namespace sujip
