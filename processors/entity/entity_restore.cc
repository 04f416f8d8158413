// Reading the state back from change.<dataset> and scope.<dataset>.

#include "processors/entity/entity_task.h"

#include <simdjson.h>

#include <algorithm>

namespace sujip {

Status EntityTask::restore(std::string_view topic, std::string_view key, std::optional<std::string_view> value) {
  const bool is_scope = topic.starts_with("scope.");
  const Dataset* dataset = datasets_.find(topic.substr(topic.find('.') + 1));
  if (dataset == nullptr) return Error{"no such dataset", std::string(topic), ""};
  if (is_scope) {
    Block& block = store_.block(kScopeSpace, scope_hash(key));
    if (value)
      store_.put(block, {}, *value);
    else
      store_.erase(block, {});
    // Not worth parsing: one too many is found out when it is looked at.
    remember_pending(key, value && value->find("\"pending\"") != std::string_view::npos);
    return {};
  }
  return value ? restore_row(*dataset, *value) : restore_tombstone(*dataset, key);
}

// The delete before it may be compacted away while an older checkpoint still has the row.
Status EntityTask::restore_tombstone(const Dataset& dataset, std::string_view key) {
  RowBuilder& builder = *builders_.find(dataset.name)->second;
  if (Status s = normalizers_.identity(dataset).normalize(key, {}, {}, builder);
      !s.ok() && std::any_of(dataset.key.begin(), dataset.key.end(), [&](int field) { return !builder.is_set(field); }))
    return s;
  Block& block = store_.block(kRowSpace, scope_hash(row_scope(dataset, builder.values()).subject()));
  store_.erase(block, key_hash(dataset, builder.values()));
  return {};
}

Status EntityTask::restore_row(const Dataset& dataset, std::string_view change) {
  RowBuilder& builder = *builders_.find(dataset.name)->second;
  ReadChange read;
  if (!read_change(dataset, change, builder, read)) SUJIP_CHECK_OK(parse_change(dataset, change, builder, read));
  restored_upto_ = std::max(restored_upto_, read.rev);
  Block& block = store_.block(kRowSpace, scope_hash(read.subject));
  const KeyHash key = key_hash(dataset, builder.values());
  if (read.deleted) {
    store_.erase(block, key);
    return {};
  }
  row_bytes_.clear();
  builder.encode(row_bytes_);
  store_.put(block, key, row_bytes_);
  return {};
}

// The general way: other fields than now, escapes.
Status EntityTask::parse_change(const Dataset& dataset, std::string_view change, RowBuilder& row, ReadChange& out) {
  // The fields are asked for in the order in which ChangeWriter writes them.
  thread_local std::string padded;
  padded.assign(change);
  padded.resize(change.size() + simdjson::SIMDJSON_PADDING);
  thread_local simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  std::string_view before;
  std::string_view after;
  std::string_view op;
  const auto raw_object = [&](const char* name, std::string_view& text) {
    simdjson::ondemand::value v;
    if (object[name].get(v)) return false;
    if (bool null = false; !v.is_null().get(null) && null) return true;
    simdjson::ondemand::object o;
    return !v.get_object().get(o) && !o.raw_json().get(text);
  };
  simdjson::ondemand::object source;
  if (parser.iterate(padded.data(), change.size(), padded.size()).get(document) || document.get_object().get(object) ||
      !raw_object("before", before) || !raw_object("after", after) || object["op"].get_string().get(op) ||
      object["source"].get_object().get(source) || source["scope"].get_string().get(out.subject) ||
      source["rev"].get_int64().get(out.rev))
    return Error{"not a change event", dataset.change_topic(), ""};
  out.deleted = op == "d";
  return normalizers_.identity(dataset).normalize(out.deleted ? before : after, {}, {}, row);
}

}  // namespace sujip
