#include "producers/engine/components.h"

namespace sujip::engine {

Status RequestParts::add_query(const std::string& name, std::string value) {
  for (const auto& [key, there] : query)
    if (key == name)
      return Error{"the query option '" + name + "' is given twice", url, "one component may set an option"};
  query.emplace_back(name, std::move(value));
  return {};
}

Status RequestParts::add_header(const std::string& name, std::string value) {
  for (const auto& [key, there] : headers)
    if (same_header(key, name))
      return Error{"the header '" + name + "' is given twice", url, "one component may set a header"};
  headers.emplace_back(name, std::move(value));
  return {};
}

Got<std::vector<Value>> Stream::partitions(Session& session) const {
  if (PartitionRouter* router = retriever->router()) return router->partitions(session);
  return std::vector<Value>{Value(Object{})};
}

Got<std::vector<Slice>> Stream::slices(const Session& session, const Value& partition) const {
  if (cursor) return cursor->slices(session, partition);
  Slice slice;
  slice.partition = partition;
  return std::vector<Slice>{slice};
}

Got<Records> Stream::read(Session& session, const Slice& slice) const {
  SUJIP_TRY(Records records, retriever->read(session, slice));
  for (Value& record : records)
    for (const auto& transformation : transformations) {
      SUJIP_TRY([[maybe_unused]] const Done done, transformation->apply(session, slice, record));
    }
  return records;
}

Got<std::shared_ptr<const Records>> Stream::read_shared(Session& session, const Slice& slice) const {
  const std::string key = name + "\n" + slice.key();
  if (const auto it = session.shared.find(key); it != session.shared.end()) return it->second;
  SUJIP_TRY(Records records, read(session, slice));
  auto kept = std::make_shared<const Records>(std::move(records));
  session.shared.emplace(key, kept);
  return kept;
}

}  // namespace sujip::engine
