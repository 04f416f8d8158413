#include "producers/engine/account_check.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "producers/engine/account_list.h"
#include "producers/engine/prepared_source.h"

namespace sujip::engine {
namespace {

struct Question {
  AccountTask task;
  AccountCheck answer;
};

Error cleaned(const Session& session, Error error) {
  return {session.redactor.clean(std::move(error.what)), session.redactor.clean(std::move(error.where)),
          session.redactor.clean(std::move(error.hint))};
}

class Check {
 public:
  Check(const ApiSource& source, const PreparedSource& prepared, RateLimits& limits)
      : source_(source), manifest_(prepared.manifest), plan_(prepared.plan), limits_(limits) {}

  Result<std::vector<AccountCheck>> run(const std::vector<std::string>& only) {
    std::vector<Question> questions;
    {
      Session session = new_session();
      auto listed = list(session, only);
      if (!listed.ok()) return cleaned(session, listed.error().error);
      questions = std::move(listed).value();
    }
    std::atomic<size_t> next{0};
    const auto worker = [&] {
      Session session = new_session();
      StreamSet streams(manifest_);
      for (size_t i = next++; i < questions.size(); i = next++)
        if (!questions[i].answer.trouble) ask(session, streams, questions[i]);
    };
    std::vector<std::thread> threads;
    const size_t count = std::min(questions.size(), static_cast<size_t>(plan_.workers));
    for (size_t i = 0; i < count; ++i) threads.emplace_back(worker);
    for (std::thread& thread : threads) thread.join();
    std::vector<AccountCheck> out;
    for (Question& question : questions) out.push_back(std::move(question.answer));
    return out;
  }

 private:
  Session new_session() { return make_session(source_, http_, pace_, limits_, config_value(source_)); }

  Got<std::vector<Question>> list(Session& session, const std::vector<std::string>& only) {
    StreamSet streams(manifest_);
    std::vector<AccountFound> found;
    for (const Feed& feed : plan_.feeds) {
      if (feed.stage != Stage::account) continue;
      SUJIP_TRY(const auto stream, streams.stream(feed.stream));
      SUJIP_TRY(const Records records, read_account_stream(session, *stream));
      const auto accounts = accounts_of(plan_, session, records);
      found.insert(found.end(), accounts.begin(), accounts.end());
    }
    std::vector<AccountTask> tasks;
    if (!plan_.check_stream.empty()) {
      SUJIP_TRY(const auto stream, streams.stream(plan_.check_stream));
      SUJIP_TRY(tasks, account_tasks(plan_, session, *stream, manifest_.file));
    } else {
      for (const AccountFound& account : found) tasks.push_back({account.account, Value(Object{})});
    }
    std::vector<Question> out;
    for (AccountTask& task : tasks) {
      if (!only.empty() && std::find(only.begin(), only.end(), task.account) == only.end()) continue;
      const auto named =
          std::find_if(found.begin(), found.end(), [&](const auto& f) { return f.account == task.account; });
      AccountCheck answer{task.account, named == found.end() ? "" : named->name, {}};
      out.push_back({std::move(task), std::move(answer)});
    }
    for (const std::string& account : only) {
      const bool listed = std::any_of(out.begin(), out.end(), [&](const auto& q) { return q.task.account == account; });
      if (!listed)
        out.push_back(
            {{account, {}},
             {account, "",
              Error{"not among the accounts this key can read", "", "see `sujip account list " + source_.name + "`"}}});
    }
    return out;
  }

  void ask(Session& session, StreamSet& streams, Question& question) {
    if (plan_.check_stream.empty()) return;  // being listed is all there is to see
    const auto answer = [&]() -> Got<Done> {
      SUJIP_TRY(const auto stream, streams.stream(plan_.check_stream));
      SUJIP_TRY(const auto slices, stream->slices(session, question.task.partition));
      if (slices.empty()) return Done{};
      SUJIP_TRY([[maybe_unused]] const Records records, stream->read(session, slices.front()));
      return Done{};
    }();
    if (!answer.ok()) question.answer.trouble = cleaned(session, answer.error().error);
  }

  const ApiSource& source_;
  const Manifest& manifest_;
  const Plan& plan_;
  RateLimits& limits_;
  HttpClient http_;
  RealPace pace_{nullptr};
};

}  // namespace

Result<std::vector<AccountCheck>> check_accounts(const ApiSource& source, const std::string& share,
                                                 const std::vector<std::string>& only) {
  SUJIP_TRY(const auto prepared, prepare(source, share));
  SUJIP_TRY(RateLimits limits, RateLimits::build(prepared->manifest.document.find("api_budget"), config_value(source)));
  return Check(source, *prepared, limits).run(only);
}

}  // namespace sujip::engine
