#include "producers/files/feed_memory.h"

#include <algorithm>

namespace sujip::feeds {

FeedMemory::FeedMemory(std::vector<AcceptedFile> files) {
  for (const AcceptedFile& file : files) remember(file);
}

const AcceptedFile* FeedMemory::find(const std::string& file) const {
  const auto at = files_.find(file);
  return at == files_.end() ? nullptr : &at->second;
}

bool FeedMemory::untouched(const FoundFile& file) const {
  const AcceptedFile* known = find(file.name);
  return known != nullptr && known->size == file.size && known->mtime_ns == file.mtime_ns;
}

Answer FeedMemory::decide(const OfferedFile& offered, const std::string& content_hash, bool by_hand) const {
  const std::string subject = offered.scope.subject();
  const AcceptedFile* known = find(offered.file.name);
  const bool by_name = offered.snapshot_at || !by_hand;
  if (by_name && known != nullptr && known->content_hash == content_hash && known->scope == subject) {
    return Answer::known;
  }
  const auto last = scopes_.find(subject);
  if (last == scopes_.end() || last->second.content_hash != content_hash) return Answer::publish;
  const bool another = offered.snapshot_at && *offered.snapshot_at != last->second.run.snapshot_ms;
  return another ? Answer::publish : Answer::same;
}

void FeedMemory::remember(const AcceptedFile& accepted) {
  files_[accepted.file] = accepted;
  last_seq_ = std::max(last_seq_, accepted.run.seq);
  Last& last = scopes_[accepted.scope];
  if (last.run <= accepted.run) last = {accepted.run, accepted.content_hash};
}

RunId FeedMemory::next_run(const OfferedFile& offered, TimeMs now) {
  last_seq_ = std::max<int64_t>(last_seq_ + 1, now);
  RunId run{offered.snapshot_at.value_or(last_seq_), last_seq_};
  if (!offered.snapshot_at) {
    const RunId* last = last_run(offered.scope.subject());
    if (last != nullptr) run.snapshot_ms = std::max(run.snapshot_ms, last->snapshot_ms);
  }
  return run;
}

const RunId* FeedMemory::last_run(const std::string& subject) const {
  const auto at = scopes_.find(subject);
  return at == scopes_.end() ? nullptr : &at->second.run;
}

}  // namespace sujip::feeds
