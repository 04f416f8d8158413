// Records without headers: each one is an upsert of its row.

#include "processors/entity/entity_task.h"

namespace sujip {

void EntityTask::plain(const Record& record, Outputs& outputs) {
  if (plain_.dataset == nullptr || !record.value) {
    outputs.dead_letter(record, plain_.dataset != nullptr ? plain_.dataset->name : "", "", "",
                        plain_.dataset == nullptr ? "records without ce_ headers are not taken in this topic"
                                                  : "a tombstone says nothing in a raw topic");
    return;
  }
  const Dataset& dataset = *plain_.dataset;
  RowBuilder& builder = *plain_.builder;
  if (const Status s = plain_.identity->normalize(*record.value, record.key, {}, builder); !s.ok()) {
    outputs.dead_letter(record, dataset.name, "", "", s.error().message());
    return;
  }
  const std::vector<FieldValue>& after = builder.values();
  row_bytes_.clear();
  builder.encode(row_bytes_);
  enter_plain_scope(after);
  if (plain_.block == nullptr) {
    plain_.block = &store_.block(kRowSpace, plain_.prefix);
    plain_.block->prefetch();
  }
  Block& block = *plain_.block;
  const KeyHash key = key_hash(dataset, after);
  const auto old = block.find(key);
  if (old && canonical_part(*old) == canonical_part(row_bytes_)) {
    ++plain_.counts->same;
    return;
  }
  bool minor = false;
  if (old) {
    decode_row(dataset, *old, row_values_);
    minor = differs_only_in_minor(dataset, row_values_, after);
  }
  const std::vector<FieldValue>* before = old ? &row_values_ : nullptr;
  plain_.deltas->change(before, &after);
  writer_.start(dataset, plain_.scope, plain_.subject, "", record.timestamp, options_.partition);
  writer_.write(before, &after, minor, record.offset + 1, outputs);
  ++(!old ? plain_.counts->created : minor ? plain_.counts->minor : plain_.counts->updated);
  store_.put(block, key, row_bytes_);
}

// Rows of a scope mostly come together: what follows from the scope is made when it changes.
void EntityTask::enter_plain_scope(const std::vector<FieldValue>& row) {
  const Dataset& dataset = *plain_.dataset;
  const auto at = [&](size_t i) -> const FieldValue& { return row[static_cast<size_t>(dataset.scope[i])]; };
  const bool sliced = dataset.scope.size() > 2;
  if (plain_.counts != nullptr && at(0).text == plain_.scope.source && at(1).text == plain_.scope.account &&
      (!sliced || (at(2).number == plain_.slice_number && at(2).text == plain_.slice_text)))
    return;
  plain_.block = nullptr;
  plain_.scope = row_scope(dataset, row);
  plain_.subject = plain_.scope.subject();
  plain_.prefix = scope_hash(plain_.subject);
  plain_.slice_number = sliced ? at(2).number : 0;
  plain_.slice_text = sliced ? std::string(at(2).text) : "";
  plain_.counts = &plain_counts_[plain_.scope.source];
}

}  // namespace sujip
