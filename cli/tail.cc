#include "cli/tail.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "cli/shown_record.h"
#include "core/calendar.h"
#include "core/command_end.h"
#include "core/exit_codes.h"
#include "core/kafka/admin.h"
#include "core/kafka/consumer.h"
#include "core/stop_signal.h"
#include "topics/generation.h"

namespace sujip {
namespace {

constexpr int kTimeoutMs = 20000;
constexpr size_t kWidth = 400;
constexpr int64_t kUsual = 20;  // records, when nothing says how many

struct TailOptions {
  std::string topic;
  int partition = -1;
  std::string from;
  std::string scope;
  std::string key;
  std::vector<std::string> filters;
  int64_t count = 0;  // 0: as many as there are, or the usual number
  bool follow = false;
  bool json = false;
  bool full = false;
};

constexpr CommandEnd kTail{"tail"};

std::optional<int64_t> number(std::string_view text) {
  int64_t out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return out;
}

// "15m", "2h", "1d": so long ago. A date or a time without a zone is that of Seoul.
std::optional<TimeMs> point_in_time(const std::string& text) {
  if (text.size() > 1)
    if (const auto n = number(std::string_view(text).substr(0, text.size() - 1))) {
      const std::string_view units = "smhd";
      constexpr TimeMs kMs[] = {1000, 60'000, 3'600'000, 86'400'000};
      if (const size_t unit = units.find(text.back()); unit != units.npos) return now_ms() - *n * kMs[unit];
    }
  if (const auto day = Day::parse(text)) return seoul_midnight(*day);
  return parse_time(text, kSeoulOffsetMs);
}

class Tail {
 public:
  Tail(const Settings& settings, const TailOptions& options) : settings_(settings), options_(options) {
    for (const std::string& filter : options.filters) {
      const size_t at = filter.find('=');
      if (at == filter.npos || at == 0)
        kTail.leave({"'" + filter + "' is no filter", "--filter", "write FIELD=VALUE"}, kExitUsage);
      filters_.emplace_back(filter.substr(0, at), filter.substr(at + 1));
    }
  }

  void run() {
    open();
    const std::stop_token stop = stop_on_signal();
    std::vector<kafka::MessagePtr> batch;
    while (!stop.stop_requested() && !full_ && (options_.follow || !open_.empty())) {
      batch.clear();
      reader_->consume(50, 1000, batch);
      for (const auto& message : batch) {
        if (full_) break;
        take(*message);
      }
      std::fflush(stdout);
    }
    // Partitions have no order between them; times tell it well enough to read.
    std::stable_sort(last_.begin(), last_.end(),
                     [](const ShownRecord& a, const ShownRecord& b) { return a.timestamp_ms < b.timestamp_ms; });
    if (static_cast<int64_t>(last_.size()) > limit())
      last_.erase(last_.begin(), last_.end() - static_cast<std::ptrdiff_t>(limit()));
    for (const ShownRecord& record : last_) print(record);
  }

 private:
  bool only_last() const { return options_.from.empty() && !options_.follow; }
  int64_t limit() const { return options_.count > 0 ? options_.count : kUsual; }
  bool filtered() const { return !options_.scope.empty() || !options_.key.empty() || !filters_.empty(); }

  void open() {
    const auto admin = kTail.value(kafka::Admin::create(settings_.kafka), kExitEnvironment);
    const auto present = kTail.value(admin->topics(kTimeoutMs), kExitEnvironment);
    // With the prefix of this installation, or as it is.
    auto found = present.find(settings_.prefix + options_.topic);
    if (found == present.end()) found = present.find(options_.topic);
    if (found == present.end())
      kTail.leave(
          {"there is no such topic", settings_.prefix + options_.topic, "`sujip topics list` shows those of sujip"},
          kExitUsage);
    name_ = found->first.starts_with(settings_.prefix) ? found->first.substr(settings_.prefix.size()) : found->first;
    // What is shown, and what is masked, depends on what the topic holds.
    name_ = topics::without_generation(name_);
    if (options_.partition >= found->second)
      kTail.leave({fmt::format("the topic has {} partitions", found->second), found->first, "they are counted from 0"},
                  kExitUsage);
    for (int32_t p = 0; p < found->second; ++p)
      if (options_.partition < 0 || options_.partition == p) partitions_.push_back({found->first, p});
    kafka::ConsumerConfig config;
    config.bootstrap = settings_.kafka;
    config.client_id = "sujip-tail";
    config.partition_eof = true;
    reader_ = kTail.value(kafka::Consumer::create(config), kExitEnvironment);
    ends_ = kTail.value(reader_->ends(partitions_, kTimeoutMs), kExitEnvironment);
    std::vector<kafka::Position> from = begin();
    for (size_t i = 0; i < partitions_.size(); ++i)
      if (options_.follow || from[i].offset < ends_[i]) open_.insert(partitions_[i].partition);
    std::vector<kafka::Position> wanted;
    for (const kafka::Position& p : from)
      if (open_.contains(p.tp.partition)) wanted.push_back(p);
    if (wanted.empty()) return;
    if (const Status s = reader_->assign(wanted); !s.ok()) kTail.leave(s.error(), kExitEnvironment);
  }

  std::vector<kafka::Position> begin() {
    std::vector<int64_t> lows;
    for (const auto& tp : partitions_)
      lows.push_back(kTail.value(reader_->watermarks(tp, kTimeoutMs), kExitEnvironment).low);
    std::vector<int64_t> from = lows;
    const std::string& text = options_.from;
    if (text == "end" || (text.empty() && options_.follow)) {
      from = ends_;
    } else if (text.empty()) {
      // Markers of transactions take offsets, too: some more than are asked for.
      if (!filtered())
        for (size_t i = 0; i < from.size(); ++i) from[i] = ends_[i] - 2 * limit() - 100;
    } else if (const auto offset = number(text)) {
      std::fill(from.begin(), from.end(), *offset);
    } else if (text != "beginning") {
      const auto at = point_in_time(text);
      if (!at)
        kTail.leave(
            {"'" + text + "' is no place in a topic", "--from",
             "beginning, end, an offset, a time (2026-11-21T14:00:00+09:00, 2026-11-21), or how long ago (15m, 2h, 1d)"},
            kExitUsage);
      from = kTail.value(reader_->offsets_at(partitions_, *at, kTimeoutMs), kExitEnvironment);
    }
    std::vector<kafka::Position> out;
    for (size_t i = 0; i < partitions_.size(); ++i)
      out.push_back({partitions_[i], std::clamp(from[i], lows[i], std::max(lows[i], ends_[i]))});
    return out;
  }

  void take(const rd_kafka_message_t& message) {
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      open_.erase(message.partition);
      return;
    }
    if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
      kTail.leave({rd_kafka_message_errstr(&message), kafka::to_string({name_, message.partition}),
                   "records were deleted meanwhile: start again"},
                  kExitFailed);
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) return;  // the client tries again
    if (!options_.follow && message.offset >= end_of(message.partition)) {
      open_.erase(message.partition);
      return;
    }
    ShownRecord record = show_record(message, name_);
    if (!wanted(record)) return;
    if (only_last()) {
      last_.push_back(std::move(record));
      // Of each partition the last ones are enough; all are kept together, so some more.
      if (static_cast<int64_t>(last_.size()) > limit() * static_cast<int64_t>(partitions_.size()) * 4) thin_out();
      return;
    }
    print(record);
    full_ = options_.count > 0 && ++printed_ >= options_.count;
  }

  int64_t end_of(int32_t partition) const {
    for (size_t i = 0; i < partitions_.size(); ++i)
      if (partitions_[i].partition == partition) return ends_[i];
    return 0;
  }

  // Keeps the last `limit` of each partition.
  void thin_out() {
    std::map<int32_t, int64_t> seen;
    std::deque<ShownRecord> kept;
    for (auto at = last_.rbegin(); at != last_.rend(); ++at)
      if (++seen[at->partition] <= limit()) kept.push_front(std::move(*at));
    last_ = std::move(kept);
  }

  bool wanted(const ShownRecord& record) const {
    if (!options_.key.empty() && record.key.value_or("").find(options_.key) == std::string::npos) return false;
    if (!options_.scope.empty()) {
      const std::string scope = record.scope();
      if (scope != options_.scope && !scope.starts_with(options_.scope + "/")) return false;
    }
    return std::all_of(filters_.begin(), filters_.end(),
                       [&](const auto& filter) { return record.field(filter.first) == filter.second; });
  }

  void print(const ShownRecord& record) const {
    fmt::print("{}\n", options_.json ? to_json(record) : to_line(record, options_.full ? 0 : kWidth));
  }

  const Settings& settings_;
  const TailOptions& options_;
  std::vector<std::pair<std::string, std::string>> filters_;
  std::string name_;  // of the topic, without prefix
  std::vector<kafka::TopicPartition> partitions_;
  std::vector<int64_t> ends_;
  std::unique_ptr<kafka::Consumer> reader_;
  std::set<int32_t> open_;  // partitions whose end has not come
  std::deque<ShownRecord> last_;
  int64_t printed_ = 0;
  bool full_ = false;
};

}  // namespace

void add_tail_command(CLI::App& app, const Settings& settings) {
  auto options = std::make_shared<TailOptions>();
  CLI::App* command = app.add_subcommand(
      "tail",
      "The records of a topic, decoded: raw records, changes, totals, run log, dead letters\n"
      "Without --from and --follow the last ones (20, or -n). Committed records only. Values of fields that\n"
      "may be secrets are shown as ***. Times are UTC; partition@offset stands behind them.\n"
      "  sujip tail change.product --key 9100003 --from beginning\n"
      "  sujip tail raw.order --scope online_retail/uci/order_item/2024-03-04 --filter ce_type=sujip.order_item.end\n"
      "  sujip tail run.log --follow --filter state=failed");
  command->add_option("topic", options->topic, "Name, with or without the prefix of this installation")->required();
  command->add_option("--partition,-p", options->partition, "Only this one")->check(CLI::NonNegativeNumber);
  command->add_option("--from", options->from,
                      "beginning, end, an offset, a time (of Seoul when it has no zone), or how long ago: 15m, 2h, 1d");
  command->add_option("--scope", options->scope, "Only of this scope, or of scopes below it");
  command->add_option("--key", options->key, "Only with this text in the key");
  command->add_option("--filter", options->filters,
                      "FIELD=VALUE: a header, or a member of the value (a.b for nested ones; of changes also those of\n"
                      "after, before and source). May be given again: all must be right");
  command->add_option("-n", options->count, "At most so many")->check(CLI::PositiveNumber);
  command->add_flag("--follow,-f", options->follow, "Go on with what comes, until Ctrl-C");
  command->add_flag("--json", options->json, "One JSON object a line, with headers and the whole value");
  command->add_flag("--full", options->full, "Do not cut long lines");
  command->callback([&settings, options] { Tail(settings, *options).run(); });
}

}  // namespace sujip
