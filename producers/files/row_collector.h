#pragma once
// Text of one file -> records: the header is checked, then each row is encoded.

#include <optional>
#include <string>
#include <string_view>

#include "producers/files/file_reader.h"
#include "producers/files/row_encoder.h"

namespace sujip::feeds {

class RowCollector {
 public:
  RowCollector(const FileConnector& connector, std::string file, FileFacts& facts);

  // Where the records go: one of the two.
  void keep_in(Records& records) { records_ = &records; }
  void hand_to(const OnRecord& on_record, int64_t limit) {
    on_record_ = &on_record;
    limit_ = limit;
  }

  // UTF-8 text, in blocks. False: wrong (refusal() is set) or stopped by on_record or limit.
  bool feed(std::string_view text);
  bool finish();

  // A byte behind the text fed so far can't be decoded.
  void bad_byte(const std::string& problem);
  const std::optional<Refusal>& refusal() const { return refusal_; }

 private:
  bool take(const CsvRow& row);
  bool take_header(const CsvRow& row);
  bool start(const std::vector<std::string>& columns, int64_t line);
  bool settle(bool fine);
  bool refuse(int64_t row, int64_t column, std::string reason, std::string hint);

  const FileConnector& connector_;
  std::string file_;
  FileFacts& facts_;
  CsvReader csv_;
  std::optional<RowEncoder> encoder_;
  Records* records_ = nullptr;
  const OnRecord* on_record_ = nullptr;
  int64_t limit_ = 0;
  std::string key_, value_;
  std::optional<Refusal> refusal_;
};

}  // namespace sujip::feeds
