#pragma once
// A table the sink fills: its columns, where each value stands in a message, and the SQL that follows.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sujip::sink {

enum class Origin : uint8_t {
  row,       // a member of `after` (envelope) or of the value itself (flat)
  source,    // a member of the envelope's `source`
  envelope,  // a member of the envelope itself
};

struct Column {
  std::string name;  // in the table
  std::string type;  // as PostgreSQL's format_type() says it: text, bigint, numeric, boolean, date,
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
  replace,  // replaced
  keep,     // left alone
};

struct Table {
  std::string name;  // without schema
  Shape shape = Shape::envelope;
  std::vector<Column> columns;
  std::vector<int> key;  // indexes into columns
  // Key columns may be null and null equals null (rollups: null where summed over).
  bool nullable_key = false;
  Conflict conflict = Conflict::newer;
  // The topic's key is a JSON object of the key columns; otherwise the key is in the value.
  bool json_key = true;
  bool declared = false;  // made and widened by the sink; otherwise by a file of sql/
  std::string ko, en;

  int column_index(std::string_view column) const;  // -1 when there is none
  bool is_key(int column) const;
};

// "sujip"."product"
std::string qualified(const Table& table);
// Name of the session's temporary table: batch_product
std::string batch_table(const Table& table);

std::string create_sql(const Table& table);
std::string add_column_sql(const Table& table, const Column& column);
std::vector<std::string> comment_sql(const Table& table);

// Large batches: COPY into a temporary table, then one merge.
std::string create_batch_table_sql(const Table& table);
std::string copy_sql(const Table& table);
std::string merge_sql(const Table& table);
// Small batches: one array of text per column, $1 … $n.
std::string upsert_sql(const Table& table);
// Arrays of the key columns that are not null by `nulls` (bit per key column), then the revisions
// when the table has a column rev.
std::string delete_sql(const Table& table, uint32_t nulls);

}  // namespace sujip::sink
