// The life of a report job: POST -> REGIST, RUNNING, WAITING, AGGREGATING -> BUILT, NONE, ERROR; and a
// built report may become "changed" when its day is restated. Jobs of days that will be asked for are
// ordered ahead, so that the vendor builds many at once.

#include <algorithm>
#include <map>

#include "producers/engine/decoder.h"
#include "producers/engine/http_requester.h"
#include "producers/engine/naver_searchad.h"
#include "producers/engine/text.h"

namespace sujip::engine::naver_searchad {
namespace {

constexpr int kMostRebuilds = 3;
constexpr int kMostUnknown = 20;  // polls with a status nobody documented, then the job is made anew

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

std::string field_text(const Value& object, std::string_view name) {
  const Value* value = object.is_object() ? object.object().find(name) : nullptr;
  return value == nullptr || value->is_missing() ? "" : python_text(*value);
}

class StatReport : public Retriever {
 public:
  std::string stream, report;
  std::vector<std::string> columns;
  std::unique_ptr<HttpRequester> requester;
  std::unique_ptr<PartitionRouter> partition_router;
  std::optional<Text> poll_seconds;
  size_t in_flight = 40;
  int64_t patience_ms = 900'000;

  PartitionRouter* router() const override { return partition_router.get(); }

  Got<Done> announce(Session& session, std::span<const Slice> slices) override {
    for (const Slice& slice : slices)
      if (slice.day && jobs_.find(job_key(slice)) == jobs_.end() &&
          std::find_if(queue_.begin(), queue_.end(),
                       [&](const Slice& queued) { return queued.key() == slice.key(); }) == queue_.end())
        queue_.push_back(slice);
    return order_ahead(session);
  }

  Got<Records> read(Session& session, const Slice& slice) override {
    if (!slice.day) return Failure("config", {"a stat report is of one day", stream, "give the stream a cursor"});
    const std::string key = job_key(slice);
    std::erase_if(queue_, [&](const Slice& queued) { return queued.key() == slice.key(); });
    if (jobs_.find(key) == jobs_.end()) {
      SUJIP_TRY([[maybe_unused]] const Done made, order(session, slice));
    }
    auto records = finish(session, slice, jobs_[key]);
    jobs_.erase(key);
    if (records.ok()) {
      SUJIP_TRY([[maybe_unused]] const Done more, order_ahead(session));
    }
    return records;
  }

 private:
  struct Job {
    std::string id, status, url;
    int rebuilds = 0, unknown = 0;
    std::optional<Failure> failure;
  };

  static std::string job_key(const Slice& slice) { return slice.key(); }

  Got<Done> order_ahead(Session& session) {
    while (!queue_.empty() && jobs_.size() < in_flight) {
      const Slice slice = queue_.front();
      queue_.erase(queue_.begin());
      SUJIP_TRY([[maybe_unused]] const Done made, order(session, slice));
    }
    return Done{};
  }

  // A refusal belongs to its day and waits there; only a stop or a lost right ends everything.
  Got<Done> order(Session& session, const Slice& slice) {
    Job& job = jobs_[job_key(slice)];
    auto made = post(session, slice, job);
    if (made.ok()) return Done{};
    const std::string& kind = made.error().kind;
    if (kind == "stopped" || kind == "access_lost" || kind == "unauthorised") {
      jobs_.erase(job_key(slice));
      return made.error();
    }
    job.failure = made.error();
    return Done{};
  }

  Got<Done> post(Session& session, const Slice& slice, Job& job) {
    SUJIP_TRY(RequestParts parts, requester->parts_for(session, slice, "POST", "/stat-reports"));
    parts.body_json.set("reportTp", Value(report));
    parts.body_json.set("statDt", Value(slice.day->compact()));
    SUJIP_TRY(const HttpRequester::Reply reply, requester->send(session, slice, parts));
    SUJIP_TRY(const Value answer, parse_json(reply.response.body));
    take_over(answer, job);
    if (job.id.empty()) return Failure("bad_answer", {"the vendor made no report job", stream, "try again later"});
    return Done{};
  }

  static void take_over(const Value& answer, Job& job) {
    job.id = field_text(answer, "reportJobId");
    job.status = upper(field_text(answer, "status"));
    job.url = field_text(answer, "downloadUrl");
  }

  // One call tells about all jobs of the account. A job that is missing was thrown away by the vendor.
  Got<Done> poll(Session& session, const Slice& slice) {
    SUJIP_TRY(const RequestParts parts, requester->parts_for(session, slice, "GET", "/stat-reports"));
    SUJIP_TRY(const HttpRequester::Reply reply, requester->send(session, slice, parts));
    SUJIP_TRY(const Value answer, parse_json(reply.response.body));
    if (!answer.is_list()) return Failure("bad_answer", {"the list of report jobs is no list", stream, ""});
    std::map<std::string, const Value*> listed;
    for (const Value& item : answer.list()) listed[field_text(item, "reportJobId")] = &item;
    for (auto& [key, job] : jobs_) {
      if (job.id.empty()) continue;
      const auto it = listed.find(job.id);
      if (it == listed.end())
        job.status = "VANISHED";
      else
        take_over(*it->second, job);
    }
    return Done{};
  }

  Got<Done> remove(Session& session, const Slice& slice, const Job& job) {
    SUJIP_TRY(const RequestParts parts, requester->parts_for(session, slice, "DELETE", "/stat-reports/" + job.id));
    SUJIP_TRY([[maybe_unused]] const auto reply, requester->send(session, slice, parts));
    return Done{};
  }

  Got<Done> rebuild(Session& session, const Slice& slice, Job& job, const std::string& why) {
    if (++job.rebuilds > kMostRebuilds)
      return Failure("report_job", {"the report came to nothing " + std::to_string(job.rebuilds) +
                                        " times, at last with status " + why,
                                    place(slice), "try again later"});
    if (why != "VANISHED") (void)remove(session, slice, job).ok();
    return post(session, slice, job);
  }

  std::string place(const Slice& slice) const { return report + " of " + slice.day->str(); }

  Got<Records> finish(Session& session, const Slice& slice, Job& job) {
    if (job.failure) return *job.failure;
    SUJIP_TRY(const Value seconds, poll_seconds->value(session.variables(slice)));
    const int64_t pause =
        seconds.is_number() ? (seconds.number() * Decimal::of(1000)).rounded(0).to_int64().value_or(2000) : 2000;
    const int64_t deadline = session.pace->steady_ms() + patience_ms;
    for (;;) {
      const std::string status = job.status;
      if (status == "BUILT") {
        auto records = download(session, slice, job);
        if (records.ok()) {
          (void)remove(session, slice, job).ok();  // the vendor keeps at most 100
          return records;
        }
        // 20011: restated or thrown away between the poll and the download.
        if (records.error().kind != "report_gone") return records;
        SUJIP_TRY([[maybe_unused]] const Done again, rebuild(session, slice, job, "GONE"));
        continue;
      }
      if (status == "NONE") {
        (void)remove(session, slice, job).ok();
        return Records{};  // the vendor's word that the day has no rows
      }
      if (status == "ERROR" || status == "VANISHED" || status.find("CHANG") != std::string::npos ||
          status.find("변경") != std::string::npos) {
        SUJIP_TRY([[maybe_unused]] const Done again, rebuild(session, slice, job, status));
        continue;
      }
      const bool busy = status == "REGIST" || status == "RUNNING" || status == "WAITING" || status == "AGGREGATING";
      if (!busy && ++job.unknown > kMostUnknown) {
        job.unknown = 0;
        SUJIP_TRY([[maybe_unused]] const Done again, rebuild(session, slice, job, status));
        continue;
      }
      if (session.pace->steady_ms() > deadline)
        return Failure("report_job",
                       {"the report was not built in time, status " + status, place(slice), "try again later"});
      if (!session.pace->wait(pause)) return Failure("stopped", {"stopped", place(slice), ""});
      SUJIP_TRY([[maybe_unused]] const Done polled, poll(session, slice));
    }
  }

  Got<Records> download(Session& session, const Slice& slice, const Job& job) {
    SUJIP_TRY(RequestParts parts, requester->parts_for(session, slice, "GET", "/report-download"));
    const auto link = Url::parse(job.url);
    const auto base = Url::parse(parts.url);
    // The signed headers go along: only to the host they are for.
    if (!link || !base || link->origin() != base->origin())
      return Failure("bad_answer",
                     {"the download link leads to another host", place(slice), "is the source's base_url right?"});
    parts.url = job.url;  // its token must reach the vendor untouched
    parts.url_is_final = true;
    SUJIP_TRY(const HttpRequester::Reply reply, requester->send(session, slice, parts));
    auto rows = decode_rows(reply.response.body, '\t', columns);
    if (!rows.ok()) {
      Failure failure = rows.error();
      failure.error.where = place(slice);
      return failure;
    }
    const std::string day = slice.day->compact();
    for (const Value& row : *rows)
      if (field_text(row, columns.front()) != day)
        return Failure("bad_answer", {"the report holds rows of " + field_text(row, columns.front()), place(slice),
                                      "nothing of it was used: collect it again"});
    return rows;
  }

  std::vector<Slice> queue_;
  std::map<std::string, Job> jobs_;
};

}  // namespace

Result<std::shared_ptr<Retriever>> build_stat_report(const Node& node, const std::string& stream,
                                                     const std::string& budget_by, const StreamMaker& streams) {
  auto out = std::make_shared<StatReport>();
  out->stream = stream;
  out->report = node.text_of("report_type");
  const Node* requester = node.find("requester");
  const Node* columns = node.find("columns");
  if (out->report.empty() || requester == nullptr || columns == nullptr || columns->items.empty())
    return node.error("a StatReport needs report_type, requester and columns");
  for (const Node& column : columns->items) out->columns.push_back(column.text);
  SUJIP_TRY(out->requester, HttpRequester::build(*requester, stream, budget_by));
  SUJIP_TRY(out->partition_router, build_router(node.find("partition_router"), streams));
  if (const Node* poll = node.find("poll_seconds")) {
    SUJIP_TRY(out->poll_seconds, Text::compile(*poll, node));
  } else {
    SUJIP_TRY(out->poll_seconds, Text::literal("5"));
  }
  const auto number = Decimal::parse(node.text_of("jobs_in_flight", "40"));
  if (!number || number->to_int64().value_or(0) < 1 || *number->to_int64() > 90)
    return node.error("jobs_in_flight is a number from 1 to 90");
  out->in_flight = static_cast<size_t>(*number->to_int64());
  return std::shared_ptr<Retriever>(std::move(out));
}

}  // namespace sujip::engine::naver_searchad
