#pragma once
// Reads back what ChangeWriter wrote: a change event of change.<dataset>.

#include <string_view>

#include "topics/row.h"

namespace sujip {

struct ReadChange {
  bool deleted = false;      // then the row is the one that went
  std::string_view subject;  // of its scope
  int64_t rev = 0;           // offset behind the input record that made it
};

// Fills `row` (texts of it lie in `event`) and `out`. False when the event is not exactly in the form of the writer
// with the fields that `dataset` has now, or has an escape in one of its texts: it must be parsed then.
bool read_change(const Dataset& dataset, std::string_view event, RowBuilder& row, ReadChange& out);

}  // namespace sujip
