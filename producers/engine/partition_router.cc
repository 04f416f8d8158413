#include "producers/engine/partition_router.h"

#include "producers/engine/request_option.h"

namespace sujip::engine {
namespace {

// Puts the slice's value of `field` where the option says; nothing to do without option or value.
Got<Done> inject_partition(const std::optional<RequestOption>& option, const std::string& field, const Session& session,
                           const Slice& slice, RequestParts& parts) {
  if (!option) return Done{};
  const Value* value = slice.partition.object().find(field);
  return value == nullptr ? Got<Done>(Done{}) : option->inject(session, slice, python_text(*value), parts);
}

class ListRouter : public PartitionRouter {
 public:
  std::string field;
  std::vector<Value> values;
  std::optional<RequestOption> option;

  Got<std::vector<Value>> partitions(Session&) override {
    std::vector<Value> out;
    for (const Value& value : values) {
      Object partition;
      partition.set(field, value);
      out.emplace_back(std::move(partition));
    }
    return out;
  }
  Got<Done> apply(const Session& session, const Slice& slice, RequestParts& parts) const override {
    return inject_partition(option, field, session, slice, parts);
  }
};

const Value* at_path(const Value& record, std::string_view path) {
  const Value* at = &record;
  while (true) {
    if (!at->is_object()) return nullptr;
    const size_t dot = std::min(path.find('.'), path.size());
    at = at->object().find(path.substr(0, dot));
    if (at == nullptr || dot == path.size()) return at;
    path.remove_prefix(dot + 1);
  }
}

class SubstreamRouter : public PartitionRouter {
 public:
  std::shared_ptr<Stream> parent;
  std::string parent_key, field;
  std::optional<RequestOption> option;

  Got<std::vector<Value>> partitions(Session& session) override {
    std::vector<Value> out;
    SUJIP_TRY(const std::vector<Value> parents, parent->partitions(session));
    for (const Value& above : parents) {
      SUJIP_TRY(const std::vector<Slice> slices, parent->slices(session, above));
      for (const Slice& slice : slices) {
        SUJIP_TRY(const auto records, parent->read_shared(session, slice));
        for (const Value& record : *records) {
          const Value* key = at_path(record, parent_key);
          if (key == nullptr || key->is_null()) continue;
          Object partition;
          partition.set(field, *key);
          partition.set("parent_slice", above);
          out.emplace_back(std::move(partition));
        }
      }
    }
    return out;
  }
  Got<Done> apply(const Session& session, const Slice& slice, RequestParts& parts) const override {
    return inject_partition(option, field, session, slice, parts);
  }
};

}  // namespace

Result<std::unique_ptr<PartitionRouter>> build_router(const Node* node, const StreamMaker& streams) {
  if (node == nullptr) return std::unique_ptr<PartitionRouter>();
  if (node->is_list()) {
    if (node->items.size() == 1) return build_router(&node->items.front(), streams);
    return node->error("not supported: several partition routers of one stream");
  }
  if (node->text_of("type") == "ListPartitionRouter") {
    auto list = std::make_unique<ListRouter>();
    list->field = node->text_of("cursor_field");
    const Node& values = *node->find("values");
    if (!values.is_list()) return values.error("not supported: values that are no list");
    for (const Node& value : values.items) list->values.push_back(value.value());
    if (const Node* option = node->find("request_option")) {
      SUJIP_TRY(list->option, RequestOption::build(*option));
    }
    return std::unique_ptr<PartitionRouter>(std::move(list));
  }
  const Node& configs = *node->find("parent_stream_configs");
  if (configs.items.size() != 1) return configs.error("not supported: other than one parent stream");
  const Node& config = configs.items.front();
  auto router = std::make_unique<SubstreamRouter>();
  SUJIP_TRY(router->parent, streams(*config.find("stream")));
  router->parent_key = config.text_of("parent_key");
  router->field = config.text_of("partition_field");
  if (const Node* option = config.find("request_option")) {
    SUJIP_TRY(router->option, RequestOption::build(*option));
  }
  return std::unique_ptr<PartitionRouter>(std::move(router));
}

}  // namespace sujip::engine
