#include "producers/api_runners.h"

#include <algorithm>

#include "core/exit_codes.h"
#include "core/log.h"

namespace sujip {
namespace {

constexpr auto kRetryAfter = std::chrono::seconds(5);  // broker or database away
constexpr int kTriesOfAPass = 12;                      // then a single pass gives up

}  // namespace

ApiRunners::ApiRunners(const Settings& settings, ApiPass pass, std::stop_token stop)
    : settings_(settings), pass_(std::move(pass)), stop_(std::move(stop)) {}

ApiRunners::~ApiRunners() { join(); }

void ApiRunners::start(const std::string& source) {
  if (threads_.contains(source)) return;
  threads_.emplace(source, [this, source] { run(source); });
}

ApiRunners::Sum ApiRunners::join() {
  threads_.clear();  // a jthread waits for its end
  const std::lock_guard lock(mutex_);
  return std::exchange(sum_, {});
}

void ApiRunners::run(const std::string& source) {
  engine::ToldScopes told;
  std::string said;
  for (int tries = 1;; ++tries) {
    std::chrono::seconds every{60};
    const Sum one = look(source, told, said, every);
    if (pass_.once && one.code == kExitEnvironment && tries < kTriesOfAPass && pause(every)) continue;
    {
      const std::lock_guard lock(mutex_);
      sum_.code = std::max(sum_.code, one.code);
      sum_.rows += one.rows;
      sum_.collected += one.collected;
      sum_.same += one.same;
    }
    if (pass_.once || !pause(every)) return;
  }
}

ApiRunners::Sum ApiRunners::look(const std::string& source, engine::ToldScopes& told, std::string& said,
                                 std::chrono::seconds& every) {
  const auto outcome = collect_api_source(settings_, source, pass_, pass_.once ? nullptr : &told, stop_);
  if (!outcome) {
    if (stop_.stop_requested()) return {kExitIncomplete, 0, 0, 0};
    log::error("{}: {}", source, outcome.error().message());
    told.forget();
    every = kRetryAfter;
    return {kExitEnvironment, 0, 0, 0};
  }
  every = outcome->every;
  const std::string text = !outcome->enabled          ? "not enabled"
                           : outcome->held_by.empty() ? ""
                                                      : "collected by " + outcome->held_by;
  if (text != said && !text.empty()) log::warn("{} is {}", source, text);
  said = text;
  if (!outcome->held_by.empty()) return {kExitIncomplete, 0, 0, 0};

  const engine::CollectReport& report = outcome->report;
  if (pass_.once || report.collected + report.failed > 0)
    log::info("{}: {} scopes collected, {} as before, {} skipped, {} failed, {} rows", source, report.collected,
              report.same, report.skipped, report.failed, report.rows);
  for (const std::string& account : report.unknown_accounts)
    log::error("{}: account {} is not among those the key can read (see `sujip account list {}`)", source, account,
               source);
  const int code = !report.unknown_accounts.empty() ? kExitUsage : report.complete() ? kExitOk : kExitIncomplete;
  return {code, report.rows, report.collected, report.same};
}

bool ApiRunners::pause(std::chrono::seconds length) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, stop_, length, [] { return false; });
  return !stop_.stop_requested();
}

}  // namespace sujip
