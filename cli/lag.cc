#include "cli/lag.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/positions.h"
#include "core/exit_codes.h"
#include "core/json_text.h"
#include "topics/generations.h"

namespace sujip {
namespace {

constexpr int kLooks = 20;

struct ReaderLag {
  Reader reader;
  std::vector<ReaderPosition> positions;
  int64_t behind = 0;
};

Result<std::vector<ReaderLag>> look(Positions& positions) {
  std::vector<ReaderLag> out;
  for (const Reader& reader : positions.readers()) {
    ReaderLag lag{reader, {}, 0};
    SUJIP_TRY(lag.positions, positions.read(reader));
    SUJIP_CHECK_OK(positions.look_closer(lag.positions));
    for (const ReaderPosition& p : lag.positions) lag.behind += p.behind;
    out.push_back(std::move(lag));
  }
  return out;
}

int64_t behind(const std::vector<ReaderLag>& all) {
  int64_t sum = 0;
  for (const ReaderLag& one : all) sum += one.behind;
  return sum;
}

bool moved(const std::vector<ReaderLag>& before, const std::vector<ReaderLag>& after) {
  for (size_t i = 0; i < after.size(); ++i)
    for (size_t j = 0; j < after[i].positions.size(); ++j)
      if (before[i].positions[j].position != after[i].positions[j].position ||
          before[i].positions[j].end != after[i].positions[j].end)
        return true;
  return false;
}

// Verdicts and deltas go back into what was looked at before, and may be on their way while the others are looked at:
// all are caught up when nothing has moved between two looks.
Result<std::vector<ReaderLag>> measure(const Settings& settings) {
  SUJIP_TRY(const auto generations, topics::read_generations(settings));
  SUJIP_TRY(auto positions, Positions::open(settings, generations.running()));
  SUJIP_TRY(auto last, look(positions));
  for (int n = 0; n < kLooks && behind(last) == 0; ++n) {
    SUJIP_TRY(auto now, look(positions));
    const bool quiet = !moved(last, now);
    last = std::move(now);
    if (quiet) break;
  }
  return last;
}

void print(const std::vector<ReaderLag>& all, int64_t total) {
  fmt::print("{:<8} {:<28} {:>10}  {}\n", "reader", "topic", "behind", "by partition (- = not begun)");
  for (const ReaderLag& lag : all)
    for (size_t i = 0; i < lag.positions.size();) {
      const std::string& topic = lag.positions[i].tp.topic;
      int64_t sum = 0;
      std::string parts;
      for (; i < lag.positions.size() && lag.positions[i].tp.topic == topic; ++i) {
        const ReaderPosition& p = lag.positions[i];
        sum += p.behind;
        parts += fmt::format(" {}{}", p.position < 0 && p.end > 0 ? "-" : "", p.behind);
      }
      fmt::print("{:<8} {:<28} {:>10} {}\n", lag.reader.name, topic, sum, parts);
    }
  fmt::print("{} behind\n", total);
}

std::string json(const std::vector<ReaderLag>& all, int64_t total) {
  std::string out = "{";
  append_json_field(out, "behind", total);
  append_json_name(out, "readers");
  out += '[';
  for (const ReaderLag& lag : all) {
    out += out.back() == '[' ? "{" : ",{";
    append_json_field(out, "reader", lag.reader.name);
    append_json_field(out, lag.reader.in_database ? "sink" : "group", lag.reader.group);
    append_json_field(out, "behind", lag.behind);
    append_json_name(out, "partitions");
    out += '[';
    for (const ReaderPosition& p : lag.positions) {
      out += out.back() == '[' ? "{" : ",{";
      append_json_field(out, "topic", p.tp.topic);
      append_json_field(out, "partition", p.tp.partition);
      append_json_name(out, "position");
      out += p.position < 0 ? "null" : std::to_string(p.position);
      append_json_field(out, "end", p.end);
      append_json_field(out, "behind", p.behind);
      out += '}';
    }
    out += "]}";
  }
  return out + "]}";
}

void lag(const Settings& settings, bool as_json) {
  const auto all = measure(settings);
  if (!all.ok()) {
    fmt::print(stderr, "sujip lag: {}\n", all.error().message());
    throw CLI::RuntimeError(kExitEnvironment);
  }
  const int64_t total = behind(*all);
  if (as_json)
    fmt::print("{}\n", json(*all, total));
  else
    print(*all, total);
  if (total > 0) throw CLI::RuntimeError(kExitIncomplete);
}

}  // namespace

void add_lag_command(CLI::App& app, const Settings& settings) {
  auto as_json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand(
      "lag",
      "How far processors and sink are behind the ends of what they read\n"
      "The end is the last stable offset: what is committed. Offsets are counted, so records that were aborted\n"
      "and markers of transactions are in it; where nothing else is left it is 0. A run that waits for a verdict\n"
      "is not behind. Exit code 0: all caught up, 3: behind, 4: broker or database not usable.");
  command->add_flag("--json", *as_json, "One JSON object, with every position");
  command->callback([&settings, as_json] { lag(settings, *as_json); });
}

}  // namespace sujip
