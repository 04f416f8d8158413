#pragma once
// A registered source of kind files: its connector, its folder, and one pass over what lies there.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/postgres/connection.h"
#include "core/settings.h"
#include "producers/files/connector_file.h"
#include "producers/files/feed_publisher.h"
#include "producers/registry/sources.h"
#include "topics/dataset.h"

namespace sujip {

// "<share>/producers/connectors/<name>/connector.yaml"
std::string connector_path(const Settings& settings, const std::string& connector);

class FeedSource {
 public:
  struct Surroundings {
    pg::Connection* db = nullptr;
    feeds::FeedTarget target;
    std::function<bool()> stopped = [] { return false; };
    // Called now and then with the counts of this pass, the files looked at and the files there.
    std::function<void(const feeds::FeedCounts&, size_t, size_t)> progress;
  };
  struct PassOptions {
    bool guard = true;
    bool only_settled = false;  // leave files alone that were written within the last second
  };

  // The connector's declaration and the dataset it feeds must load.
  static Result<FeedSource> open(const Settings& settings, const registry::Source& source, const Datasets& datasets);

  const std::string& name() const { return source_.name; }
  const std::string& folder() const { return folder_; }
  const feeds::FileConnector& connector() const { return connector_; }
  const Dataset& dataset() const { return dataset_; }
  std::chrono::seconds every() const { return every_; }

  // Publishes what is new. `folders` receives what to watch.
  Result<feeds::FeedCounts> pass(const Surroundings& around, const PassOptions& options,
                                 std::vector<std::string>* folders);
  // Publishes one file given by a person.
  Result<feeds::FeedCounts> take(const Surroundings& around, const PassOptions& options, const feeds::FoundFile& file,
                                 const feeds::Said& said);
  // True when the last pass left files for later (not settled yet).
  bool left_some() const { return left_some_; }

 private:
  FeedSource(registry::Source source, feeds::FileConnector connector, Dataset dataset)
      : source_(std::move(source)), connector_(std::move(connector)), dataset_(std::move(dataset)) {}

  feeds::FeedPublisher::Options publisher_options(const Surroundings& around, const PassOptions& options) const;
  feeds::Accept acceptor(pg::Connection& db) const;
  Scope scope_of_refused() const;

  registry::Source source_;
  feeds::FileConnector connector_;
  Dataset dataset_;
  std::string folder_;
  std::chrono::seconds every_{60};
  bool left_some_ = false;
  // Refused files as they were: not tried again by this process until they change.
  std::map<std::string, std::pair<int64_t, int64_t>> refused_;
};

}  // namespace sujip
