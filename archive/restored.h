#pragma once
// How far a restore has come, kept in Kafka itself: as the offset of a group without members, committed in
// the transaction of the records it stands for. The offset is the number of records restored. Its note
// names the archive, and where the partition ended when the transaction did: what lies behind that is
// somebody else's.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/kafka/consumer.h"
#include "core/result.h"
#include "core/settings.h"

namespace sujip::archive {

struct RestoredNote {
  std::string archive;
  int64_t end = 0;

  std::string str() const;
  static std::optional<RestoredNote> parse(const std::string& text);
};

struct RestoredPosition {
  int64_t records = 0;
  std::optional<RestoredNote> note;  // none: nothing was restored into this partition
};

// Name of the group, and of the transactional id.
std::string restore_name(const Settings& settings);

// Of all partitions, in the order asked for.
Result<std::vector<RestoredPosition>> read_restored(const Settings& settings,
                                                    const std::vector<kafka::TopicPartition>& partitions);

// True when a committed record lies in the partition at `from` or behind it.
Result<bool> has_record_from(const Settings& settings, const kafka::TopicPartition& tp, int64_t from);

}  // namespace sujip::archive
