#pragma once
// One HTTP exchange after the other over one kept connection. Internal to the client: libcurl stays
// in transfer.cc.

#include <chrono>
#include <memory>

#include "core/http/client.h"
#include "core/http/url.h"

namespace sujip {

class Transfer {
 public:
  explicit Transfer(const HttpClient::Options& options);
  ~Transfer();

  // Blocks until the answer is there, `deadline` has passed or the flag `stop` of the options is set.
  // Follows no redirect. `url` is that of the request, taken apart.
  HttpAnswer exchange(const HttpRequest& request, const Url& url, std::chrono::steady_clock::time_point deadline);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sujip
