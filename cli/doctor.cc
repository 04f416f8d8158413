#include "cli/doctor.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>

#include "core/exit_codes.h"
#include "core/kafka/admin.h"
#include "core/kafka/producer.h"
#include "core/postgres/connection.h"
#include "processors/normalize/normalizers.h"
#include "topics/apply.h"
#include "topics/generations.h"

namespace sujip {
namespace {

class Report {
 public:
  void good(std::string_view what, std::string_view detail) { fmt::print("ok    {:<22} {}\n", what, detail); }
  void bad(std::string_view what, std::string_view detail, std::string_view hint) {
    fmt::print("FAIL  {:<22} {}\n", what, detail);
    if (!hint.empty()) fmt::print("      {:<22} -> {}\n", "", hint);
    failed_ = true;
  }
  void bad(std::string_view what, const Error& error) {
    bad(what, error.where.empty() ? error.what : error.where + ": " + error.what, error.hint);
  }
  bool failed() const { return failed_; }

 private:
  bool failed_ = false;
};

void check_share(Report& report, const Settings& settings) {
  const auto datasets = Datasets::load(settings.share + "/topics/datasets");
  if (!datasets.ok()) return report.bad("declarations", datasets.error());
  report.good("declarations", fmt::format("{} datasets in {}", datasets->all().size(), settings.share));
  const auto normalizers = MappingSet::load(settings.share + "/producers/connectors", *datasets);
  if (!normalizers.ok()) return report.bad("mappings", normalizers.error());
  report.good("mappings", "all load");
}

void check_home(Report& report, const Settings& settings) {
  std::error_code error;
  std::filesystem::create_directories(settings.home, error);
  const std::string probe = settings.home + "/.doctor";
  std::ofstream out(probe);
  if (error || !out) return report.bad("local state", settings.home + " is not writable", "set SUJIP_HOME or --home");
  out.close();
  std::filesystem::remove(probe, error);
  const auto space = std::filesystem::space(settings.home, error);
  const auto free_gb = static_cast<double>(space.available) / (1 << 30);
  if (!error && free_gb < 1)
    return report.bad("local state", fmt::format("{:.1f} GiB free in {}", free_gb, settings.home), "make room");
  report.good("local state", fmt::format("{}, {:.0f} GiB free", settings.home, free_gb));
}

void check_kafka(Report& report, const Settings& settings) {
  const std::string version = rd_kafka_version_str();
  if (rd_kafka_version() < 0x02000000)
    report.bad("librdkafka", version, "2.0.0 or newer is needed");
  else
    report.good("librdkafka", version);
  auto admin = kafka::Admin::create(settings.kafka);
  if (!admin.ok()) return report.bad("broker", admin.error());
  const auto id = (*admin)->cluster_id(5000);
  if (!id.ok()) return report.bad("broker", id.error());
  report.good("broker", settings.kafka + ", cluster " + *id);

  const auto datasets = Datasets::load(settings.share + "/topics/datasets");
  if (datasets.ok()) {
    const auto found = topics::compare(**admin, topics::wanted_topics(settings, *datasets));
    if (!found.ok())
      report.bad("topics", found.error());
    else if (!found->empty())
      report.bad("topics",
                 fmt::format("{} differ, first {}: {}", found->size(), found->front().topic, found->front().what),
                 "sujip topics apply");
    else
      report.good("topics", "as declared");
  }
  kafka::ProducerConfig config;
  config.bootstrap = settings.kafka;
  config.transactional_id = settings.prefix + "sujip-doctor";
  auto producer = kafka::Producer::create(config);
  if (!producer.ok()) return report.bad("transactions", producer.error());
  if (const auto error = (*producer)->init_transactions(10000); error)
    return report.bad("transactions", error.text,
                      "transaction.state.log.replication.factor must fit the number of brokers");
  report.good("transactions", "can be made");
}

void check_postgres(Report& report, const Settings& settings) {
  auto connection = pg::Connection::open(settings.pg);
  if (!connection.ok()) return report.bad("database", connection.error());
  const auto version = connection->query("show server_version_num");
  const auto encoding = connection->query("show server_encoding");
  if (!version.ok()) return report.bad("database", version.error());
  const int64_t number = version->integer(0, 0);
  if (number < 150000)
    return report.bad("database", fmt::format("PostgreSQL {}", number / 10000), "15 or newer is needed");
  if (encoding.ok() && encoding->text(0, 0) != "UTF8")
    return report.bad("database", "encoding is not UTF8", "create database sujip encoding 'UTF8'");
  report.good("database", fmt::format("PostgreSQL {}.{}", number / 10000, number % 10000));
  const auto tables = connection->query("select to_regclass('sujip.sink_progress') is not null");
  if (!tables.ok() || !tables->boolean(0, 0)) return report.bad("tables", "not there", "sujip db migrate");
  report.good("tables", "there");
}

}  // namespace

void add_doctor_command(CLI::App& app, const Settings& settings) {
  app.add_subcommand("doctor", "Check broker, transactions, database, versions, files")->callback([&settings] {
    Report report;
    check_share(report, settings);
    check_home(report, settings);
    check_kafka(report, settings);
    check_postgres(report, settings);
    if (report.failed()) throw CLI::RuntimeError(kExitEnvironment);
  });
}

}  // namespace sujip
