#include "processors/runtime/fault_point.h"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

namespace sujip {
namespace {

struct Fault {
  std::string name;
  long countdown = 0;
};

Fault& wanted() {
  static Fault fault = [] {
    Fault f;
    const char* text = std::getenv("SUJIP_FAULT");
    if (text == nullptr) return f;
    const char* colon = std::strchr(text, ':');
    f.name = colon == nullptr ? text : std::string(text, colon);
    f.countdown = colon == nullptr ? 1 : std::atol(colon + 1);
    return f;
  }();
  return fault;
}

}  // namespace

void fault_point(const char* name) {
  Fault& fault = wanted();
  if (fault.name.empty() || fault.name != name) return;
  if (--fault.countdown == 0) std::raise(SIGKILL);
}

}  // namespace sujip
