// Collects a source with the engine into standard output instead of Kafka: one JSON line per scope, the
// report as the last line. Lets the integration test compare with what the stub vendor says.
//
//   engine_probe SHARE SOURCE [name=value ...]
// Names: today, days, force, state=FILE (hashes of earlier runs), credential.<name>; everything else is
// configuration of the source.

#include <fstream>
#include <iostream>
#include <map>

#include "core/json_text.h"
#include "core/log.h"
#include "producers/engine/engine.h"

using namespace sujip;
using namespace sujip::engine;

namespace {

class LineDelivery : public Delivery {
 public:
  explicit LineDelivery(std::string state) : state_(std::move(state)) {
    std::ifstream in(state_);
    std::string subject, hash;
    while (in >> subject >> hash) known_[subject] = hash;
  }
  ~LineDelivery() override {
    if (state_.empty()) return;
    std::ofstream out(state_);
    for (const auto& [subject, hash] : now_) known_[subject] = hash;
    for (const auto& [subject, hash] : known_) out << subject << ' ' << hash << '\n';
  }
  std::optional<KnownScope> known(const Scope& scope) const override {
    const auto it = known_.find(scope.subject());
    return it == known_.end() ? std::nullopt : std::optional(KnownScope{it->second, 0});
  }
  Result<std::vector<bool>> deliver(const std::vector<Item>& items) override {
    std::vector<bool> same;
    for (const Item& item : items) same.push_back(print(item));
    return same;
  }
  Status remember_accounts(const std::vector<AccountFound>& accounts) override {
    for (const AccountFound& account : accounts) {
      std::string line = "{";
      append_json_field(line, "kind", "account");
      append_json_field(line, "account", account.account);
      append_json_field(line, "name", account.name);
      append_json_field(line, "status", account.status);
      std::cout << line << "}\n";
    }
    return {};
  }

 private:
  bool print(const Item& item) {
    std::string line = "{";
    bool same = false;
    if (const auto* good = std::get_if<Collected>(&item)) {
      const std::string subject = good->scope.subject();
      const auto before = known_.find(subject);
      same = before != known_.end() && before->second == good->hash;
      now_[subject] = good->hash;
      append_json_field(line, "kind", same ? "same" : "collected");
      append_json_field(line, "scope", subject);
      append_json_name(line, "rows");
      line += '[';
      for (size_t i = 0; i < good->rows.size(); ++i) {
        line += i == 0 ? "{" : ",{";
        append_json_field(line, "key", good->rows[i].first);
        append_json_name(line, "record");
        line += good->rows[i].second + "}";
      }
      line += ']';
    } else {
      const auto& gap = std::get<NotCollected>(item);
      append_json_field(line, "kind", gap.skipped ? "skipped" : "failed");
      append_json_field(line, "scope", gap.scope.subject());
      append_json_field(line, "class", gap.failure.kind);
      append_json_field(line, "message", gap.failure.error.message());
    }
    std::cout << line << "}\n";
    return same;
  }

  std::string state_;
  std::map<std::string, std::string> known_, now_;
};

int fail(const Error& error) {
  std::cerr << error.message() << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  log::start("probe", "warn");
  const std::string share = argv[1];
  ApiSource source;
  source.name = argv[2];
  CollectOptions options;
  std::string state;
  for (int i = 3; i < argc; ++i) {
    const std::string text = argv[i];
    const size_t at = text.find('=');
    if (at == std::string::npos) return 2;
    const std::string name = text.substr(0, at), value = text.substr(at + 1);
    if (name == "today")
      options.today = Day::parse(value);
    else if (name == "days")
      options.days = std::stoi(value);
    else if (name == "force")
      options.force = value == "1";
    else if (name == "state")
      state = value;
    else if (name.starts_with("credential."))
      source.credentials[name.substr(11)] = Secret(value);
    else
      source.config[name] = value;
  }
  const auto datasets = Datasets::load(share + "/topics/datasets");
  if (!datasets) return fail(datasets.error());
  const auto manifest = Manifest::load(share + "/producers/connectors/" + source.name + "/connector.yaml");
  if (!manifest) return fail(manifest.error());
  const auto plan = Plan::build(*manifest, *datasets, config_value(source));
  if (!plan) return fail(plan.error());
  HttpClient http;
  RealPace pace(nullptr);
  LineDelivery delivery(state);
  const auto report = collect({source, options, *manifest, *plan, http, pace, delivery});
  if (!report) return fail(report.error());
  std::string line = "{";
  append_json_field(line, "kind", "report");
  append_json_field(line, "accounts", report->accounts);
  append_json_field(line, "collected", report->collected);
  append_json_field(line, "same", report->same);
  append_json_field(line, "skipped", report->skipped);
  append_json_field(line, "failed", report->failed);
  append_json_field(line, "rows", report->rows);
  std::cout << line << "}\n";
  return report->complete() ? 0 : 3;
}
