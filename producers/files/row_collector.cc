#include "producers/files/row_collector.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace sujip::feeds {

RowCollector::RowCollector(const FileConnector& connector, std::string file, FileFacts& facts)
    : connector_(connector), file_(std::move(file)), facts_(facts), csv_(connector.csv) {}

bool RowCollector::feed(std::string_view text) {
  return settle(csv_.feed(text, [this](const CsvRow& row) { return take(row); }));
}

bool RowCollector::finish() {
  if (!settle(csv_.finish([this](const CsvRow& row) { return take(row); }))) return false;
  if (encoder_) return true;
  if (connector_.header) {
    return refuse(0, 0, "the file is empty: not even a header",
                  "was its transfer cut? an empty snapshot has its header line");
  }
  return start(connector_.columns, 0);
}

bool RowCollector::settle(bool fine) {
  if (!fine && !refusal_ && csv_.problem()) {
    const CsvProblem& problem = *csv_.problem();
    refuse(problem.at.line, problem.at.column, problem.reason, problem.hint);
  }
  return fine;
}

void RowCollector::bad_byte(const std::string& problem) {
  const CsvPosition at = csv_.position();
  refuse(at.line, at.column, fmt::format("{}, at character {}", problem, at.character),
         "the connector declares the encoding; Korean files are utf-8 or cp949");
}

bool RowCollector::refuse(int64_t row, int64_t column, std::string reason, std::string hint) {
  refusal_ = Refusal{file_, row, column, std::move(reason), std::move(hint)};
  return false;
}

bool RowCollector::take_header(const CsvRow& row) {
  std::vector<std::string> columns = column_names(row.cells);
  const auto has = [](const std::vector<std::string>& all, const std::string& name) {
    return std::find(all.begin(), all.end(), name) != all.end();
  };
  std::vector<std::string> missing;
  for (const std::string& name : connector_.columns) {
    if (!has(columns, name)) missing.push_back(name);
  }
  if (!missing.empty()) {
    return refuse(
        row.line, 1,
        fmt::format("wrong columns: {} missing; the file has {}", fmt::join(missing, ", "), fmt::join(columns, ", ")),
        fmt::format("is it a file of source {}? its connector expects {}", connector_.source,
                    fmt::join(connector_.columns, ", ")));
  }
  if (!connector_.columns.empty()) {
    for (const std::string& name : columns) {
      if (!has(connector_.columns, name)) facts_.new_columns.push_back(name);
    }
  }
  return start(columns, row.line);
}

bool RowCollector::start(const std::vector<std::string>& columns, int64_t line) {
  auto encoder = RowEncoder::create(columns, connector_.key);
  if (!encoder) {
    return refuse(line, 1, encoder.error().what, fmt::format("the file has {}", fmt::join(columns, ", ")));
  }
  encoder_ = std::move(*encoder);
  facts_.columns = columns;
  csv_.expect_columns(columns.size());
  return true;
}

bool RowCollector::take(const CsvRow& row) {
  if (!encoder_) {
    if (connector_.header) return take_header(row);
    if (row.cells.size() != connector_.columns.size()) {
      return refuse(row.line, std::min(row.cells.size(), connector_.columns.size()) + 1,
                    fmt::format("{} columns, csv.columns has {}", row.cells.size(), connector_.columns.size()), "");
    }
    if (!start(connector_.columns, row.line)) return false;
  }
  std::string& key = records_ != nullptr ? records_->keys() : key_;
  std::string& value = records_ != nullptr ? records_->values() : value_;
  if (records_ == nullptr) {
    key.clear();
    value.clear();
  }
  const size_t value_begin = value.size();
  encoder_->encode(row, value, key);
  if (value.size() - value_begin > kMaxRecordBytes) {
    return refuse(
        row.line, 1,
        fmt::format("a record of {} bytes; at most {} are taken", value.size() - value_begin, kMaxRecordBytes), "");
  }
  ++facts_.rows;
  if (records_ != nullptr) {
    records_->close();
    return true;
  }
  if (on_record_ != nullptr && *on_record_ && !(*on_record_)(key, value)) return false;
  return limit_ == 0 || facts_.rows < limit_;
}

}  // namespace sujip::feeds
