#include "sinks/postgres/dead_commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>

#include "core/command_end.h"
#include "core/exit_codes.h"
#include "core/kafka/consumer.h"
#include "core/kafka/producer.h"
#include "core/postgres/connection.h"
#include "topics/generations.h"

namespace sujip::sink {
namespace {

constexpr int kReadMs = 10000;

constexpr CommandEnd kDead{"dead"};

pg::Connection connect(const Settings& settings) {
  return kDead.value(pg::Connection::open(settings.pg), kExitEnvironment);
}

struct Filter {
  std::string topic;
  std::string dataset;
  std::string reason;  // part of it
  int limit = 50;
  bool retried = false;  // those too
};

struct Place {
  std::string topic;  // as the catalogue names it, without the prefix of this installation
  int32_t partition = 0;
  int64_t offset = 0;
};

// "raw.order-3-1507": the topic may hold dashes.
Place parse_place(const std::string& text) {
  const size_t last = text.rfind('-');
  const size_t middle = last == std::string::npos || last == 0 ? last : text.rfind('-', last - 1);
  if (last == std::string::npos || middle == std::string::npos) {
    kDead.leave({"'" + text + "' is not a dead letter", "", "write topic-partition-offset as `list` does"}, kExitUsage);
  }
  try {
    return {text.substr(0, middle), std::stoi(text.substr(middle + 1, last - middle - 1)),
            std::stoll(text.substr(last + 1))};
  } catch (const std::exception&) {
    kDead.leave({"'" + text + "' is not a dead letter", "", "write topic-partition-offset as `list` does"}, kExitUsage);
  }
}

pg::Rows select(pg::Connection& connection, const Filter& filter) {
  return kDead.value(
      connection.query("select topic, partition, \"offset\", dataset, stage, reason, ts, retried_at "
                       "from sujip.dead_letter where ($1 = '' or topic = $1) and ($2 = '' or dataset = $2) "
                       "and ($3 = '' or strpos(reason, $3) > 0) and ($4 or retried_at is null) "
                       "order by ts desc, topic, partition, \"offset\" limit $5",
                       filter.topic, filter.dataset, filter.reason, filter.retried, filter.limit),
      kExitFailed);
}

void list(const Settings& settings, const Filter& filter) {
  pg::Connection connection = connect(settings);
  const pg::Rows rows = select(connection, filter);
  for (int i = 0; i < rows.size(); ++i) {
    fmt::print("{}-{}-{}  {}  {}  {}{}\n", rows.text(i, 0), rows.text(i, 1), rows.text(i, 2), rows.text(i, 6),
               rows.text(i, 4), rows.text(i, 5), rows.is_null(i, 7) ? "" : "  (retried)");
  }
  fmt::print("{} dead letters{}\n", rows.size(), rows.size() == filter.limit ? " or more" : "");
}

// A record with the consumer that lent it: a consumer does not end while one of its messages lives.
struct Original {
  std::unique_ptr<kafka::Consumer> consumer;
  kafka::MessagePtr message;  // null: not found
};

// The original record: the topic it came from still holds it for as long as it keeps anything.
Original original(const Settings& settings, const Place& place) {
  kafka::ConsumerConfig config;
  config.bootstrap = settings.kafka;
  config.client_id = "sujip-dead";
  config.partition_eof = true;
  auto consumer = kDead.value(kafka::Consumer::create(config), kExitEnvironment);
  const kafka::TopicPartition where{settings.prefix + place.topic, place.partition};
  if (auto done = consumer->assign({{where, place.offset}}); !done) {
    kDead.leave(done.error(), kExitEnvironment);
  }
  std::vector<kafka::MessagePtr> polled;
  for (int waited = 0; waited < kReadMs; waited += 100) {
    consumer->consume(100, 1, polled);
    if (polled.empty()) continue;
    kafka::MessagePtr message = std::move(polled.front());
    polled.clear();
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset == place.offset) {
      return {std::move(consumer), std::move(message)};
    }
    break;
  }
  return {};
}

std::string name_of_place(const Place& place) {
  return fmt::format("{}[{}]@{}", place.topic, place.partition, place.offset);
}

Original original_or_leave(const Settings& settings, const Place& place) {
  Original found = original(settings, place);
  if (!found.message) {
    kDead.leave({"the record is no longer in its topic", name_of_place(place),
                 "its bytes are in the topic dead.letter for 90 days"},
                kExitIncomplete);
  }
  return found;
}

void show(const Settings& settings, const std::string& text) {
  const Place place = parse_place(text);
  pg::Connection connection = connect(settings);
  const pg::Rows rows =
      kDead.value(connection.query("select dataset, scope, run, stage, reason, ts, retried_at from "
                                   "sujip.dead_letter where topic = $1 and partition = $2 and \"offset\" = $3",
                                   place.topic, place.partition, place.offset),
                  kExitFailed);
  if (rows.empty()) kDead.leave({"no such dead letter", text, "see `sujip dead list`"}, kExitIncomplete);
  for (int c = 0; c < rows.columns(); ++c) {
    if (!rows.is_null(0, c)) fmt::print("{}: {}\n", rows.name(c), rows.text(0, c));
  }
  const Original found = original_or_leave(settings, place);
  const kafka::MessagePtr& message = found.message;
  for (const kafka::Header& header : kafka::headers_of(*message)) {
    fmt::print("header {}: {}\n", header.name, header.value);
  }
  fmt::print("key: {}\nvalue: {}\n", kafka::key_of(*message), kafka::value_of(*message));
}

void retry_one(const Settings& settings, pg::Connection& connection, kafka::Producer& producer, const Place& place) {
  const Original found = original_or_leave(settings, place);
  const kafka::MessagePtr& message = found.message;
  const auto headers = kafka::headers_of(*message);
  std::optional<std::string_view> value;
  if (!kafka::is_tombstone(*message)) value = kafka::value_of(*message);
  // The same partition: the order of its scope and the owner of its state depend on it.
  Status sent = producer.produce(producer.topic(settings.prefix + place.topic), place.partition,
                                 kafka::key_of(*message), value, headers);
  if (sent) sent = producer.flush(kReadMs);
  if (!sent) kDead.leave(sent.error(), kExitEnvironment);
  // What was produced again comes to all generations.
  for (const topics::Generation& g : kDead.value(topics::read_generations(connection), kExitFailed).running()) {
    kDead.value(connection.query("update " + topics::Names("", g.number).schema() +
                                     ".dead_letter set retried_at = now() "
                                     "where topic = $1 and partition = $2 and \"offset\" = $3",
                                 place.topic, place.partition, place.offset),
                kExitFailed);
  }
  fmt::print("{}: produced again\n", name_of_place(place));
}

void retry(const Settings& settings, const std::vector<std::string>& places, const Filter& filter, bool all) {
  if (places.empty() && !all) {
    kDead.leave({"nothing chosen", "", "name dead letters as `list` shows them, or say --all"}, kExitUsage);
  }
  pg::Connection connection = connect(settings);
  kafka::ProducerConfig config;
  config.bootstrap = settings.kafka;
  config.client_id = "sujip-dead";
  config.prefix = settings.prefix;
  config.linger_ms = 0;
  const auto producer = kDead.value(kafka::Producer::create(config), kExitEnvironment);
  for (const std::string& text : places) retry_one(settings, connection, *producer, parse_place(text));
  if (!all) return;
  const pg::Rows rows = select(connection, filter);
  for (int i = 0; i < rows.size(); ++i) {
    retry_one(settings, connection, *producer,
              {std::string(rows.text(i, 0)), static_cast<int32_t>(rows.integer(i, 1)), rows.integer(i, 2)});
  }
  fmt::print("{} produced again\n", rows.size());
}

void add_filter(CLI::App* command, const std::shared_ptr<Filter>& filter) {
  command->add_option("--topic", filter->topic, "Only of this topic");
  command->add_option("--dataset", filter->dataset, "Only of this dataset");
  command->add_option("--reason", filter->reason, "Only with this text in the reason");
  command->add_option("--limit", filter->limit, "At most so many")->capture_default_str();
}

}  // namespace

void add_dead_commands(CLI::App& app, const Settings& settings) {
  CLI::App* dead = app.add_subcommand("dead", "Records that could not be used");
  dead->require_subcommand(1);
  auto filter = std::make_shared<Filter>();
  CLI::App* list_command = dead->add_subcommand("list", "List them, newest first");
  add_filter(list_command, filter);
  list_command->add_flag("--retried", filter->retried, "Also those that were retried");
  list_command->callback([&settings, filter] { list(settings, *filter); });

  auto place = std::make_shared<std::string>();
  CLI::App* show_command = dead->add_subcommand("show", "Show one with its record");
  show_command->add_option("record", *place, "topic-partition-offset")->required();
  show_command->callback([&settings, place] { show(settings, *place); });

  auto places = std::make_shared<std::vector<std::string>>();
  auto all = std::make_shared<bool>(false);
  CLI::App* retry_command =
      dead->add_subcommand("retry", "Produce the original bytes to the original partition once more");
  retry_command->add_option("record", *places, "topic-partition-offset");
  retry_command->add_flag("--all", *all, "All that the filters let through");
  add_filter(retry_command, filter);
  retry_command->callback([&settings, places, filter, all] { retry(settings, *places, *filter, *all); });
}

}  // namespace sujip::sink
