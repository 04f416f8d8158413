#include "cli/topology.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/way_of_data.h"
#include "core/exit_codes.h"

namespace sujip {

void add_topology_command(CLI::App& app, const Settings& settings) {
  auto dot = std::make_shared<bool>(false);
  CLI::App* command =
      app.add_subcommand("topology",
                         "Stages, topics and tables, and how they hang together, from the declarations\n"
                         "  sujip topology --dot | dot -Tsvg > topology.svg");
  command->add_flag("--dot", *dot, "A graph for Graphviz");
  command->callback([&settings, dot] {
    const auto datasets = Datasets::load(settings.share + "/topics/datasets");
    if (!datasets.ok()) {
      fmt::print(stderr, "sujip topology: {}\n", datasets.error().message());
      throw CLI::RuntimeError(kExitUsage);
    }
    const WayOfData way = way_of_data(*datasets, settings.prefix);
    fmt::print("{}", *dot ? to_dot(way) : to_text(way));
  });
}

}  // namespace sujip
