#pragma once
// Roles as child processes: started, restarted when they die, stopped together.

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"

namespace sujip {

struct RoleSpec {
  std::string name;
  std::vector<std::string> arguments;  // of this program, from the subcommand on
  std::vector<std::pair<std::string, std::string>> environment;
  std::string log_file;     // stderr goes here
  std::string output_file;  // stdout; "" = the log file, too
  bool once = false;        // its end is no failure
};

class Supervisor {
 public:
  explicit Supervisor(std::vector<RoleSpec> roles);
  ~Supervisor();

  // Starts what is not running and restarts what died (after 0.2 s, then up to 5 s). Call often.
  void tend();
  // Exit code of a role that runs once, when it has ended; nullopt before. A crash (signal) does not
  // count: it is restarted.
  std::optional<int> ended(const std::string& role) const;
  int restarts() const { return restarts_; }
  // A role that was restarted lately, for the progress line; "" when all is well.
  std::string trouble() const;
  // SIGTERM to all, SIGKILL to those that are still there after `grace`.
  void stop(std::chrono::milliseconds grace);

 private:
  struct Child {
    RoleSpec spec;
    pid_t pid = 0;
    std::optional<int> exit_code;
    std::chrono::steady_clock::time_point start_at{};
    std::chrono::steady_clock::time_point started{};
    int failures = 0;
  };
  void start(Child& child);
  void died(Child& child, int status);

  std::vector<Child> children_;
  int restarts_ = 0;
};

}  // namespace sujip
