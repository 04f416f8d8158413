#pragma once
// A mapping turns a vendor's record into the row of a dataset. Plain copies go straight from the JSON
// text into the row; expressions run only for the fields that need them.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/expressions/template.h"
#include "processors/normalize/plain_copies.h"
#include "processors/normalizer.h"

namespace sujip {

class Mapping : public Normalizer {
 public:
  // One `field: "{{ expression }}"`; `place` is "file:line" for messages.
  struct Rule {
    int field = -1;
    Template expression;
    std::string place;
  };
  struct Options {
    std::vector<Rule> rules;
    std::optional<Template> skip_if;
    // Standard fields are also taken from record fields of the same name.
    bool passthrough = false;
  };
  // The dataset must outlive the mapping.
  Mapping(const Dataset& dataset, Options options);
  // Standard fields by name, everything else into `extra`: plain records, and our own rows read back.
  static Mapping identity(const Dataset& dataset);

  Outcome apply(std::string_view value, std::string_view key, const Scope& scope, RowBuilder& row,
                std::string& reason) const override;

  Mapping(Mapping&& other) noexcept;

 private:
  struct Pass;
  friend struct Pass;
  enum class Way : uint8_t { copy, literal, number_or_null, expression };
  struct Step {
    int field = -1;
    Way way = Way::expression;
    int column = -1;               // copy, number_or_null
    std::optional<Decimal> above;  // number_or_null
    std::string literal;
    std::optional<Template> expression;
    std::string place;
  };

  int column_of(std::string_view name);
  void plan_copies();
  void add_rule(Rule rule);
  int find_column(size_t position, std::string_view name) const;
  Outcome evaluate(std::string_view value, std::string_view key, const Scope& scope, RowBuilder& row,
                   std::string& reason) const;
  bool fill_scope(const Scope& scope, RowBuilder& row, std::string& reason) const;

  const Dataset* dataset_;
  std::vector<std::string> columns_;  // record fields that are used, by name
  std::vector<Step> steps_;
  std::optional<Template> skip_if_;
  std::vector<int> scope_fields_;  // fields of the scope that no rule fills
  bool uses_key_ = false;
  bool has_expressions_ = false;
  mutable normalize::ColumnGuesses guesses_;
  std::optional<normalize::PlainCopies> copies_;  // where there is nothing but copies, of a column into a field
};

}  // namespace sujip
