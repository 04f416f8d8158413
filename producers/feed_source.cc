#include "producers/feed_source.h"

#include <fmt/format.h>

#include "core/metrics.h"
#include "producers/registry/feed_files.h"

namespace sujip {
using feeds::FeedCounts;
using feeds::FeedPublisher;
using feeds::FoundFile;
using feeds::OfferedFile;
using feeds::Refusal;

std::string connector_path(const Settings& settings, const std::string& connector) {
  return settings.share + "/producers/connectors/" + connector + "/connector.yaml";
}

Result<FeedSource> FeedSource::open(const Settings& settings, const registry::Source& source,
                                    const Datasets& datasets) {
  SUJIP_TRY(auto connector, feeds::load_file_connector(connector_path(settings, source.connector)));
  const Dataset* dataset = datasets.find(connector.dataset);
  if (dataset == nullptr) {
    return Error{fmt::format("no dataset \"{}\"", connector.dataset), connector.file, "see topics/datasets/"};
  }
  if (!connector.scope_field.empty()) {
    const int field = dataset->field_index(connector.scope_field);
    const bool is_slice = dataset->scope.size() == 3 && dataset->scope[2] == field;
    if (field < 0 || !is_slice) {
      return Error{fmt::format("scope {} is not the slice of dataset {}", connector.scope_field, dataset->name),
                   connector.file, "see its scope in topics/datasets/"};
    }
  }
  FeedSource self(source, std::move(connector), *dataset);
  self.folder_ = source.path.empty() ? self.connector_.folder + "/samples" : source.path;
  self.every_ = self.connector_.every;
  if (const auto every = feeds::parse_interval(source.every)) self.every_ = *every;
  return self;
}

FeedPublisher::Options FeedSource::publisher_options(const Surroundings& around, const PassOptions& options) const {
  FeedPublisher::Options out;
  if (source_.guard && options.guard) out.guard = connector_.guard.value_or(dataset_.guard);
  out.partition = connector_.partition_set ? connector_.partition : dataset_.partition;
  out.stopped = around.stopped;
  return out;
}

feeds::Accept FeedSource::acceptor(pg::Connection& db) const {
  return [&db, name = source_.name](const std::vector<feeds::AcceptedFile>& files) {
    return registry::store_accepted(db, name, files);
  };
}

Scope FeedSource::scope_of_refused() const { return {connector_.source, connector_.account, connector_.dataset, {}}; }

Result<FeedCounts> FeedSource::pass(const Surroundings& around, const PassOptions& options,
                                    std::vector<std::string>* folders) {
  left_some_ = false;
  const int64_t now_ns = now_ms() * 1'000'000;
  metrics::gauge("last_attempt_timestamp_seconds", {{"medium", source_.name}}).Set(static_cast<double>(now_ns) / 1e9);
  SUJIP_TRY(const std::vector<FoundFile> found, feeds::find_files(folder_, connector_.glob, folders));
  SUJIP_TRY(feeds::FeedMemory memory, registry::load_feed_memory(*around.db, source_.name));
  std::set<std::string> accounts;
  if (!connector_.account_from.empty()) {
    SUJIP_TRY(const auto known, registry::list_accounts(*around.db, source_.name));
    for (const auto& account : known) accounts.insert(account.account);
  }
  FeedPublisher publisher(connector_, around.target, memory, acceptor(*around.db), publisher_options(around, options));

  const auto refuse = [&](const FoundFile& file, const Refusal& refusal, const Scope& scope) {
    refused_[file.name] = {file.size, file.mtime_ns};
    return publisher.refuse(refusal, scope);
  };
  std::vector<OfferedFile> offered;
  int64_t untouched = 0;
  for (const FoundFile& file : found) {
    if (memory.untouched(file)) {
      ++untouched;
      continue;
    }
    const auto before = refused_.find(file.name);
    if (before != refused_.end() && before->second == std::pair(file.size, file.mtime_ns)) continue;
    const int64_t age_ns = now_ns - file.mtime_ns;
    if (options.only_settled && age_ns >= 0 && age_ns < 1'000'000'000) {
      left_some_ = true;
      continue;
    }
    auto described = feeds::describe(connector_, file);
    if (auto* refusal = std::get_if<Refusal>(&described)) {
      SUJIP_CHECK_OK(refuse(file, *refusal, scope_of_refused()));
      continue;
    }
    OfferedFile& good = std::get<OfferedFile>(described);
    if (!connector_.account_from.empty() && !accounts.contains(good.scope.account)) {
      SUJIP_CHECK_OK(refuse(file,
                            {file.name, 0, 0, fmt::format("account \"{}\" is not known", good.scope.account),
                             fmt::format("sujip account add {} {}", source_.name, good.scope.account)},
                            good.scope));
      continue;
    }
    offered.push_back(std::move(good));
  }
  feeds::sort_for_publication(offered);

  size_t done = 0;
  for (const OfferedFile& file : offered) {
    if (around.stopped()) break;
    const size_t refused = publisher.counts().refused.size();
    SUJIP_CHECK_OK(publisher.offer(file));
    if (publisher.counts().refused.size() > refused) {
      refused_[file.file.name] = {file.file.size, file.file.mtime_ns};
    }
    ++done;
    if (around.progress) around.progress(publisher.counts(), done, offered.size());
  }
  SUJIP_CHECK_OK(publisher.confirm());
  FeedCounts counts = publisher.counts();
  counts.skipped += untouched;
  return counts;
}

Result<FeedCounts> FeedSource::take(const Surroundings& around, const PassOptions& options, const FoundFile& file,
                                    const feeds::Said& said) {
  SUJIP_TRY(feeds::FeedMemory memory, registry::load_feed_memory(*around.db, source_.name));
  FeedPublisher::Options how = publisher_options(around, options);
  how.by_hand = true;
  FeedPublisher publisher(connector_, around.target, memory, acceptor(*around.db), how);
  const auto described = feeds::describe(connector_, file, said);
  if (const auto* refusal = std::get_if<Refusal>(&described)) {
    SUJIP_CHECK_OK(publisher.refuse(*refusal, scope_of_refused()));
  } else {
    SUJIP_CHECK_OK(publisher.offer(std::get<OfferedFile>(described)));
  }
  SUJIP_CHECK_OK(publisher.confirm());
  return publisher.counts();
}

}  // namespace sujip
