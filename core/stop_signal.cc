#include "core/stop_signal.h"

#include <pthread.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

namespace sujip {

std::stop_token stop_on_signal() {
  static std::stop_source source;
  static const bool installed = [] {
    // Blocked in every thread made from now on; one thread waits for them. No work in a handler.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::thread([signals] {
      int signal = 0;
      sigwait(&signals, &signal);
      source.request_stop();
      sigwait(&signals, &signal);
      _exit(128 + signal);
    }).detach();
    return true;
  }();
  (void)installed;
  return source.get_token();
}

void pause_for(std::stop_token stop, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait_for(lock, std::move(stop), time, [] { return false; });
}

}  // namespace sujip
