#include "cli/way_of_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "archive/catalogue_of.h"
#include "processors/normalize/normalizers.h"
#include "processors/topology.h"
#include "sinks/postgres/reset.h"
#include "topics/catalogue.h"

namespace sujip {
namespace {

std::vector<std::string> full(const topics::Names& names, const std::vector<std::string>& topics) {
  std::vector<std::string> out;
  for (const std::string& topic : topics) out.push_back(names.topic(topic));
  return out;
}

std::string quoted(const std::string& name) { return "\"" + name + "\""; }

}  // namespace

std::vector<std::string> WayOfData::derived_topics() const {
  std::vector<std::string> out;
  for (const WayTopic& t : topics)
    if (t.derived) out.push_back(t.name);
  return out;
}

WayOfData way_of_data(const Datasets& datasets, const topics::Names& names) {
  WayOfData way;
  const MappingSet no_mappings(datasets);  // the stages are only looked at
  for (const Stage& stage : build_topology(datasets, no_mappings, 1))
    way.stages.push_back(
        {stage.name, names.group(stage.name), false, full(names, stage.inputs), full(names, stage.outputs)});
  const sink::Work work = sink::declared_work(datasets, names);
  WayStage sink{"sink", work.sink, true, {}, {names.topic(topics::kDeadLetter)}};
  for (const auto& one : sink::tables_of(work)) {
    sink.reads.push_back(one.topic);
    for (const std::string& table : one.tables) way.tables.push_back({one.topic, table});
  }
  for (WayStage& stage : way.stages) stage.writes.push_back(names.topic(topics::kDeadLetter));
  way.stages.push_back(std::move(sink));

  const auto raw = full(names, archive::raw_topics_of(datasets));
  for (const kafka::TopicSpec& spec : topics::catalogue(datasets, "")) {
    const std::string name = names.topic(spec.name);
    WayTopic topic{name, std::find(raw.begin(), raw.end(), name) != raw.end(), false, spec.partitions,
                   spec.config.at("cleanup.policy")};
    // Collectors write there, too, of attempts that left nothing in a raw topic.
    topic.derived = !topic.raw && name != names.prefix() + std::string(topics::kRunLog);
    way.topics.push_back(std::move(topic));
  }
  return way;
}

std::string to_text(const WayOfData& way) {
  std::string out = "collectors\n";
  for (const WayTopic& t : way.topics)
    if (!t.derived) out += fmt::format("  -> {}\n", t.name);
  for (const WayStage& stage : way.stages) {
    out += fmt::format("\n{}  ({} {})\n", stage.name, stage.sink ? "sujip.sink_progress:" : "group", stage.group);
    for (const std::string& topic : stage.reads) {
      out += fmt::format("  <- {}", topic);
      if (stage.sink) {
        std::string tables;
        for (const WayTable& t : way.tables)
          if (t.topic == topic) tables += (tables.empty() ? "" : ", ") + t.table;
        out += " -> " + tables;
      }
      out += '\n';
    }
    for (const std::string& topic : stage.writes) out += fmt::format("  -> {}\n", topic);
  }
  out += "\ntopics\n";
  for (const WayTopic& t : way.topics)
    out += fmt::format("  {:<28} {} partitions, {}{}\n", t.name, t.partitions, t.cleanup,
                       t.raw       ? ", the truth"
                       : t.derived ? ", made from raw"
                                   : ", of collectors and processors");
  return out;
}

std::string to_dot(const WayOfData& way) {
  std::string out =
      "digraph sujip {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n"
      "  collectors [shape=box, style=filled, fillcolor=\"#dddddd\"];\n";
  for (const WayStage& stage : way.stages)
    out += fmt::format("  {} [shape=box, style=filled, fillcolor=\"#cfe2ff\"];\n", quoted("stage " + stage.name));
  for (const WayTopic& t : way.topics)
    out += fmt::format("  {} [shape=cds, style=filled, fillcolor=\"{}\"];\n", quoted(t.name),
                       t.raw ? "#ffe8b0" : "#ffffff");
  std::set<std::string> tables;
  for (const WayTable& t : way.tables)
    if (tables.insert(t.table).second)
      out += fmt::format("  {} [shape=cylinder, style=filled, fillcolor=\"#d8f0d8\"];\n", quoted(t.table));
  for (const WayTopic& t : way.topics)
    if (!t.derived) out += fmt::format("  collectors -> {};\n", quoted(t.name));
  for (const WayStage& stage : way.stages) {
    const std::string node = quoted("stage " + stage.name);
    for (const std::string& topic : stage.reads) out += fmt::format("  {} -> {};\n", quoted(topic), node);
    for (const std::string& topic : stage.writes) {
      // Back against the stream: verdicts, dead letters of the sink.
      const bool back = std::any_of(way.topics.begin(), way.topics.end(),
                                    [&](const WayTopic& t) { return t.raw && t.name == topic; });
      out += fmt::format("  {} -> {}{};\n", node, quoted(topic),
                         back ? " [style=dashed, constraint=false, label=\"verdicts\"]" : "");
    }
  }
  for (const WayTable& t : way.tables)
    out += fmt::format("  {} -> {} [label={}];\n", quoted("stage sink"), quoted(t.table), quoted(t.topic));
  return out + "}\n";
}

}  // namespace sujip
