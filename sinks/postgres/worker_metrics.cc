#include "core/calendar.h"
#include "core/metrics.h"
#include "sinks/postgres/worker.h"

namespace sujip::sink {
namespace {

// Of the last row: one observation per table and flush is enough to see a delay.
void observe_latency(const TableRows& rows) {
  const int source = rows.table->column_index("source");
  const int updated = rows.table->column_index("updated_at");
  if (source < 0 || updated < 0 || rows.upserts.empty()) return;
  const size_t last = rows.upserts.size() - 1;
  if (rows.upserts.is_null(last, static_cast<size_t>(source))) return;
  const std::string medium = rows.upserts.text(last, static_cast<size_t>(source));
  const std::string time = rows.upserts.text(last, static_cast<size_t>(updated));
  if (const auto at = parse_time(time, 0)) {
    metrics::histogram("end_to_end_latency_seconds", {{"medium", medium}})
        .Observe(static_cast<double>(now_ms() - *at) / 1000.0);
  }
}

}  // namespace

void Worker::count(const Prepared& prepared, double seconds) {
  // Readers see other tables: what arrives in these was counted there.
  if (config_.live && !config_.live->any()) return;
  for (const auto& [name, rows] : prepared.tables) {
    if (rows.upserts.empty() && rows.removals.empty()) continue;
    const std::string& table = rows.table->name;
    metrics::counter("sink_batches_total", {{"table", table}}).Increment();
    metrics::histogram("sink_batch_duration_seconds", {{"table", table}}).Observe(seconds);
    metrics::counter("sink_rows_total", {{"table", table}, {"action", "upsert"}})
        .Increment(static_cast<double>(rows.upserts.size()));
    metrics::counter("sink_rows_total", {{"table", table}, {"action", "delete"}})
        .Increment(static_cast<double>(rows.removals.size()));
    if (rows.table->declared && !rows.table->foreign) observe_latency(rows);
  }
}

}  // namespace sujip::sink
