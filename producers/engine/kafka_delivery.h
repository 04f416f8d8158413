#pragma once
// Delivery into raw topics, run.log and the registry in PostgreSQL. Registry rows are written only after
// Kafka acknowledged: a crash between the two publishes a scope twice, which changes nothing downstream.

#include <map>

#include "core/kafka/producer.h"
#include "core/postgres/connection.h"
#include "producers/engine/delivery.h"
#include "producers/engine/told_scopes.h"

namespace sujip::engine {

class KafkaDelivery : public Delivery {
 public:
  // Reads what the registry knows about the source. `producer` and `database` must outlive it, and
  // `told`, when given: what it knows already is not said again.
  static Result<std::unique_ptr<KafkaDelivery>> open(kafka::Producer& producer, pg::Connection& database,
                                                     const std::string& prefix, const std::string& source,
                                                     const Plan& plan, ToldScopes* told = nullptr);

  std::optional<KnownScope> known(const Scope& scope) const override;
  Result<std::vector<bool>> deliver(const std::vector<Item>& items) override;
  Status remember_accounts(const std::vector<AccountFound>& accounts) override;

 private:
  struct Row {
    KnownScope known;
    int64_t rows = 0;
  };
  KafkaDelivery(kafka::Producer& producer, pg::Connection& database, std::string prefix, std::string source)
      : producer_(producer), database_(database), prefix_(std::move(prefix)), source_(std::move(source)) {}
  bool is_unchanged(const Collected& item) const;
  // `same` instead of the rows when `unchanged`. The run it was published as.
  Result<std::string> publish(const Collected& item, bool unchanged);
  Status log(const Scope& scope, const std::string& run, const std::string& state, int64_t rows, int64_t bytes,
             const Failure* failure, TimeMs started, TimeMs finished);

  kafka::Producer& producer_;
  pg::Connection& database_;
  ToldScopes* told_ = nullptr;
  std::string prefix_, source_;
  std::string currency_, time_zone_;
  std::map<std::string, Row> known_;   // by subject, as of open()
  std::map<std::string, Row> latest_;  // delivered since then
  int64_t last_seq_ = 0;
};

}  // namespace sujip::engine
