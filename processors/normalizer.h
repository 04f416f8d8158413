#pragma once
// From a raw record to a row in standard fields.

#include <string_view>

#include "core/result.h"
#include "topics/row.h"
#include "topics/scope.h"

namespace sujip {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Fills `row` (cleared before). An error's `what` is the reason shown with the dead letter. Texts of
  // the row may lie in `value` or in memory of this thread's next normalize(): use or copy them before.
  virtual Status normalize(std::string_view value, std::string_view key, const Scope& scope,
                           RowBuilder& row) const = 0;
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
