#include "core/metrics.h"

#include <stdexcept>
#include <utility>

namespace sujip::metrics {
namespace {

constexpr Entry kCatalogue[] = {
    // Processes
    {"build_info", Kind::gauge, "version revision compiler role", "", "Always 1."},
    // Collection
    {"runs_total", Kind::counter, "medium trigger", "", "Runs begun."},
    {"run_failures_total", Kind::counter, "medium reason", "", "Runs that failed or were refused."},
    {"runs_in_progress", Kind::gauge, "medium", "", "Runs being collected now."},
    {"run_duration_seconds", Kind::histogram, "medium", "step", "Begin to end of a run's collection."},
    {"last_attempt_timestamp_seconds", Kind::gauge, "medium", "", "Newest attempt to collect."},
    {"last_success_timestamp_seconds", Kind::gauge, "medium", "", "Newest complete collection."},
    {"rows_collected_total", Kind::counter, "medium dataset", "", "Rows handed to Kafka."},
    {"empty_results_total", Kind::counter, "medium", "", "Answers without any row."},
    {"api_requests_total", Kind::counter, "medium endpoint code", "", "HTTP answers of vendors."},
    {"api_request_failures_total", Kind::counter, "medium endpoint reason", "", "HTTP requests that failed."},
    {"api_retries_total", Kind::counter, "medium endpoint", "", "HTTP requests sent again."},
    {"api_request_duration_seconds", Kind::histogram, "medium endpoint", "api", "Time to a vendor's answer."},
    {"api_throttle_wait_seconds_total", Kind::counter, "medium", "", "Time lost in our own rate limiter."},
    {"api_received_bytes_total", Kind::counter, "medium", "", "Bytes of vendors' answers."},
    // Kafka clients
    {"producer_records_total", Kind::counter, "topic", "", "Records acknowledged by the broker."},
    {"producer_failures_total", Kind::counter, "topic", "", "Records that were not delivered."},
    {"producer_bytes_total", Kind::counter, "topic", "", "Bytes of values produced."},
    {"consumer_lag", Kind::gauge, "topic partition", "", "Records between the position and the last stable offset."},
    {"consumer_position_timestamp_seconds", Kind::gauge, "topic partition", "", "Time of the last processed record."},
    {"partition_last_stable_offset", Kind::gauge, "topic partition", "", "Last stable offset."},
    {"partition_uncommitted_offsets", Kind::gauge, "topic partition", "", "High watermark minus last stable offset."},
    {"consumer_rebalances_total", Kind::counter, "", "", "Assignments and revocations."},
    {"transactions_committed_total", Kind::counter, "", "", "Kafka transactions committed."},
    {"transactions_aborted_total", Kind::counter, "reason", "", "Kafka transactions given up."},
    {"producer_fenced_total", Kind::counter, "", "", "Times a younger process took our name."},
    {"transaction_duration_seconds", Kind::histogram, "", "fast", "Begin to commit of a transaction."},
    {"transaction_phase_seconds", Kind::histogram, "phase", "fast",
     "Parts of a commit: flush, send_offsets, end, store."},
    // Processors
    {"processor_records_consumed_total", Kind::counter, "topic", "", "Records processed."},
    {"processor_records_produced_total", Kind::counter, "topic", "", "Records produced."},
    {"changes_total", Kind::counter, "medium kind", "", "Changes: created, updated, minor, deleted, unchanged."},
    {"late_events_total", Kind::counter, "medium", "", "Runs older than the accepted one, ignored."},
    {"sweeps_refused_total", Kind::counter, "medium", "", "Snapshots held by the mass-delete guard."},
    {"state_bytes", Kind::gauge, "store", "", "Bytes of local state on disk."},
    {"state_keys", Kind::gauge, "store", "", "Pages of rows in local state, estimated."},
    {"state_cache_bytes", Kind::gauge, "store", "", "Bytes of rows in memory."},
    {"state_restore_records_remaining", Kind::gauge, "store", "", "Records still to be read back; 0 = restored."},
    {"state_restore_duration_seconds", Kind::gauge, "store", "", "Length of the last restore."},
    {"dead_letters_total", Kind::counter, "topic reason", "", "Records that could not be used."},
    {"dead_letters_pending", Kind::gauge, "topic", "", "Dead letters not retried yet."},
    // Sink
    {"sink_batches_total", Kind::counter, "table", "", "Batches written to PostgreSQL."},
    {"sink_batch_failures_total", Kind::counter, "table reason", "", "Batches that failed, by SQLSTATE class."},
    {"sink_batch_duration_seconds", Kind::histogram, "table", "fast", "Time of a batch."},
    {"sink_rows_total", Kind::counter, "table action", "", "Rows upserted or deleted."},
    {"sink_stale_rejected_total", Kind::counter, "table", "",
     "Rows that were not newer than those of the table, where it has a revision."},
    {"end_to_end_latency_seconds", Kind::histogram, "medium", "e2e", "Collected to committed in PostgreSQL."},
    // Health
    {"accounts_expected", Kind::gauge, "medium", "", "Accounts due for the newest due date."},
    {"accounts_collected", Kind::gauge, "medium", "", "Accounts collected of these."},
    {"slices", Kind::gauge, "medium state", "", "Slices of the watched window by state."},
    {"slices_overdue", Kind::gauge, "medium", "", "Slices past their deadline and not collected."},
    {"runs_held", Kind::gauge, "medium", "", "Runs that wait for a person."},
    {"attempts_unrepaired", Kind::gauge, "medium", "", "Failed or refused attempts no later one repaired."},
    {"complete_through_timestamp_seconds", Kind::gauge, "medium", "",
     "End of the newest date complete for all accounts."},
    {"volume_ratio", Kind::gauge, "medium", "", "Rows of the newest complete date against the usual."},
    {"health_evaluated_timestamp_seconds", Kind::gauge, "", "", "Heartbeat of the health evaluator."},
    {"board_clients", Kind::gauge, "", "", "Browsers that watch the board live."},
};

prometheus::Histogram::BucketBoundaries boundaries(std::string_view kind) {
  if (kind == "fast") return {.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5};
  if (kind == "api") return {.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60};
  if (kind == "e2e") return {.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600};
  return {1, 5, 15, 60, 300, 600, 1800, 3600, 7200};
}

const Entry& find(std::string_view name, Kind kind) {
  for (const Entry& entry : kCatalogue)
    if (entry.name == name && entry.kind == kind) return entry;
  throw std::logic_error("metric not in the catalogue: " + std::string(name));
}

thread_local bool counters_muted = false;

}  // namespace

std::span<const Entry> catalogue() { return kCatalogue; }

std::shared_ptr<prometheus::Registry> registry() {
  static const auto instance = std::make_shared<prometheus::Registry>();
  return instance;
}

void mute_counters(bool muted) { counters_muted = muted; }

prometheus::Counter& counter(std::string_view name, const Labels& labels) {
  if (counters_muted) {
    static prometheus::Counter nobodys;
    return nobodys;
  }
  const Entry& entry = find(name, Kind::counter);
  return prometheus::BuildCounter()
      .Name("sujip_" + std::string(name))
      .Help(std::string(entry.help))
      .Register(*registry())
      .Add(labels);
}

prometheus::Gauge& gauge(std::string_view name, const Labels& labels) {
  const Entry& entry = find(name, Kind::gauge);
  return prometheus::BuildGauge()
      .Name("sujip_" + std::string(name))
      .Help(std::string(entry.help))
      .Register(*registry())
      .Add(labels);
}

prometheus::Histogram& histogram(std::string_view name, const Labels& labels) {
  const Entry& entry = find(name, Kind::histogram);
  return prometheus::BuildHistogram()
      .Name("sujip_" + std::string(name))
      .Help(std::string(entry.help))
      .Register(*registry())
      .Add(labels, boundaries(entry.buckets));
}

}  // namespace sujip::metrics
