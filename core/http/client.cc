#include "core/http/client.h"

#include <map>
#include <mutex>

#include "core/http/transfer.h"
#include "core/http/url.h"

namespace sujip {
namespace {

using Clock = std::chrono::steady_clock;

// What may go to another origin after a redirect: anything else could be a credential.
constexpr std::string_view kHarmless[] = {"Accept", "Accept-Language", "Content-Type", "User-Agent"};

bool is_harmless(std::string_view name) {
  for (const std::string_view allowed : kHarmless)
    if (same_header(allowed, name)) return true;
  return false;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

HttpAnswer refuse(HttpFailure failure, std::string what, std::string where, std::string hint) {
  HttpAnswer answer;
  answer.failure = failure;
  answer.error = {std::move(what), std::move(where), std::move(hint)};
  return answer;
}

}  // namespace

bool same_header(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  for (size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

std::string_view HttpResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (same_header(key, name)) return value;
  return {};
}

std::string_view name_of(HttpFailure failure) {
  switch (failure) {
    case HttpFailure::none:
      return "none";
    case HttpFailure::bad_url:
      return "bad_url";
    case HttpFailure::resolve:
      return "resolve";
    case HttpFailure::connect:
      return "connect";
    case HttpFailure::tls:
      return "tls";
    case HttpFailure::timeout:
      return "timeout";
    case HttpFailure::reset:
      return "reset";
    case HttpFailure::too_large:
      return "too_large";
    case HttpFailure::protocol:
      return "protocol";
  }
  return "?";
}

// Transfers that are not in use, each with its open connection.
struct HttpClient::Pool {
  explicit Pool(const Options& o) : options(o) {}

  const Options options;
  std::mutex mutex;
  std::multimap<std::string, std::unique_ptr<Transfer>> idle;  // by origin

  std::unique_ptr<Transfer> take(const std::string& origin) {
    const std::lock_guard lock(mutex);
    auto found = idle.find(origin);
    if (found == idle.end()) return std::make_unique<Transfer>(options);
    return std::move(idle.extract(found).mapped());
  }

  void give_back(const std::string& origin, std::unique_ptr<Transfer> transfer) {
    const std::lock_guard lock(mutex);
    if (idle.size() < options.kept_connections) idle.emplace(origin, std::move(transfer));
  }
};

HttpClient::HttpClient() : HttpClient(Options()) {}
HttpClient::HttpClient(const Options& options) : pool_(std::make_unique<Pool>(options)) {}
HttpClient::~HttpClient() = default;

HttpAnswer HttpClient::exchange(const HttpRequest& request, Clock::time_point deadline) {
  const auto url = Url::parse(request.url);
  if (!url)
    return refuse(HttpFailure::bad_url, "not an http or https address",
                  request.url.substr(0, request.url.find_first_of("?@")),
                  "write it as https://host/path, without user and password");
  auto transfer = pool_->take(url->origin());
  HttpAnswer answer = transfer->exchange(request, *url, deadline);
  pool_->give_back(url->origin(), std::move(transfer));
  return answer;
}

HttpAnswer HttpClient::send(const HttpRequest& original) {
  const auto deadline = Clock::now() + original.timeout;
  HttpRequest request = original;
  for (int hop = 0;; ++hop) {
    HttpAnswer answer = exchange(request, deadline);
    if (!answer.ok() || !is_redirect(answer.response.status)) return answer;
    const std::string_view location = answer.response.header("Location");
    if (location.empty()) return answer;
    const auto from = Url::parse(request.url);
    const auto to = from->join(location);
    if (!to || hop >= original.max_redirects)
      return refuse(HttpFailure::protocol, to ? "too many redirects" : "redirect to something that is no address",
                    from->without_query(), "is this the right address?");
    if (to->origin() != from->origin()) {
      if (from->scheme == "https" && to->scheme == "http")
        return refuse(HttpFailure::tls, "redirect from https to plain http", from->without_query(),
                      "give the address the vendor documents");
      std::erase_if(request.headers, [](const auto& h) { return !is_harmless(h.first); });
    }
    const int status = answer.response.status;
    if (status == 303 || (status <= 302 && request.method == "POST")) {
      request.method = "GET";
      request.body.clear();
      std::erase_if(request.headers, [](const auto& h) { return same_header(h.first, "Content-Type"); });
    }
    request.url = to->str();
  }
}

}  // namespace sujip
