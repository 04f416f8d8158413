#include "producers/engine/decoder.h"

namespace sujip::engine {
namespace {

class JsonDecoder : public Decoder {
 public:
  Got<std::vector<Value>> decode(const HttpResponse& response) const override {
    if (response.body.empty()) return std::vector<Value>{Value(Object{})};
    auto body = parse_json(response.body);
    if (!body) {
      const auto url = Url::parse(response.url);
      return Failure("bad_answer", {"the answer is not JSON: " + body.error().what, url ? url->without_query() : "",
                                    "the vendor may be in maintenance: try again later"});
    }
    // A list's elements are bodies of their own.
    if (body->is_list()) return body->list();
    return std::vector<Value>{std::move(body).value()};
  }
};

class RowDecoder : public Decoder {
 public:
  char delimiter = ',';
  std::vector<std::string> columns;
  Got<std::vector<Value>> decode(const HttpResponse& response) const override {
    return decode_rows(response.body, delimiter, columns);
  }
};

}  // namespace

Got<Records> decode_rows(std::string_view text, char delimiter, const std::vector<std::string>& columns) {
  Records rows;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    Object row;
    row.reserve(columns.size());
    size_t cell = 0;
    for (size_t at = 0; at <= line.size(); ++cell) {
      const size_t stop = std::min(line.find(delimiter, at), line.size());
      row.append(cell < columns.size() ? columns[cell] : "column" + std::to_string(cell + 1),
                 Value(line.substr(at, stop - at)));
      at = stop + 1;
    }
    if (cell < columns.size())
      return Failure("bad_answer", {"line " + std::to_string(number) + " has " + std::to_string(cell) + " columns, " +
                                        std::to_string(columns.size()) + " are documented",
                                    "", "the vendor changed the report: nothing of it was used"});
    rows.emplace_back(std::move(row));
  }
  return rows;
}

Result<std::unique_ptr<Decoder>> build_decoder(const Node* node) {
  if (node == nullptr || node->text_of("type") == "JsonDecoder")
    return std::unique_ptr<Decoder>(std::make_unique<JsonDecoder>());
  auto rows = std::make_unique<RowDecoder>();
  std::string delimiter = node->text_of("delimiter", ",");
  if (delimiter == "\\t") delimiter = "\t";
  if (delimiter.size() != 1) return node->error("a delimiter is one character");
  rows->delimiter = delimiter[0];
  const Node* columns = node->find("columns");
  if (columns == nullptr)
    return node->error("not supported: a CsvDecoder that takes its columns from a header row",
                       "list them under 'columns'");
  for (const Node& column : columns->items) rows->columns.push_back(column.text);
  return std::unique_ptr<Decoder>(std::move(rows));
}

}  // namespace sujip::engine
