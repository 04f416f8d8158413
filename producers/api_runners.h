#pragma once
// Sources with an API, beside each other and beside the file feeds: a thread for each, so that a slow
// vendor holds up nobody else.

#include <condition_variable>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "core/settings.h"
#include "producers/collect_api.h"

namespace sujip {

class ApiRunners {
 public:
  struct Sum {
    int code = 0;  // the worst exit code of a pass
    int64_t rows = 0, collected = 0, same = 0;
  };

  // With `pass.once` each source is looked at once; otherwise again and again until `stop`.
  ApiRunners(const Settings& settings, ApiPass pass, std::stop_token stop);
  ~ApiRunners();  // waits for the threads

  // Nothing when the source runs already.
  void start(const std::string& source);
  bool empty() const { return threads_.empty(); }
  // Waits for the threads; they may be started again afterwards.
  Sum join();

 private:
  void run(const std::string& source);
  // What to add to the sum; `every` is when to look again.
  Sum look(const std::string& source, engine::ToldScopes& told, std::string& said, std::chrono::seconds& every);
  bool pause(std::chrono::seconds length);  // false: asked to stop

  const Settings& settings_;
  const ApiPass pass_;
  const std::stop_token stop_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  Sum sum_;
  std::map<std::string, std::jthread> threads_;
};

}  // namespace sujip
