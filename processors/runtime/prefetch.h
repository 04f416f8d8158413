#pragma once
// A record comes from another processor's cache: it is asked for while those before it are worked on.

#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/kafka/message.h"

namespace sujip {

// Called before the record at `at` is worked on.
inline void prefetch(const std::vector<kafka::MessagePtr>& batch, size_t at) {
  constexpr size_t kAhead = 2;
  constexpr size_t kMost = 1024;
  constexpr size_t kLine = 64;
  if (at + 2 * kAhead < batch.size()) __builtin_prefetch(batch[at + 2 * kAhead].get());
  if (at + kAhead >= batch.size()) return;
  const rd_kafka_message_t& message = *batch[at + kAhead];
  const char* const bytes = static_cast<const char*>(message.payload);
  for (size_t i = 0; i < std::min(message.len, kMost); i += kLine) __builtin_prefetch(bytes + i);
}

}  // namespace sujip
