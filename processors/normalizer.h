#pragma once
// From a raw record to a row in standard fields.

#include <string_view>

#include "core/result.h"
#include "topics/row.h"
#include "topics/scope.h"

namespace sujip {

class Normalizer {
 public:
  // row: `row` is filled. skipped: the mapping says that the record is no row of this dataset.
  // refused: `reason` is what the dead letter shows.
  enum class Outcome : uint8_t { row, skipped, refused };

  virtual ~Normalizer() = default;
  // Fills `row`, which is cleared. Texts of it may lie in `value` or in memory of this thread's next
  // apply(): use or copy them before. Safe from any number of threads.
  virtual Outcome apply(std::string_view value, std::string_view key, const Scope& scope, RowBuilder& row,
                        std::string& reason) const = 0;

  // Where a skipped record would be a mistake, too.
  Status normalize(std::string_view value, std::string_view key, const Scope& scope, RowBuilder& row) const {
    std::string reason;
    switch (apply(value, key, scope, row, reason)) {
      case Outcome::row:
        return {};
      case Outcome::skipped:
        return Error{"skip_if: the record is no row of this dataset", "", ""};
      case Outcome::refused:
        break;
    }
    return Error{std::move(reason), "", ""};
  }
};

// All normalizers of the process: one per (source, dataset) with a mapping, and the identity form.
class Normalizers {
 public:
  virtual ~Normalizers() = default;
  // nullptr: there is no mapping for that source and dataset.
  virtual const Normalizer* find(std::string_view source, std::string_view dataset) const = 0;
  // Standard fields by name; for records without headers and for reading back our own rows.
  virtual const Normalizer& identity(const Dataset& dataset) const = 0;
};

}  // namespace sujip
