#pragma once
// What was accepted before, and what follows from it for a file that is offered now. No I/O.

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "producers/files/offered_file.h"

namespace sujip::feeds {

// One row of sujip.feed_file.
struct AcceptedFile {
  std::string file;
  std::string content_hash;
  int64_t size = 0;
  int64_t mtime_ns = 0;
  std::string scope;  // subject
  RunId run;
  int64_t rows = 0;
  bool same = false;  // its scope already said this when it came
};

enum class Answer : uint8_t {
  publish,
  known,  // this file with this content was accepted
  same,   // the scope's last accepted content is this one
};

class FeedMemory {
 public:
  FeedMemory() = default;
  explicit FeedMemory(std::vector<AcceptedFile> files);

  const AcceptedFile* find(const std::string& file) const;
  // Size and time of change are those of the accepted file: nobody needs to read it.
  bool untouched(const FoundFile& file) const;

  // For a file whose content is known by its hash. A snapshot of a series is evidence of its own: it
  // is published even when it says what the one before said, unless it is the very same snapshot.
  // `by_hand`: a person offers the file again, and means it: only what the scope says now counts.
  Answer decide(const OfferedFile& offered, const std::string& content_hash, bool by_hand = false) const;

  void remember(const AcceptedFile& accepted);

  // The id of a new run: later than everything accepted so far, also when the clock was set back.
  RunId next_run(const OfferedFile& offered, TimeMs now);

  // The run of the scope's last accepted content; nullptr when there is none.
  const RunId* last_run(const std::string& subject) const;

 private:
  struct Last {
    RunId run;
    std::string content_hash;
  };
  std::unordered_map<std::string, AcceptedFile> files_;
  std::unordered_map<std::string, Last> scopes_;
  int64_t last_seq_ = 0;
};

}  // namespace sujip::feeds
