#pragma once
// RecordSelector: DpathExtractor, RecordFilter; and the transformations AddFields, RemoveFields.

#include "producers/engine/components.h"
#include "producers/engine/text.h"

namespace sujip::engine {

class RecordSelector {
 public:
  static Result<std::unique_ptr<RecordSelector>> build(const Node& node);

  // Appends the records of a body that pass the filter; counts all of them in `extracted`.
  Got<Done> select(const Session& session, const Slice& slice, const Value& body, Records& out, size_t& extracted,
                   Value& last) const;

 private:
  std::vector<Text> path_;
  std::optional<Text> condition_;
};

Result<std::unique_ptr<Transformation>> build_transformation(const Node& node);

}  // namespace sujip::engine
