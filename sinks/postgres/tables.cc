#include "sinks/postgres/tables.h"

#include <algorithm>

namespace sujip::sink {
namespace {

constexpr const char* kTimestamp = "timestamp with time zone";

std::string sql_type(FieldType type) {
  switch (type) {
    case FieldType::string:
      return "text";
    case FieldType::integer:
      return "bigint";
    // Without a scale, so that a declaration may widen it without rewriting the table.
    case FieldType::decimal:
      return "numeric";
    case FieldType::boolean:
      return "boolean";
    case FieldType::date:
      return "date";
    case FieldType::timestamp:
      return kTimestamp;
    case FieldType::json:
      return "jsonb";
  }
  return "text";
}

Column from_field(const Field& field) {
  Column column;
  column.name = column.field = field.name;
  column.type = sql_type(field.type);
  column.ko = field.ko;
  column.en = field.en;
  if (!field.unit.empty()) column.en += (column.en.empty() ? "[" : " [") + field.unit + "]";
  return column;
}

Column plain(std::string name, std::string type, bool required = false) {
  Column column;
  column.name = column.field = std::move(name);
  column.type = std::move(type);
  column.required = required;
  return column;
}

Column from_source(std::string name, std::string type, bool required = false) {
  Column column = plain(std::move(name), std::move(type), required);
  column.origin = Origin::source;
  return column;
}

Column millis(std::string name, std::string field) {
  Column column = plain(std::move(name), kTimestamp);
  column.field = std::move(field);
  column.millis = true;
  return column;
}

Table ledger(std::string name, std::vector<Column> columns, const std::vector<std::string_view>& key) {
  Table table;
  table.name = std::move(name);
  table.shape = Shape::flat;
  table.columns = std::move(columns);
  for (const auto k : key) table.key.push_back(table.column_index(k));
  table.conflict = Conflict::replace;
  table.json_key = false;
  return table;
}

// A scope is a day of an account, and its totals are known.
std::optional<Daily> daily_of(const Dataset& dataset) {
  const std::vector<int>& scope = dataset.scope;
  if (scope.size() != 3 || scope[2] != dataset.date.value_or(-1)) return std::nullopt;
  if (dataset.fields[static_cast<size_t>(scope[0])].name != "source" ||
      dataset.fields[static_cast<size_t>(scope[1])].name != "account")
    return std::nullopt;
  const auto sums = std::find_if(dataset.rollups.begin(), dataset.rollups.end(), [&](const RollupSet& set) {
    return set.dimensions.size() == 2 &&
           std::is_permutation(set.dimensions.begin(), set.dimensions.end(), scope.begin());
  });
  if (sums == dataset.rollups.end()) return std::nullopt;
  Daily daily{dataset.name, sums->grain, {}};
  for (const Measure& measure : dataset.measures) daily.measures.push_back(measure.name);
  return daily;
}

}  // namespace

Table dataset_table(const Dataset& dataset) {
  Table table;
  table.name = dataset.name;
  table.declared = true;
  table.ko = dataset.ko;
  table.en = dataset.en;
  for (const Field& field : dataset.fields) table.columns.push_back(from_field(field));
  for (const int k : dataset.key) {
    table.key.push_back(k);
    table.columns[static_cast<size_t>(k)].required = true;
  }
  if (dataset.date && table.is_key(*dataset.date)) table.date = *dataset.date;
  table.by_month = dataset.by_month;
  table.revision = static_cast<int>(table.columns.size());
  table.columns.push_back(from_source("rev", "bigint", true));
  table.columns.back().en = "grows with every change of the row";
  table.columns.push_back(from_source("run", "text"));
  table.columns.back().en = "the run that changed the row last";
  Column updated = millis("updated_at", "ts_ms");
  updated.origin = Origin::envelope;
  updated.en = "snapshot that changed the row last";
  table.columns.push_back(updated);
  return table;
}

Table rollup_table(const Dataset& dataset) {
  Table table;
  table.name = dataset.name + "_rollup";
  table.shape = Shape::flat;
  table.declared = true;
  table.nullable_key = true;
  table.daily = daily_of(dataset);
  if (!dataset.ko.empty()) table.ko = dataset.ko + " 집계";
  if (!dataset.en.empty()) table.en = dataset.en + ": totals by day, ISO week, month and year";
  table.columns = {plain("grain", "text", true), plain("period", "text", true), plain("period_start", "date", true)};
  std::vector<int> dimensions = dataset.rollup_dimensions();
  for (const int d : dimensions) {
    const Field& field = dataset.fields[static_cast<size_t>(d)];
    if (field.name != "currency") table.columns.push_back(from_field(field));
  }
  table.columns.push_back(plain("currency", "text"));
  for (size_t i = 0; i < table.columns.size(); ++i) table.key.push_back(static_cast<int>(i));
  for (const Measure& measure : dataset.measures) {
    const bool whole = measure.kind == Measure::Kind::distinct ||
                       (!measure.fields.empty() &&
                        dataset.fields[static_cast<size_t>(measure.fields.front())].type == FieldType::integer);
    // Sums of integers may leave bigint's range; numeric never does.
    table.columns.push_back(
        plain(measure.name, whole && measure.kind == Measure::Kind::distinct ? "bigint" : "numeric"));
  }
  table.columns.push_back(plain("accounts", "bigint"));
  table.columns.push_back(plain("rows", "bigint"));
  table.revision = static_cast<int>(table.columns.size());
  table.columns.push_back(plain("rev", "bigint", true));
  table.columns.push_back(millis("updated_at", "ts_ms"));
  return table;
}

Table change_log_table() {
  std::vector<Column> columns = {plain("source", "text", true),
                                 plain("account", "text", true),
                                 plain("dataset", "text", true),
                                 plain("scope", "text", true),
                                 plain("run", "text", true),
                                 millis("snapshot_at", "snapshot_at"),
                                 plain("rows", "bigint", true),
                                 plain("created", "bigint", true),
                                 plain("updated", "bigint", true),
                                 plain("deleted", "bigint", true),
                                 plain("verdict", "text", true),
                                 plain("minor", "bigint", true),
                                 plain("zeroed", "bigint", true),
                                 plain("duplicates", "bigint", true),
                                 plain("rejected", "bigint", true),
                                 plain("same", "bigint", true),
                                 plain("reason", "text"),
                                 plain("by", "text"),
                                 plain("partitions", "integer"),
                                 plain("partition", "integer"),
                                 plain("topic", "text"),
                                 plain("slice", "text"),
                                 millis("decided_at", "ts_ms")};
  return ledger("change_log", std::move(columns), {"scope", "run"});
}

Table run_log_table() {
  std::vector<Column> columns = {
      plain("scope", "text", true),       plain("run", "text", true),     plain("stage", "text", true),
      plain("attempt", "integer", true),  plain("file", "text", true),    plain("source", "text", true),
      plain("account", "text", true),     plain("dataset", "text", true), plain("slice", "text"),
      plain("state", "text", true),       plain("rows", "bigint"),        plain("bytes", "bigint"),
      plain("message", "text"),           plain("hint", "text"),          plain("error_class", "text"),
      millis("started_at", "started_at"), plain("duration_ms", "bigint"), millis("ts", "ts_ms")};
  columns[15].keep = true;
  return ledger("run_log", std::move(columns), {"scope", "run", "stage", "attempt", "file"});
}

Table loading_table() {
  std::vector<Column> columns = {plain("scope", "text", true),   plain("run", "text", true),
                                 plain("stage", "text", true),   plain("attempt", "integer", true),
                                 plain("file", "text", true),    plain("source", "text", true),
                                 plain("account", "text", true), plain("dataset", "text", true),
                                 plain("slice", "text"),         plain("state", "text", true),
                                 plain("rows", "bigint"),        millis("started_at", "ts_ms"),
                                 millis("ts", "ts_ms")};
  // A run over many partitions is told again as they apply it: its rows grow, and it is on its way again.
  return ledger("run_log", std::move(columns), {"scope", "run", "stage", "attempt", "file"});
}

Table dead_letter_table() {
  std::vector<Column> columns = {plain("topic", "text", true),    plain("partition", "integer", true),
                                 plain("offset", "bigint", true), plain("dataset", "text"),
                                 plain("scope", "text"),          plain("run", "text"),
                                 plain("stage", "text"),          plain("reason", "text"),
                                 plain("value_preview", "text"),  millis("ts", "ts_ms")};
  columns[8].field = "value_base64";
  return ledger("dead_letter", std::move(columns), {"topic", "partition", "offset"});
}

Table price_history_table() {
  std::vector<Column> columns = {plain("source", "text", true),  plain("account", "text", true),
                                 plain("section", "text", true), plain("product_code", "text", true),
                                 millis("snapshot_at", "ts_ms"), plain("price_before", "numeric"),
                                 plain("price", "numeric"),      plain("price_text_before", "text"),
                                 plain("price_text", "text"),    plain("run", "text"),
                                 plain("rev", "bigint", true)};
  Table table =
      ledger("product_price_history", std::move(columns), {"source", "account", "section", "product_code", "rev"});
  table.conflict = Conflict::keep;
  return table;
}

std::vector<Table> declared_tables(const Datasets& datasets, const std::string& schema) {
  std::vector<Table> tables;
  for (const Dataset& dataset : datasets.all()) {
    tables.push_back(dataset_table(dataset));
    if (dataset.has_rollup()) tables.push_back(rollup_table(dataset));
  }
  for (Table& table : tables) table.schema = schema;
  std::sort(tables.begin(), tables.end(), [](const Table& a, const Table& b) { return a.name < b.name; });
  return tables;
}

}  // namespace sujip::sink
