#include "core/http/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace sujip {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily single(const char* name, const char* help, MetricType type, double value) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  prometheus::ClientMetric metric;
  if (type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(metric);
  return family;
}

// Seconds since 1970 at which the machine started; 0 when unknown.
double boot_time() {
  std::ifstream in("/proc/stat");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  return 0;
}

double open_descriptors() {
  std::error_code error;
  double count = 0;
  for (auto it = std::filesystem::directory_iterator("/proc/self/fd", error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error))
    ++count;
  return count > 0 ? count - 1 : 0;  // without the one used for counting
}

}  // namespace

std::vector<MetricFamily> ProcessMetrics::Collect() const {
  std::vector<MetricFamily> out;
  std::ifstream in("/proc/self/stat");
  std::string line;
  std::getline(in, line);
  const size_t name_end = line.rfind(')');  // the program's name may hold spaces
  if (name_end != std::string::npos) {
    std::istringstream fields(line.substr(name_end + 2));
    std::vector<std::string> value;
    for (std::string field; fields >> field;) value.push_back(field);
    // proc(5): field 3 (state) is value[0].
    if (value.size() > 21) {
      const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
      const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
      out.push_back(single("process_cpu_seconds_total", "User and system time.", MetricType::Counter,
                           (std::stod(value[11]) + std::stod(value[12])) / ticks));
      out.push_back(single("process_virtual_memory_bytes", "Virtual memory.", MetricType::Gauge, std::stod(value[20])));
      out.push_back(
          single("process_resident_memory_bytes", "Resident memory.", MetricType::Gauge, std::stod(value[21]) * page));
      out.push_back(single("process_start_time_seconds", "Start of the process since 1970.", MetricType::Gauge,
                           boot_time() + std::stod(value[19]) / ticks));
    }
  }
  out.push_back(single("process_open_fds", "Open file descriptors.", MetricType::Gauge, open_descriptors()));
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
    out.push_back(single("process_max_fds", "Most file descriptors allowed.", MetricType::Gauge,
                         static_cast<double>(limit.rlim_cur)));
  return out;
}

}  // namespace sujip
