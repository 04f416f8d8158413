#include "processors/normalize/mapping.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/expressions/arithmetic.h"
#include "core/expressions/conversions.h"
#include "core/json_text.h"
#include "processors/normalize/convert.h"
#include "processors/normalize/raw_record.h"

namespace sujip {

using normalize::RawValue;

namespace {

// What the expressions see as `record`.
class LazyRecord : public LazyObject {
 public:
  LazyRecord(std::string_view json, const std::vector<std::string>& columns, const std::vector<RawValue>& values)
      : json_(json), columns_(columns), values_(values) {}

  Value get(std::string_view key) const override {
    for (size_t i = 0; i < columns_.size(); ++i)
      if (columns_[i] == key) return normalize::to_value(values_[i]);
    // A name that is only known now: the record is read as a whole.
    const Value whole = all();
    const Value* field = whole.is_object() ? whole.object().find(key) : nullptr;
    return field != nullptr ? *field : Value();
  }

  Value all() const override {
    auto parsed = parse_json(json_);
    return parsed.ok() ? std::move(*parsed) : Value(Object());
  }

 private:
  std::string_view json_;
  const std::vector<std::string>& columns_;
  const std::vector<RawValue>& values_;
};

class LazyScope : public LazyObject {
 public:
  explicit LazyScope(const Scope& scope) : scope_(scope) {}
  Value get(std::string_view key) const override {
    if (key == "source") return Value(scope_.source);
    if (key == "account") return Value(scope_.account);
    if (key == "dataset") return Value(scope_.dataset);
    if (key == "slice") return Value(scope_.slice);
    return {};
  }
  Value all() const override {
    Object object;
    for (const char* key : {"source", "account", "dataset", "slice"}) object.set(key, get(key));
    return Value(std::move(object));
  }

 private:
  const Scope& scope_;
};

}  // namespace

// What one thread needs while it reads a record.
struct Mapping::Pass {
  struct Extra {
    std::string_view name;
    std::string_view raw;
  };
  std::vector<normalize::RawField> fields;
  std::vector<RawValue> values;  // one per column
  std::vector<Extra> extras;

  // Puts each field into its column, or to the extras when those are kept.
  bool sort_fields(const Mapping& mapping, bool keep_extras, std::string& reason) {
    values.assign(mapping.columns_.size(), RawValue{});
    extras.clear();
    for (size_t i = 0; i < fields.size(); ++i) {
      const auto& [name, value] = fields[i];
      if (const int column = mapping.find_column(i, name); column >= 0) {
        values[static_cast<size_t>(column)] = value;
        continue;
      }
      if (!keep_extras) continue;
      if (value.kind == RawValue::Kind::nested && !normalize::check_nested(value).ok()) {
        reason = fmt::format("column {}: damaged JSON", normalize::preview(name));
        return false;
      }
      if (value.raw.find("\\u0000") != value.raw.npos) {
        reason = fmt::format("column {}: the text holds a NUL character", normalize::preview(name));
        return false;
      }
      extras.push_back({name, value.raw});
    }
    return true;
  }

  // {"column":value,..} sorted by name, so that the order of a vendor's columns is no change.
  void write_extras(RowBuilder& row, int field) {
    if (extras.empty()) return;
    std::stable_sort(extras.begin(), extras.end(), [](const Extra& a, const Extra& b) { return a.name < b.name; });
    thread_local std::string json;
    json = "{";
    for (size_t i = 0; i < extras.size(); ++i) {
      // Of equal names the last one counts.
      if (i + 1 < extras.size() && extras[i + 1].name == extras[i].name) continue;
      append_json_name(json, extras[i].name);
      json += extras[i].raw;
    }
    json += '}';
    row.set_text(field, json);
  }
};

Mapping::Mapping(const Dataset& dataset, Options options) : dataset_(&dataset) {
  std::vector<bool> mapped(dataset.fields.size());
  skip_if_ = std::move(options.skip_if);
  has_expressions_ = skip_if_.has_value();
  for (Rule& rule : options.rules) {
    mapped[static_cast<size_t>(rule.field)] = true;
    add_rule(std::move(rule));
  }
  for (const int field : dataset.scope)
    if (!mapped[static_cast<size_t>(field)]) scope_fields_.push_back(field);
  if (options.passthrough) {
    for (size_t i = 0; i < dataset.fields.size(); ++i) {
      if (mapped[i]) continue;
      Step step;
      step.field = static_cast<int>(i);
      step.way = Way::copy;
      step.column = column_of(dataset.fields[i].name);
      steps_.push_back(std::move(step));
    }
  }
  plan_copies();
}

void Mapping::plan_copies() {
  normalize::PlainCopies copies;
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].way != Way::copy || steps_[i].column != static_cast<int>(i)) return;
    copies.add(columns_[i], steps_[i].field);
  }
  if (!has_expressions_) copies_ = std::move(copies);
}

Mapping::Mapping(Mapping&& other) noexcept
    : dataset_(other.dataset_),
      columns_(std::move(other.columns_)),
      steps_(std::move(other.steps_)),
      skip_if_(std::move(other.skip_if_)),
      scope_fields_(std::move(other.scope_fields_)),
      uses_key_(other.uses_key_),
      has_expressions_(other.has_expressions_),
      copies_(std::move(other.copies_)) {}

Mapping Mapping::identity(const Dataset& dataset) {
  Options options;
  options.passthrough = true;
  return Mapping(dataset, std::move(options));
}

int Mapping::column_of(std::string_view name) {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found != columns_.end()) return static_cast<int>(found - columns_.begin());
  columns_.emplace_back(name);
  return static_cast<int>(columns_.size()) - 1;
}

void Mapping::add_rule(Rule rule) {
  Step step;
  step.field = rule.field;
  step.place = std::move(rule.place);
  const Template& t = rule.expression;
  for (const std::string& name : t.names()) {
    if (name.starts_with("record.")) column_of(std::string_view(name).substr(7));
    if (name == "key") uses_key_ = true;
  }
  const auto is_record = [](const std::optional<Template::FieldAccess>& f) { return f && f->variable == "record"; };
  if (const auto literal = t.as_literal()) {
    step.way = Way::literal;
    step.literal = *literal;
  } else if (is_record(t.as_field())) {
    step.way = Way::copy;
    step.column = column_of(t.as_field()->field);
  } else if (const auto filtered = t.as_filtered_field();
             filtered && filtered->field.variable == "record" && filtered->filter == "number_or_null" &&
             (filtered->arguments[0]->is_undefined() || filtered->arguments[0]->is_number())) {
    step.way = Way::number_or_null;
    step.column = column_of(filtered->field.field);
    if (filtered->arguments[0]->is_number()) step.above = filtered->arguments[0]->number();
  } else {
    has_expressions_ = true;
  }
  step.expression = std::move(rule.expression);
  steps_.push_back(std::move(step));
}

int Mapping::find_column(size_t position, std::string_view name) const {
  if (position < guesses_.kCount) {
    const int guess = guesses_.of[position].load(std::memory_order_relaxed);
    if (guess >= 0 && columns_[static_cast<size_t>(guess)] == name) return guess;
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i] != name) continue;
    if (position < guesses_.kCount) guesses_.of[position].store(static_cast<int16_t>(i), std::memory_order_relaxed);
    return static_cast<int>(i);
  }
  return -1;
}

bool Mapping::fill_scope(const Scope& scope, RowBuilder& row, std::string& reason) const {
  for (const int field : scope_fields_) {
    if (row.is_set(field)) continue;  // the record's own; whether it fits is the caller's question
    const std::string& name = dataset_->fields[static_cast<size_t>(field)].name;
    const std::string& value = name == "source" ? scope.source : name == "account" ? scope.account : scope.slice;
    if (!value.empty() && !normalize::set_text(row, field, value, reason)) return false;
  }
  return true;
}

Mapping::Outcome Mapping::apply(std::string_view value, std::string_view key, const Scope& scope, RowBuilder& row,
                                std::string& reason) const {
  if (!copies_ || !copies_->read(value, guesses_, row)) {
    const Outcome outcome = evaluate(value, key, scope, row, reason);
    if (outcome != Outcome::row) return outcome;
  }
  if (!fill_scope(scope, row, reason)) return Outcome::refused;
  if (const int missing = row.first_missing(); missing >= 0) {
    reason = fmt::format("field {}: a value is required", dataset_->fields[static_cast<size_t>(missing)].name);
    return Outcome::refused;
  }
  return Outcome::row;
}

// Everything that can be said of a record, but for its scope's fields.
Mapping::Outcome Mapping::evaluate(std::string_view value, std::string_view key, const Scope& scope, RowBuilder& row,
                                   std::string& reason) const {
  thread_local Pass pass;
  row.clear();
  const bool keep_extras = dataset_->extra.has_value();
  if (const Status read = normalize::read_fields(value, pass.fields); !read.ok()) {
    reason = read.error().what;
    return Outcome::refused;
  }
  if (!pass.sort_fields(*this, keep_extras, reason)) return Outcome::refused;

  const LazyRecord record(value, columns_, pass.values);
  const LazyScope lazy_scope(scope);
  thread_local Variables variables;
  if (has_expressions_) {
    variables.bind("record", &record);
    variables.bind("scope", &lazy_scope);
    variables.set("key", uses_key_ ? Value(key) : Value());
  }
  if (skip_if_) {
    const auto skip = skip_if_->evaluate_bool(variables);
    if (!skip) {
      reason = fmt::format("skip_if: {}", skip.error().message());
      return Outcome::refused;
    }
    if (*skip) return Outcome::skipped;
  }
  for (const Step& step : steps_) {
    bool ok = true;
    switch (step.way) {
      case Way::copy:
        ok = normalize::set_field(row, step.field, pass.values[static_cast<size_t>(step.column)], reason);
        break;
      case Way::literal:
        ok = normalize::set_text(row, step.field, step.literal, reason);
        break;
      case Way::number_or_null: {
        const RawValue& raw = pass.values[static_cast<size_t>(step.column)];
        std::optional<Decimal> number;
        if (raw.kind == RawValue::Kind::number || raw.kind == RawValue::Kind::text) number = parse_amount(raw.text);
        if (number && (!step.above || compare(*number, *step.above) > 0))
          ok = normalize::set_number(row, step.field, *number, reason);
        break;
      }
      case Way::expression: {
        const auto result = step.expression->evaluate(variables);
        if (!result) {
          reason = fmt::format("field {}: {}", dataset_->fields[static_cast<size_t>(step.field)].name,
                               result.error().message());
          return Outcome::refused;
        }
        ok = normalize::set_field(row, step.field, *result, reason);
        break;
      }
    }
    if (!ok) return Outcome::refused;
  }
  if (keep_extras && !row.is_set(*dataset_->extra)) pass.write_extras(row, *dataset_->extra);
  return Outcome::row;
}

}  // namespace sujip
