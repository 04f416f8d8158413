#pragma once
// Writes change events: the Debezium envelope, and a tombstone after a delete.

#include <string>
#include <string_view>
#include <vector>

#include "processors/task.h"
#include "topics/dataset.h"
#include "topics/messages.h"
#include "topics/row_json.h"

namespace sujip {

class ChangeWriter {
 public:
  // What all changes of one run share. `run` may be "" for plain upserts.
  void start(const Dataset& dataset, const Scope& scope, std::string_view subject, std::string_view run, TimeMs ts_ms,
             int32_t partition);
  // before/after null as the change has them; `rev` grows with every change of a key.
  void write(const std::vector<FieldValue>* before, const std::vector<FieldValue>* after, bool minor, int64_t rev,
             Outputs& outputs);

 private:
  const Dataset* dataset_ = nullptr;
  std::string topic_;
  int32_t partition_ = 0;
  std::string subject_, run_;  // of the tail
  TimeMs ts_ms_ = 0;
  std::string tail_;  // ,"ts_ms":..,"source":{.. up to "rev":
  RowJsonWriter rows_;
  std::string text_;  // room for a key and a value
};

// Adds to sujip_changes_total.
void count_changes(const std::string& source, const Counts& counts);

}  // namespace sujip
