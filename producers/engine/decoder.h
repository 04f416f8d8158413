#pragma once
// JsonDecoder and CsvDecoder (with a tab: TSV).

#include "producers/engine/components.h"
#include "producers/engine/node.h"

namespace sujip::engine {

Result<std::unique_ptr<Decoder>> build_decoder(const Node* node);  // null: JSON

// Rows of a separated text without header or quoting as objects of strings. A row with fewer cells than
// `columns` is an error; more are taken as "column15", "column16", ….
Got<Records> decode_rows(std::string_view text, char delimiter, const std::vector<std::string>& columns);

}  // namespace sujip::engine
