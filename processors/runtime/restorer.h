#pragma once
// Reads the state of newly assigned partitions back from Kafka, on a thread of its own: the lane goes on
// with its other partitions, and answers the group, meanwhile.

#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/kafka/consumer.h"
#include "processors/runtime/slot.h"

namespace sujip {

class Lane::Restorer {
 public:
  // Both outlive the object. `group` is only asked for committed offsets.
  Restorer(const LaneOptions& options, Store& store, kafka::Consumer& group);
  ~Restorer();

  // Sets next_offset and the state of each slot. One call at a time: cancel() comes before the next.
  void start(std::vector<Slot*> slots);
  // Afterwards no slot is touched any more. Waits for a request under way (a second at most).
  void cancel();
  bool busy() const { return waiting_ > 0; }
  // The slots that became whole since the last call. An error: none of the others will.
  Result<std::vector<Slot*>> finished();

 private:
  struct Reading;
  void run(const std::stop_token& stop, const std::vector<Slot*>& slots);
  Status restore(const std::stop_token& stop, const std::vector<Slot*>& slots);
  Status ask_offsets(const std::stop_token& stop, const std::vector<Slot*>& slots);
  // The ends of the slots' state topics once no transaction is open in them.
  Result<std::vector<Reading>> stable_ends(const std::stop_token& stop, const std::vector<Slot*>& slots);
  Status find_starts(const std::stop_token& stop, std::vector<Reading>& readings);
  Status read(const std::stop_token& stop, std::vector<Reading> readings);
  // What was read so far becomes a checkpoint, so that memory stays bounded.
  Status save(Slot& slot, const std::vector<const Reading*>& readings);
  // Hands a partition over whose state is whole, unless the group has forgotten its offset.
  Status finish(Slot& slot);
  static Error forgotten(const Slot& slot, int64_t upto);

  const LaneOptions& options_;
  Store& store_;
  kafka::Consumer& group_;
  std::unique_ptr<kafka::Consumer> reader_;  // committed records
  std::unique_ptr<kafka::Consumer> all_;     // for the ends with open transactions
  size_t waiting_ = 0;                       // slots not handed back yet; the lane's thread only
  std::mutex mutex_;
  std::vector<Slot*> done_;
  std::optional<Error> failed_;
  std::jthread thread_;
};

}  // namespace sujip
