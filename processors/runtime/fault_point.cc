#include "processors/runtime/fault_point.h"

#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <string>
#include <thread>

namespace sujip {
namespace {

struct Fault {
  enum class Action { kill, stop, delay };
  std::string name;
  Action action = Action::kill;
  long delay_ms = 0;
  bool always = false;
  std::atomic<long> countdown{1};
};

std::string_view take(std::string_view& text, char separator) {
  const size_t at = text.find(separator);
  const std::string_view head = text.substr(0, at);
  text = at == text.npos ? std::string_view() : text.substr(at + 1);
  return head;
}

long number(std::string_view text) {
  long out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

// A deque: an atomic cannot move.
std::deque<Fault>& wanted() {
  static std::deque<Fault> faults = [] {
    std::deque<Fault> out;
    const char* variable = std::getenv("SUJIP_FAULT");
    std::string_view rest = variable == nullptr ? "" : variable;
    while (!rest.empty()) {
      std::string_view one = take(rest, ',');
      Fault& fault = out.emplace_back();
      fault.name = take(one, ':');
      const std::string_view count = take(one, ':');
      fault.always = count == "*";
      if (!count.empty() && !fault.always) fault.countdown = number(count);
      if (one == "stop") fault.action = Fault::Action::stop;
      if (one.starts_with("delay=")) {
        fault.action = Fault::Action::delay;
        fault.delay_ms = number(one.substr(6));
      }
    }
    return out;
  }();
  return faults;
}

bool is_at(std::string_view wanted_name, std::string_view stage, std::string_view name) {
  if (wanted_name == name) return true;
  return wanted_name.size() == stage.size() + 1 + name.size() && wanted_name.starts_with(stage) &&
         wanted_name[stage.size()] == '.' && wanted_name.ends_with(name);
}

}  // namespace

void fault_point(std::string_view stage, std::string_view name) {
  for (Fault& fault : wanted()) {
    if (!is_at(fault.name, stage, name)) continue;
    if (!fault.always && fault.countdown.fetch_sub(1) != 1) continue;
    switch (fault.action) {
      case Fault::Action::kill:
        std::raise(SIGKILL);
        break;
      case Fault::Action::stop:
        std::raise(SIGSTOP);
        break;
      case Fault::Action::delay:
        std::this_thread::sleep_for(std::chrono::milliseconds(fault.delay_ms));
    }
  }
}

}  // namespace sujip
