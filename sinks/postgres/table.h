#pragma once
// A table the sink fills: its columns, where each value stands in a message, and the SQL that makes
// it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sujip::sink {

enum class Origin : uint8_t {
  row,       // a member of `after` (envelope) or of the value itself (flat)
  before,    // a member of `before`
  source,    // a member of the envelope's `source`
  envelope,  // a member of the envelope itself
  kafka,     // partition, offset or timestamp of the record
  removal,   // says that, or when, the row was removed
};

struct Column {
  std::string name;   // in the table
  std::string type;   // as PostgreSQL's format_type() says it: text, bigint, numeric, boolean, date,
                      // timestamp with time zone, jsonb, integer
  std::string field;  // JSON member
  Origin origin = Origin::row;
  bool millis = false;    // the member is milliseconds since 1970
  bool required = false;  // not null
  bool keep = false;      // a null doesn't overwrite what is there
  std::string ko, en;     // comments
};

enum class Shape : uint8_t { envelope, flat };

// What happens to a row that is there already.
enum class Conflict : uint8_t {
  newer,    // replaced when the new revision is higher
  changed,  // replaced when the new one says something else
  replace,  // replaced
  keep,     // left alone
};

// What a removal does.
enum class Removal : uint8_t {
  erase,   // deletes the row
  mark,    // fills the column of Origin::removal
  ignore,  // nothing
};

// A view of the days that were collected, beside the table of totals.
struct Daily {
  std::string dataset;
  std::string grain;  // of the sums by source and account
  std::vector<std::string> measures;
};

struct Table {
  std::string schema = "sujip";
  std::string name;
  Shape shape = Shape::envelope;
  std::vector<Column> columns;
  std::vector<int> key;   // indexes into columns
  int revision = -1;      // index of the column that only grows; -1: there is none
  int date = -1;          // index of a date in the key, by which the table may be partitioned; -1: none
  bool by_month = false;  // made with a partition per month of it
  std::optional<Daily> daily;
  // Read with each record, for another table; not columns of this one.
  std::vector<Column> aside;
  // Key columns may be null and null equals null (rollups: null where summed over).
  bool nullable_key = false;
  Conflict conflict = Conflict::newer;
  Removal removal = Removal::erase;
  // The topic's key is a JSON object of the key columns; otherwise the key is in the value.
  bool json_key = true;
  bool declared = false;  // made and widened by the sink; otherwise by a file of sql/
  bool foreign = false;   // a user's own table, filled by a mapping
  std::string ko, en;

  int column_index(std::string_view column) const;  // -1 when there is none
  bool is_key(int column) const;
};

// "sujip"."product"
std::string qualified(const Table& table);

// The columns of the key, quoted: "a", "b".
std::string key_list(const Table& table);
std::string create_sql(const Table& table);
std::string add_column_sql(const Table& table, const Column& column);
std::vector<std::string> comment_sql(const Table& table);

}  // namespace sujip::sink
