#include "producers/engine/account_worker.h"

#include <xxhash.h>

#include <algorithm>
#include <set>

#include "core/log.h"

namespace sujip::engine {
namespace {

// These end the work on an account: everything after them would fail the same way.
bool ends_account(const std::string& kind) {
  return kind == "access_lost" || kind == "unauthorised" || kind == "stopped";
}

// Not an error of ours nor of the vendor: said, but not "failed".
bool is_skip(const std::string& kind) { return kind == "access_lost" || kind == "not_ready"; }

std::string content_hash(const std::vector<std::pair<std::string, std::string>>& rows) {
  XXH3_state_t* state = XXH3_createState();
  XXH3_128bits_reset(state);
  for (const auto& [key, json] : rows) {
    XXH3_128bits_update(state, key.data(), key.size());
    XXH3_128bits_update(state, "\0", 1);
    XXH3_128bits_update(state, json.data(), json.size());
    XXH3_128bits_update(state, "\n", 1);
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(state);
  XXH3_freeState(state);
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

class AccountWork {
 public:
  AccountWork(const WorkerContext& context, const AccountTask& task)
      : context_(context),
        plan_(context.collect.plan),
        task_(task),
        session_(make_session(context.collect.source, context.collect.http, context.collect.pace, context.limits,
                              context.config)),
        streams_(context.collect.manifest) {}

  void run() {
    // Why reports are left out; empty: they are collected.
    std::optional<Failure> skip = status();
    std::map<Day, std::vector<Due>, std::greater<>> days;  // newest first
    for (const Feed& feed : plan_.feeds)
      if (feed.stage == Stage::report) find_due(feed, days);
    if (!skip) announce(days);
    for (auto& [day, dues] : days) {
      for (const Due& due : dues) {
        if (skip) {
          give_up(due.scope, *skip);
          continue;
        }
        Item item = collect_scope(session_, *due.feed, *due.stream, due.slice, due.scope);
        if (const auto* gap = std::get_if<NotCollected>(&item); gap != nullptr && ends_account(gap->failure.kind))
          skip = gap->failure;
        context_.hand_over(std::move(item));
      }
      // Raw reports of the day were only needed by the feeds of the day.
      const std::string interval = to_json(dues.front().slice.interval);
      std::erase_if(session_.shared, [&](const auto& entry) { return entry.first.ends_with(interval); });
    }
  }

 private:
  struct Due {
    const Feed* feed;
    std::shared_ptr<Stream> stream;
    Slice slice;
    Scope scope;
  };

  Scope scope_of(const Feed& feed, const std::string& slice) const {
    return {session_.source, task_.account, feed.dataset->name, slice};
  }

  void give_up(const Scope& scope, const Failure& failure) {
    const TimeMs now = session_.pace->wall_ms();
    const bool skipped = failure.kind == "skipped" || is_skip(failure.kind);
    context_.hand_over(NotCollected{scope, skipped, failure, now, now});
  }

  std::optional<Failure> status() {
    for (const Feed& feed : plan_.feeds) {
      if (feed.stage != Stage::status) continue;
      const Scope scope = scope_of(feed, "");
      auto stream = streams_.stream(feed.stream);
      if (!stream) {
        give_up(scope, Failure("not_supported", stream.error()));
        continue;
      }
      Slice slice;
      slice.partition = task_.partition;
      Records records;
      Item item = collect_scope(session_, feed, **stream, slice, scope, &records);
      const auto* gap = std::get_if<NotCollected>(&item);
      std::optional<Failure> failed;
      if (gap != nullptr && ends_account(gap->failure.kind)) failed = gap->failure;
      context_.hand_over(std::move(item));
      if (failed) return failed;
      if (records.empty()) continue;
      if (auto skip = judge(feed, slice, records.front())) return skip;
    }
    return std::nullopt;
  }

  // Tells the registry the account's state; a reason when its reports are not to be collected.
  std::optional<Failure> judge(const Feed& feed, const Slice& slice, const Value& record) {
    Variables variables = session_.variables(slice);
    variables.bind("record", &record);
    if (feed.state) {
      const auto state = feed.state->text(variables);
      if (state.ok()) context_.found({task_.account, "", state.value()});
    }
    if (!feed.skip_reports) return std::nullopt;
    const auto reason = feed.skip_reports->text(variables);
    if (!reason.ok()) return reason.error();
    if (reason.value().empty() || reason.value() == "None") return std::nullopt;
    return Failure("skipped", {reason.value(), "", ""});
  }

  void find_due(const Feed& feed, std::map<Day, std::vector<Due>, std::greater<>>& days) {
    auto stream = streams_.stream(feed.stream);
    if (!stream) return give_up(scope_of(feed, ""), Failure("not_supported", stream.error()));
    const auto slices = (*stream)->slices(session_, task_.partition);
    if (!slices.ok()) return give_up(scope_of(feed, ""), slices.error());
    for (const Slice& slice : slices.value()) {
      if (!slice.day) continue;
      Scope scope = scope_of(feed, slice.day->str());
      if (is_due(scope, *slice.day)) days[*slice.day].push_back({&feed, *stream, slice, std::move(scope)});
    }
  }

  bool is_due(const Scope& scope, Day day) const {
    const CollectOptions& options = context_.collect.options;
    const auto known = context_.collect.delivery.known(scope);
    if (!known || options.force) return true;
    if (!plan_.restates(context_.today - day)) return false;
    return !(options.once_a_day && known->collected_ms >= seoul_midnight(context_.today));
  }

  void announce(const std::map<Day, std::vector<Due>, std::greater<>>& days) {
    std::vector<Slice> slices;
    std::set<Stream*> told;
    for (const auto& [day, dues] : days) slices.push_back(dues.front().slice);
    for (const auto& [day, dues] : days)
      for (const Due& due : dues)
        if (told.insert(due.stream.get()).second)
          (void)due.stream->retriever->announce(session_, slices).ok();  // read() will say it
  }

  const WorkerContext& context_;
  const Plan& plan_;
  const AccountTask& task_;
  Session session_;
  StreamSet streams_;
};

}  // namespace

Session make_session(const ApiSource& source, HttpTransport& http, Pace& pace, RateLimits& limits, Value config) {
  Session session;
  session.source = source.name;
  session.config = std::move(config);
  for (const auto& [name, secret] : source.credentials) session.redactor.add(secret);
  session.http = &http;
  session.limits = &limits;
  session.pace = &pace;
  return session;
}

Item collect_scope(Session& session, const Feed& feed, const Stream& stream, const Slice& slice, const Scope& scope,
                   Records* records_out) {
  const TimeMs started = session.pace->wall_ms();
  const int64_t bytes_before = session.bytes;
  auto records = stream.read(session, slice);
  const auto gap = [&](Failure failure) -> Item {
    failure.error.what = session.redactor.clean(std::move(failure.error.what));
    failure.error.hint = session.redactor.clean(std::move(failure.error.hint));
    failure.error.where = session.redactor.clean(std::move(failure.error.where));
    const bool skipped = is_skip(failure.kind);
    return NotCollected{scope, skipped, std::move(failure), started, session.pace->wall_ms()};
  };
  if (!records.ok()) return gap(records.error());
  Collected out;
  out.scope = scope;
  out.feed = &feed;
  for (const Value& record : *records) {
    std::string key;
    for (const std::string& field : feed.key) {
      const Value* value = record.is_object() ? record.object().find(field) : nullptr;
      if (value == nullptr || value->is_missing())
        return gap({"bad_answer",
                    {"a record without its key field '" + field + "'", stream.name,
                     "the vendor changed its answer: nothing of it was used"}});
      if (!key.empty()) key += '|';
      key += python_text(*value);
    }
    out.rows.emplace_back(std::move(key), to_json(record));
  }
  out.hash = content_hash(out.rows);
  out.snapshot_ms = started;
  out.finished_ms = session.pace->wall_ms();
  out.bytes = session.bytes - bytes_before;
  if (records_out != nullptr) *records_out = std::move(records).value();
  return out;
}

void collect_account(const WorkerContext& context, const AccountTask& task) { AccountWork(context, task).run(); }

}  // namespace sujip::engine
