#pragma once
// metadata.sujip of a manifest: which stream feeds which dataset, in which order, and which days are due.

#include <optional>
#include <string>
#include <vector>

#include "core/calendar.h"
#include "producers/engine/manifest.h"
#include "producers/engine/text.h"
#include "topics/dataset.h"

namespace sujip::engine {

enum class Stage : uint8_t { account, status, report };

struct Feed {
  std::string stream;
  const Dataset* dataset = nullptr;
  Stage stage = Stage::report;
  std::vector<std::string> key;      // fields of the record
  bool accept_empty = false;         // no rows is an answer, not a gap
  bool guard = true;                 // the dataset's mass-delete guard holds
  std::optional<Text> state;         // stage status: active, paused, access_lost, … for the registry
  std::optional<Text> skip_reports;  // stage status: a reason, or "" to go on
};

struct Plan {
  std::string kind;
  std::string time_zone = "Asia/Seoul";
  std::string currency;
  std::vector<std::string> credentials;  // names that must be there
  std::vector<int> restate_days;         // collected again this many days later
  int backfill_days = 35;
  std::string account_field = "account";         // of the partition
  std::optional<Text> account_id, account_name;  // of a record of the account stream
  std::optional<Text> collected_with;            // account whose key lists the others
  std::string check_stream;  // its first slice is the cheapest proof that an account can be read; or ""
  int workers = 8;
  std::vector<Feed> feeds;

  // `datasets` must outlive the plan.
  static Result<Plan> build(const Manifest& manifest, const Datasets& datasets, const Value& config);
  bool restates(int days_ago) const;
};

}  // namespace sujip::engine
