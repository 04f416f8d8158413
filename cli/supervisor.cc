#include "cli/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "core/log.h"

namespace sujip {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{200};
constexpr milliseconds kLongestPause{5000};

void redirect(const std::string& file, int descriptor, bool append) {
  const int opened = open(file.c_str(), O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), 0644);
  if (opened >= 0) dup2(opened, descriptor);
}

}  // namespace

Supervisor::Supervisor(std::vector<RoleSpec> roles) {
  for (RoleSpec& role : roles) children_.emplace_back().spec = std::move(role);
}

Supervisor::~Supervisor() { stop(milliseconds(3000)); }

void Supervisor::start(Child& child) {
  std::vector<char*> arguments;
  static std::string self = "/proc/self/exe";
  static std::string name = "sujip";
  arguments.push_back(name.data());
  for (std::string& a : child.spec.arguments) arguments.push_back(a.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    // The roles must not outlive their supervisor, whatever ends it.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    setpgid(0, 0);  // Ctrl-C reaches the supervisor alone, which stops them in order
    for (const auto& [key, value] : child.spec.environment) setenv(key.c_str(), value.c_str(), 1);
    redirect(child.spec.log_file, STDERR_FILENO, true);
    if (child.spec.output_file.empty())
      dup2(STDERR_FILENO, STDOUT_FILENO);
    else
      redirect(child.spec.output_file, STDOUT_FILENO, false);
    execv(self.c_str(), arguments.data());
    _exit(127);
  }
  child.pid = pid;
  child.started = Clock::now();
}

void Supervisor::died(Child& child, int status) {
  child.pid = 0;
  if (child.spec.once && WIFEXITED(status) && WEXITSTATUS(status) != 127) {
    child.exit_code = WEXITSTATUS(status);
    return;
  }
  ++restarts_;
  if (Clock::now() - child.started > std::chrono::seconds(30)) child.failures = 0;
  const milliseconds pause = std::min(kFirstPause * (1 << std::min(child.failures, 6)), kLongestPause);
  ++child.failures;
  child.start_at = Clock::now() + pause;
  const std::string how = WIFSIGNALED(status) ? fmt::format("was ended by signal {}", WTERMSIG(status))
                                              : fmt::format("ended with code {}", WEXITSTATUS(status));
  log::warn("role {} {}; starting it again, see {}", child.spec.name, how, child.spec.log_file);
}

void Supervisor::tend() {
  for (Child& child : children_) {
    if (child.exit_code) continue;
    if (child.pid != 0) {
      int status = 0;
      if (waitpid(child.pid, &status, WNOHANG) == child.pid) died(child, status);
    }
    if (child.pid == 0 && !child.exit_code && Clock::now() >= child.start_at) start(child);
  }
}

std::optional<int> Supervisor::ended(const std::string& role) const {
  for (const Child& child : children_)
    if (child.spec.name == role) return child.exit_code;
  return std::nullopt;
}

std::string Supervisor::trouble() const {
  for (const Child& child : children_)
    if (child.failures > 0 && Clock::now() - child.started < std::chrono::seconds(10))
      return fmt::format("{} restarted {}x", child.spec.name, child.failures);
  return {};
}

void Supervisor::stop(milliseconds grace) {
  for (const Child& child : children_)
    if (child.pid != 0) kill(child.pid, SIGTERM);
  const auto deadline = Clock::now() + grace;
  for (Child& child : children_) {
    while (child.pid != 0) {
      int status = 0;
      if (waitpid(child.pid, &status, WNOHANG) != 0) {
        child.pid = 0;
      } else if (Clock::now() > deadline) {
        kill(child.pid, SIGKILL);
        waitpid(child.pid, &status, 0);
        child.pid = 0;
      } else {
        std::this_thread::sleep_for(milliseconds(10));
      }
    }
  }
}

}  // namespace sujip
