#include "core/http/transfer.h"

#include <curl/curl.h>

#include <array>
#include <atomic>

namespace sujip {
namespace {

constexpr size_t kMaxHeaders = size_t{64} << 10;  // bytes

// libcurl wants to be started once, before any thread uses it.
bool started() {
  static const bool ok = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ok;
}

struct HeaderList {
  curl_slist* head = nullptr;
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_slist_free_all(head); }
  void add(const std::string& line) { head = curl_slist_append(head, line.c_str()); }
};

// What arrives during one exchange.
struct Arrival {
  HttpResponse response;
  size_t header_bytes = 0;
  size_t max_body = 0;
  bool too_large = false;
  const std::atomic<bool>* stop = nullptr;
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t from = text.find_first_not_of(kBlank);
  if (from == text.npos) return {};
  return text.substr(from, text.find_last_not_of(kBlank) - from + 1);
}

size_t take_header(char* data, size_t one, size_t size, void* to) {
  Arrival& arrival = *static_cast<Arrival*>(to);
  const std::string_view line(data, one * size);
  // The head of another answer: what came before was "100 Continue".
  if (line.starts_with("HTTP/")) arrival.response.headers.clear();
  arrival.header_bytes += line.size();
  if (arrival.header_bytes > kMaxHeaders) {
    arrival.too_large = true;
    return 0;
  }
  const size_t colon = line.find(':');
  if (colon != line.npos)
    arrival.response.headers.emplace_back(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  return line.size();
}

size_t take_body(char* data, size_t one, size_t size, void* to) {
  Arrival& arrival = *static_cast<Arrival*>(to);
  if (arrival.response.body.size() + one * size > arrival.max_body) {
    arrival.too_large = true;
    return 0;
  }
  arrival.response.body.append(data, one * size);
  return one * size;
}

// Called at least once a second, also when nothing moves.
int look_at_stop(void* from, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const Arrival& arrival = *static_cast<Arrival*>(from);
  return arrival.stop != nullptr && *arrival.stop ? 1 : 0;
}

HttpFailure class_of(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return HttpFailure::resolve;
    case CURLE_COULDNT_CONNECT:
      return HttpFailure::connect;
    case CURLE_OPERATION_TIMEDOUT:
      return HttpFailure::timeout;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return HttpFailure::tls;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
      return HttpFailure::reset;
    default:
      return HttpFailure::protocol;
  }
}

const char* hint_of(HttpFailure failure) {
  switch (failure) {
    case HttpFailure::resolve:
      return "is the host name right, and is there a network?";
    case HttpFailure::connect:
      return "is the server running at this address?";
    case HttpFailure::tls:
      return "is the certificate valid for this host and its issuer trusted here?";
    case HttpFailure::timeout:
      return "the peer is slow or unreachable: try again later";
    case HttpFailure::too_large:
      return "ask for smaller pages or raise the limit of the answer";
    case HttpFailure::reset:
      return "the peer hung up: try again";
    default:
      return "is this the right address?";
  }
}

bool is_loopback(std::string_view host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

}  // namespace

struct Transfer::Impl {
  explicit Impl(const HttpClient::Options& o) : options(o) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { curl_easy_cleanup(curl); }

  template <class Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(curl, option, value);
  }

  void prepare(const HttpRequest& request, const Url& url, HeaderList& headers);

  const HttpClient::Options& options;
  CURL* curl = started() ? curl_easy_init() : nullptr;
  std::array<char, CURL_ERROR_SIZE> problem{};
};

// Everything anew for each exchange; the connection stays through curl_easy_reset.
void Transfer::Impl::prepare(const HttpRequest& request, const Url& url, HeaderList& headers) {
  using std::chrono::duration_cast;
  curl_easy_reset(curl);
  set(CURLOPT_ERRORBUFFER, problem.data());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_URL, url.str().c_str());
  set(CURLOPT_PATH_AS_IS, 1L);  // signatures cover the path as written
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  // A proxy of the environment is for the network, not for this machine.
  if (is_loopback(url.host)) set(CURLOPT_PROXY, "");
  set(CURLOPT_MAXCONNECTS, 1L);
  set(CURLOPT_MAXAGE_CONN, static_cast<long>(duration_cast<std::chrono::seconds>(options.idle_timeout).count()));
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_BUFFERSIZE, 128L << 10);
  set(CURLOPT_USERAGENT, options.user_agent.c_str());

  const bool has_body =
      !request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (has_body) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.data());
  }
  set(CURLOPT_CUSTOMREQUEST, request.method == "HEAD" ? nullptr : request.method.c_str());

  headers.add("Expect:");  // no round trip before a body
  bool typed = false;
  for (const auto& [name, value] : request.headers) {
    typed = typed || same_header(name, "Content-Type");
    headers.add(value.empty() ? name + ";" : name + ": " + value);
  }
  // What a body is, only the caller knows.
  if (has_body && !typed) headers.add("Content-Type:");
  set(CURLOPT_HTTPHEADER, headers.head);
}

Transfer::Transfer(const HttpClient::Options& options) : impl_(std::make_unique<Impl>(options)) {}
Transfer::~Transfer() = default;

HttpAnswer Transfer::exchange(const HttpRequest& request, const Url& url,
                              std::chrono::steady_clock::time_point deadline) {
  Impl& t = *impl_;
  HttpAnswer answer;
  const auto fail = [&](HttpFailure failure, std::string what) {
    answer.response = {};
    answer.failure = failure;
    answer.error = {std::move(what), request.method + " " + url.without_query(), hint_of(failure)};
    return answer;
  };
  if (t.curl == nullptr) return fail(HttpFailure::protocol, "libcurl does not start");
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  if (left.count() <= 0) return fail(HttpFailure::timeout, "timed out");

  HeaderList headers;
  t.prepare(request, url, headers);
  Arrival arrival;
  arrival.max_body = request.max_body;
  arrival.stop = t.options.stop;
  t.set(CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
  t.set(CURLOPT_HEADERFUNCTION, take_header);
  t.set(CURLOPT_HEADERDATA, static_cast<void*>(&arrival));
  t.set(CURLOPT_WRITEFUNCTION, take_body);
  t.set(CURLOPT_WRITEDATA, static_cast<void*>(&arrival));
  t.set(CURLOPT_NOPROGRESS, 0L);
  t.set(CURLOPT_XFERINFOFUNCTION, look_at_stop);
  t.set(CURLOPT_XFERINFODATA, static_cast<void*>(&arrival));
  t.problem.front() = '\0';
  const CURLcode code = curl_easy_perform(t.curl);
  if (arrival.too_large)
    return fail(HttpFailure::too_large,
                arrival.header_bytes > kMaxHeaders ? "the answer's headers are too large" : "the answer is too large");
  if (code == CURLE_ABORTED_BY_CALLBACK) return fail(HttpFailure::protocol, "stopped");
  if (code != CURLE_OK) {
    // Its own words say more than the code's: which certificate, which port.
    const char* own = t.problem.front() != '\0' ? t.problem.data() : curl_easy_strerror(code);
    return fail(class_of(code), own);
  }
  long status = 0;
  curl_easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &status);
  answer.response = std::move(arrival.response);
  answer.response.status = static_cast<int>(status);
  answer.response.url = url.str();
  return answer;
}

}  // namespace sujip
