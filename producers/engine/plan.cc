#include "producers/engine/plan.h"

#include <algorithm>

namespace sujip::engine {
namespace {

constexpr std::string_view kKeys[] = {"kind",          "time_zone", "currency", "credentials", "restate_days",
                                      "backfill_days", "accounts",  "feeds",    "budget_by"};
constexpr std::string_view kFeedKeys[] = {"stream", "dataset", "stage",        "key",
                                          "empty",  "guard",   "skip_reports", "state"};

template <size_t N>
Status only(const Node& node, const std::string_view (&allowed)[N]) {
  for (const auto& [name, value] : node.fields) {
    if (std::find(std::begin(allowed), std::end(allowed), name) != std::end(allowed)) continue;
    std::string list;
    for (const std::string_view word : allowed) list += std::string(word) + " ";
    return value.error("unknown key '" + name + "'", "allowed: " + list);
  }
  return {};
}

Result<int> whole(const Node& node) {
  const auto number = Decimal::parse(node.text);
  const int64_t value = number ? number->to_int64().value_or(-1) : -1;
  if (value < 0 || value > 3650) return node.error("'" + node.text + "' is no number of days");
  return static_cast<int>(value);
}

std::vector<std::string> names(const Node* list) {
  std::vector<std::string> out;
  if (list != nullptr)
    for (const Node& item : list->items) out.push_back(item.text);
  return out;
}

Result<Feed> build_feed(const Node& node, const Manifest& manifest, const Datasets& datasets) {
  SUJIP_CHECK_OK(only(node, kFeedKeys));
  Feed feed;
  feed.stream = node.text_of("stream");
  if (manifest.stream(feed.stream) == nullptr)
    return node.error("there is no stream '" + feed.stream + "'", "streams are listed below");
  feed.dataset = datasets.find(node.text_of("dataset"));
  if (feed.dataset == nullptr)
    return node.error("there is no dataset '" + node.text_of("dataset") + "'",
                      "datasets are declared in topics/datasets");
  const std::string stage = node.text_of("stage");
  if (stage == "account")
    feed.stage = Stage::account;
  else if (stage == "status")
    feed.stage = Stage::status;
  else if (stage == "report")
    feed.stage = Stage::report;
  else
    return node.error("'" + stage + "' is no stage", "known: account status report");
  feed.key = names(node.find("key"));
  if (feed.key.empty()) return node.error("a feed needs the 'key' of its records");
  const std::string empty = node.text_of("empty", "hold");
  if (empty != "hold" && empty != "accept") return node.error("empty is 'hold' or 'accept', not '" + empty + "'");
  feed.accept_empty = empty == "accept";
  feed.guard = node.flag_of("guard", true);
  if (const Node* text = node.find("state")) {
    SUJIP_TRY(feed.state, Text::compile(*text, node));
  }
  if (const Node* text = node.find("skip_reports")) {
    SUJIP_TRY(feed.skip_reports, Text::compile(*text, node));
  }
  return feed;
}

}  // namespace

Result<Plan> Plan::build(const Manifest& manifest, const Datasets& datasets, const Value& config) {
  const Node* own = manifest.sujip();
  if (own == nullptr)
    return Error{"the manifest says nothing under metadata.sujip", manifest.file,
                 "it must say which stream feeds which dataset"};
  SUJIP_CHECK_OK(only(*own, kKeys));
  Plan plan;
  plan.kind = own->text_of("kind");
  plan.time_zone = own->text_of("time_zone", "Asia/Seoul");
  if (plan.time_zone != "Asia/Seoul")
    return own->find("time_zone")->error("not supported: time_zone " + plan.time_zone);
  plan.currency = own->text_of("currency");
  plan.credentials = names(own->find("credentials"));
  if (const Node* days = own->find("restate_days"))
    for (const Node& day : days->items) {
      SUJIP_TRY(const int ago, whole(day));
      plan.restate_days.push_back(ago);
    }
  if (const Node* days = own->find("backfill_days")) {
    SUJIP_TRY(plan.backfill_days, whole(*days));
  }
  if (const Node* accounts = own->find("accounts")) {
    plan.account_field = accounts->text_of("partition_field", "account");
    for (const auto& [name, target] : {std::pair("id", &plan.account_id), std::pair("name", &plan.account_name),
                                       std::pair("collected_with", &plan.collected_with)}) {
      const Node* text = accounts->find(name);
      if (text == nullptr) return accounts->error(std::string("accounts needs '") + name + "'");
      SUJIP_TRY(*target, Text::compile(*text, *accounts));
    }
  } else {
    return own->error("metadata.sujip needs 'accounts'");
  }
  if (const Node* check = own->find("accounts")->find("check_with")) {
    if (manifest.stream(check->text) == nullptr)
      return check->error("there is no stream '" + check->text + "'", "streams are listed below");
    plan.check_stream = check->text;
  }
  const Node* feeds = own->find("feeds");
  if (feeds == nullptr || feeds->items.empty())
    return own->error("metadata.sujip needs 'feeds'", "one entry for each dataset it fills");
  for (const Node& node : feeds->items) {
    SUJIP_TRY(Feed feed, build_feed(node, manifest, datasets));
    if (feed.stage == Stage::status && plan.check_stream.empty()) plan.check_stream = feed.stream;
    plan.feeds.push_back(std::move(feed));
  }
  if (const Node* level = manifest.document.find("concurrency_level")) {
    SUJIP_TRY(const Text text, Text::compile(*level->find("default_concurrency"), *level));
    Variables variables;
    variables.bind("config", &config);
    const auto value = text.value(variables);
    if (!value.ok()) return value.error().error;
    const int64_t workers = value.value().is_number() ? value.value().number().to_int64().value_or(0) : 0;
    if (workers < 1 || workers > 256) return level->error("default_concurrency is 1 to 256");
    plan.workers = static_cast<int>(workers);
  }
  return plan;
}

bool Plan::restates(int days_ago) const {
  return std::find(restate_days.begin(), restate_days.end(), days_ago) != restate_days.end();
}

}  // namespace sujip::engine
