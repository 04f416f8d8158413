#pragma once
// The tables of the sink: those of the declared datasets, and the fixed ones of sql/001_base.sql.

#include "sinks/postgres/table.h"
#include "topics/dataset.h"

namespace sujip::sink {

Table dataset_table(const Dataset& dataset);  // sujip.<dataset>
Table rollup_table(const Dataset& dataset);   // sujip.<dataset>_rollup
Table change_log_table();
Table run_log_table();
// Rows the sink itself puts into run_log: a row that is there already stays.
Table loading_table();
Table dead_letter_table();
Table price_history_table();

// All declared tables of one generation, in order of their names.
std::vector<Table> declared_tables(const Datasets& datasets, const std::string& schema);

}  // namespace sujip::sink
