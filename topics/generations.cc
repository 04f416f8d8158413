#include "topics/generations.h"

#include <algorithm>

#include "topics/catalogue.h"

namespace sujip::topics {

const Generation* Generations::find(int number) const {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Generation& g) { return g.number == number; });
  return found == all.end() ? nullptr : &*found;
}

std::vector<Generation> Generations::running() const {
  std::vector<Generation> out;
  for (const Generation& g : all)
    if (is_kept_in_step(g.state)) out.push_back(g);
  return out;
}

Generations only_the_first() { return {{Generation()}, {{"", 1}}}; }

Result<Generations> read_generations(pg::Connection& connection) {
  SUJIP_TRY(const auto there, connection.query("select to_regclass('sujip.generation_live') is not null"));
  if (!there.boolean(0, 0)) return only_the_first();
  // One statement: the states and what is live belong together.
  SUJIP_TRY(
      const auto rows,
      connection.query("select g.number, g.state, array_to_string(g.datasets, ','), g.from_date, g.to_date, g.mapping, "
                       "g.mapping_file, to_char(g.created_at, 'YYYY-MM-DD HH24:MI:SS'), "
                       "to_char(g.ready_at, 'YYYY-MM-DD HH24:MI:SS'), to_char(g.swapped_at, 'YYYY-MM-DD HH24:MI:SS'), "
                       "(select string_agg(l.dataset, ',' order by l.dataset) from sujip.generation_live l "
                       " where l.number = g.number) from sujip.generation g order by g.number"));
  const auto split = [](std::string_view text) {
    std::vector<std::string> out;
    for (;;) {
      const size_t end = text.find(',');
      out.emplace_back(text.substr(0, end));
      if (end == std::string_view::npos) return out;
      text.remove_prefix(end + 1);
    }
  };
  Generations out;
  for (int i = 0; i < rows.size(); ++i) {
    Generation g;
    g.number = static_cast<int>(rows.integer(i, 0));
    const auto state = parse_generation_state(rows.text(i, 1));
    if (!state)
      return Error{"unknown state '" + std::string(rows.text(i, 1)) + "'", "sujip.generation",
                   "a newer version wrote it: use that one"};
    g.state = *state;
    if (!rows.text(i, 2).empty()) g.datasets = split(rows.text(i, 2));
    g.from = Day::parse(rows.text(i, 3));
    g.to = Day::parse(rows.text(i, 4));
    g.mapping = rows.text(i, 5);
    g.mapping_file = rows.text(i, 6);
    g.created = rows.text(i, 7);
    g.ready = rows.text(i, 8);
    g.swapped = rows.text(i, 9);
    if (!rows.is_null(i, 10))
      for (std::string& dataset : split(rows.text(i, 10))) out.live[std::move(dataset)] = g.number;
    out.all.push_back(std::move(g));
  }
  return out;
}

Result<Generations> read_generations(const Settings& settings) {
  SUJIP_TRY(auto connection, pg::Connection::open(settings.pg));
  return read_generations(connection);
}

Generations generations_or_first(const Settings& settings) {
  auto read = read_generations(settings);
  return read.ok() ? *std::move(read) : only_the_first();
}

std::vector<kafka::TopicSpec> wanted_topics(const Settings& settings, const Datasets& datasets) {
  const Generations generations = generations_or_first(settings);
  std::vector<kafka::TopicSpec> out = catalogue(datasets, settings.prefix);
  const Generation* first = generations.find(1);
  if (first != nullptr && !is_kept_in_step(first->state))
    std::erase_if(out, [&](const kafka::TopicSpec& spec) {
      const std::string name = Names(settings.prefix).plain(spec.name);
      return is_derived(name) && name != kRunLog;  // that of collectors stays
    });
  for (const Generation& g : generations.running()) {
    if (g.number == 1) continue;
    for (kafka::TopicSpec& spec : derived_catalogue(g.of(datasets), {settings.prefix, g.number}))
      out.push_back(std::move(spec));
  }
  return out;
}

Result<Generations> GenerationWatch::look() {
  if (!connection_ || !connection_->connected()) {
    connection_.reset();
    pg::ConnectOptions options;
    options.application_name = "sujip generations";
    SUJIP_TRY(auto opened, pg::Connection::open(pg_, options));
    connection_ = std::move(opened);
  }
  return read_generations(*connection_);
}

}  // namespace sujip::topics
