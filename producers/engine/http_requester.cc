#include "producers/engine/http_requester.h"

#include <atomic>

#include "core/metrics.h"
#include "producers/engine/authenticators.h"
#include "producers/engine/error_handler.h"
#include "producers/engine/rate_limit.h"

namespace sujip::engine {
namespace {

uint64_t random64() {
  static std::atomic<uint64_t> state{0x9e3779b97f4a7c15ULL ^ static_cast<uint64_t>(now_ms())};
  uint64_t z = state.fetch_add(0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

Result<std::vector<std::pair<std::string, Text>>> build_map(const Node& node, const char* field) {
  std::vector<std::pair<std::string, Text>> out;
  const Node* map = node.find(field);
  if (map == nullptr) return out;
  if (!map->is_map()) return map->error(std::string("not supported: a text as ") + field);
  for (const auto& [name, value] : map->fields) {
    SUJIP_TRY(Text text, Text::compile(value, node));
    out.emplace_back(name, std::move(text));
  }
  return out;
}

// Nothing that was sent in a header comes back in a message.
std::string without_headers(std::string text, const HttpHeaders& headers) {
  for (const auto& [name, value] : headers) {
    if (value.size() < 16) continue;
    for (size_t at = text.find(value); at != std::string::npos; at = text.find(value, at))
      text.replace(at, value.size(), "***");
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<HttpRequester>> HttpRequester::build(const Node& node, std::string stream,
                                                            std::string budget_by) {
  auto requester = std::make_unique<HttpRequester>();
  requester->stream_ = std::move(stream);
  requester->budget_by_ = std::move(budget_by);
  const Node* url = node.find("url");
  if (url == nullptr) url = node.find("url_base");
  if (url == nullptr) return node.error("an HttpRequester needs url_base or url");
  SUJIP_TRY(requester->url_, Text::compile(*url, node));
  if (const Node* path = node.find("path")) {
    SUJIP_TRY(requester->path_, Text::compile(*path, node));
  }
  requester->method_ = node.text_of("http_method", "GET");
  SUJIP_TRY(requester->query_, build_map(node, "request_parameters"));
  SUJIP_TRY(requester->headers_, build_map(node, "request_headers"));
  SUJIP_TRY(requester->body_json_, build_map(node, "request_body_json"));
  SUJIP_TRY(requester->authenticator_, build_authenticator(node.find("authenticator")));
  SUJIP_TRY(requester->errors_, build_error_handler(node.find("error_handler")));
  return requester;
}

Got<std::string> HttpRequester::base(const Session& session, const Slice& slice) const {
  SUJIP_TRY(std::string url, url_->text(session.variables(slice)));
  if (!Url::parse(url))
    return Failure("config", {"'" + url + "' is not an http or https address", stream_, "set the source's base_url"});
  return url;
}

Got<RequestParts> HttpRequester::parts(const Session& session, const Slice& slice) const {
  std::string path;
  if (path_) {
    SUJIP_TRY(path, path_->text(session.variables(slice)));
  }
  SUJIP_TRY(RequestParts parts, parts_for(session, slice, method_, path));
  for (const auto& [name, text] : query_) {
    SUJIP_TRY(const Value value, text.value(session.variables(slice)));
    if (value.is_missing()) continue;
    SUJIP_CHECK_OK(parts.add_query(name, python_text(value)));
  }
  for (const auto& [name, text] : headers_) {
    SUJIP_TRY(std::string value, text.text(session.variables(slice)));
    SUJIP_CHECK_OK(parts.add_header(name, std::move(value)));
  }
  for (const auto& [name, text] : body_json_) {
    SUJIP_TRY(Value value, text.value(session.variables(slice)));
    if (!value.is_missing()) parts.body_json.set(name, std::move(value));
  }
  return parts;
}

Got<RequestParts> HttpRequester::parts_for(const Session& session, const Slice& slice, const std::string& method,
                                           const std::string& path) const {
  RequestParts parts;
  parts.method = method;
  SUJIP_TRY(std::string url, base(session, slice));
  if (!path.empty()) {
    if (url.back() != '/') url += '/';
    const auto joined = Url::parse(url)->join(path.front() == '/' ? path.substr(1) : path);
    if (!joined) return Failure("config", {"the path is none: " + path, stream_, ""});
    url = joined->str();
  }
  parts.url = std::move(url);
  return parts;
}

Got<HttpRequester::Reply> HttpRequester::send(Session& session, const Slice& slice, const RequestParts& parts) const {
  HttpRequest request;
  request.method = parts.method;
  request.url = parts.url;
  if (!parts.query.empty() && !parts.url_is_final)
    request.url += (request.url.find('?') == std::string::npos ? "?" : "&") + encode_form(parts.query);
  if (!parts.body_json.empty()) request.body = to_json(Value(parts.body_json));
  const auto url = Url::parse(request.url);
  if (!url) return Failure("bad_answer", {"not an address to ask", stream_, ""});

  for (int attempt = 1;; ++attempt) {
    // The bucket is known once the request is signed; so it is signed again after any wait.
    const auto sign = [&]() -> Got<Done> {
      request.headers = parts.headers;
      if (!request.body.empty() || request.method == "POST")
        request.headers.emplace_back("Content-Type", "application/json");
      if (authenticator_) return authenticator_->sign(session, slice, request.method, *url, request.headers);
      return Done{};
    };
    SUJIP_TRY([[maybe_unused]] const Done signed_once, sign());
    std::string bucket;
    for (const auto& [name, value] : request.headers)
      if (!budget_by_.empty() && same_header(name, budget_by_)) bucket = value;
    int64_t waited = 0;
    for (;;) {
      const int64_t ms = session.limits->take(bucket, request.method, url->path, session.pace->steady_ms());
      if (ms == 0) break;
      waited += ms;
      if (!session.pace->wait(ms)) return Failure("stopped", {"stopped", stream_, ""});
    }
    if (waited > 0) {
      metrics::counter("api_throttle_wait_seconds_total", {{"medium", session.source}})
          .Increment(static_cast<double>(waited) / 1000);
      SUJIP_TRY([[maybe_unused]] const Done signed_again, sign());
    }

    const int64_t before = session.pace->steady_ms();
    HttpAnswer answer = session.http->send(request);
    if (!answer.ok() && !session.pace->wait(0)) return Failure("stopped", {"stopped", stream_, ""});
    const metrics::Labels labels{{"medium", session.source}, {"endpoint", stream_}};
    metrics::histogram("api_request_duration_seconds", labels)
        .Observe(static_cast<double>(session.pace->steady_ms() - before) / 1000);
    if (answer.ok()) {
      metrics::counter(
          "api_requests_total",
          {{"medium", session.source}, {"endpoint", stream_}, {"code", std::to_string(answer.response.status)}})
          .Increment();
      session.bytes += static_cast<int64_t>(answer.response.body.size());
      metrics::counter("api_received_bytes_total", {{"medium", session.source}})
          .Increment(static_cast<double>(answer.response.body.size()));
    }
    Value body;
    // Only errors, and answers of interfaces that say errors with 200, need the body here.
    if (answer.ok() && answer.response.body.size() < (1u << 20) && answer.response.body.find_first_of("{[") == 0) {
      if (auto parsed = parse_json(answer.response.body); parsed.ok()) body = std::move(parsed).value();
    }
    SUJIP_TRY(Verdict verdict, errors_->judge(session, slice, answer, body));
    if (verdict.action == Verdict::Action::success && answer.ok()) return Reply{std::move(answer.response), false};
    if (verdict.action == Verdict::Action::ignore)
      return Reply{std::move(answer.response), answer.response.status >= 400 || !answer.ok()};

    Failure& failure = verdict.failure;
    failure.error.what = without_headers(std::move(failure.error.what), request.headers);
    failure.error.where = url->without_query();
    metrics::counter("api_request_failures_total",
                     {{"medium", session.source}, {"endpoint", stream_}, {"reason", failure.kind}})
        .Increment();
    if (verdict.action == Verdict::Action::fail) return failure;
    if (attempt > errors_->max_retries(session)) {
      failure.error.what += " (" + std::to_string(attempt) + " attempts)";
      if (failure.error.hint.empty()) failure.error.hint = "the vendor is in trouble: try again later";
      return failure;
    }
    SUJIP_TRY(int64_t wait, errors_->backoff_ms(session, attempt, answer));
    wait = with_jitter(wait, random64());
    if (verdict.action == Verdict::Action::rate_limited)
      session.limits->pause(bucket, session.pace->steady_ms() + wait);
    metrics::counter("api_retries_total", labels).Increment();
    if (!session.pace->wait(wait)) return Failure("stopped", {"stopped", stream_, ""});
  }
}

}  // namespace sujip::engine
