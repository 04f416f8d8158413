#pragma once
// A dataset, declared once in topics/datasets/<name>.yaml. Topics, tables, JSON Schemas,
// normalization, change detection and rollups all follow from it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sujip {

enum class FieldType : uint8_t { string, integer, decimal, boolean, date, timestamp, json };
std::string_view name_of(FieldType type);

struct Field {
  std::string name;
  FieldType type = FieldType::string;
  int scale = 0;             // decimals: digits behind the point
  bool required = false;     // null is refused; key fields are always required
  bool is_volatile = false;  // kept, but a change in it alone is no change
  bool minor = false;        // a change in it alone is counted apart
  std::string unit;
  std::string ko, en;     // comments
  std::string json_name;  // `"name":`, made by the loader
};

struct Measure {
  enum class Kind : uint8_t { sum, distinct };
  std::string name;
  Kind kind = Kind::sum;
  std::vector<int> fields;  // sum: one field; distinct: the fields whose combinations are counted
  int scale = 0;            // of sums
};

// One set of dimensions to sum over; `grain` names it.
struct RollupSet {
  std::string grain;
  std::vector<int> dimensions;  // field indexes; may be empty
  // Empty: as-was, a row counts under the dimensions that it says. Otherwise as-is: the fields that name an
  // entity; dimensions that are not among them are those of the entity's latest row, for all its days.
  std::vector<int> as_is = {};
  bool is_as_is() const { return !as_is.empty(); }
};

// Holds a snapshot that would delete, or void the guarded values of, more than a share of the rows.
struct Guard {
  double deleted_share = 0.5;
  double zeroed_share = 0.5;
  int64_t min_rows = 20;  // scopes smaller than this are not guarded
};

enum class PartitionBy : uint8_t { scope, key };

struct Dataset {
  std::string name;
  std::string raw_topic;
  bool plain = false;     // records without headers are upserts of this dataset
  bool by_month = false;  // its table has a partition per month of `date`, which is in the key
  PartitionBy partition = PartitionBy::scope;
  std::vector<Field> fields;
  std::vector<int> scope;  // source, account[, slice]: indexes into fields
  std::vector<int> key;
  std::optional<int> date;      // the field rollups take their day from
  std::optional<int> currency;  // sums never mix its values
  std::vector<int> guarded;     // "zeroed" = one of these went from a value to null or 0
  std::optional<int> extra;     // json field that takes unmapped columns
  std::vector<Measure> measures;
  std::vector<RollupSet> rollups;
  Guard guard;
  std::string ko, en;
  // The two parts of a binary row (topics/row.h), as field indexes; made by the loader.
  std::vector<int> canonical_fields, volatile_fields;

  int field_index(std::string_view field) const;  // -1 when there is none
  // All dimensions of all rollups, each once, in order of the fields.
  std::vector<int> rollup_dimensions() const;
  std::string change_topic() const { return "change." + name; }
  std::string scope_topic() const { return "scope." + name; }
  std::string rollup_topic() const { return "rollup." + name; }
  std::string distinct_topic() const { return "distinct." + name; }
  std::string as_is_topic() const { return "asis." + name; }
  bool has_rollup() const { return !rollups.empty(); }
  bool has_as_is() const;  // any rollup that is as-is
};

// Reads one declaration; errors name file, line and what is allowed.
Result<Dataset> load_dataset(const std::string& file);
Result<Dataset> parse_dataset(const std::string& yaml, const std::string& file_name);

// All declarations of a folder, sorted by name.
class Datasets {
 public:
  static Result<Datasets> load(const std::string& dir);
  explicit Datasets(std::vector<Dataset> all) : all_(std::move(all)) {}
  const std::vector<Dataset>& all() const { return all_; }
  const Dataset* find(std::string_view name) const;
  // The dataset that takes records without headers from this raw topic; null when none does.
  const Dataset* plain_of(std::string_view raw_topic) const;

 private:
  std::vector<Dataset> all_;
};

// JSON Schema (draft 2020-12) of a row of the dataset, of its change event and of its rollup rows, and
// of the keys of both topics.
std::string row_schema(const Dataset& dataset);
std::string change_schema(const Dataset& dataset);
std::string change_key_schema(const Dataset& dataset);
std::string rollup_schema(const Dataset& dataset);
std::string rollup_key_schema(const Dataset& dataset);

}  // namespace sujip
