#include "producers/engine/record_selector.h"

#include <span>

namespace sujip::engine {
namespace {

void descend(const Value& value, std::span<const std::string> path, std::vector<Value>& found) {
  if (path.empty()) {
    if (value.is_list()) {
      for (const Value& item : value.list()) found.push_back(item);
    } else if (value.is_object() && !value.object().empty()) {
      found.push_back(value);
    }
    return;
  }
  if (path.front() == "*") {
    if (value.is_list())
      for (const Value& item : value.list()) descend(item, path.subspan(1), found);
    if (value.is_object())
      for (const auto& field : value.object()) descend(field.second, path.subspan(1), found);
    return;
  }
  if (!value.is_object()) return;
  if (const Value* child = value.object().find(path.front())) descend(*child, path.subspan(1), found);
}

class AddFields : public Transformation {
 public:
  struct Added {
    std::vector<std::string> path;
    Text value;
  };
  std::vector<Added> fields;
  std::optional<Text> condition;

  Got<Done> apply(const Session& session, const Slice& slice, Value& record) const override {
    if (!record.is_object()) return Done{};
    for (const Added& field : fields) {
      Variables variables = session.variables(slice);
      variables.bind("record", &record);
      if (condition) {
        SUJIP_TRY(const bool wanted, condition->truth(variables));
        if (!wanted) return Done{};
      }
      SUJIP_TRY(Value value, field.value.value(variables));
      Value* at = &record;
      for (size_t i = 0; i + 1 < field.path.size(); ++i) {
        Object& parent = at->mutable_object();
        Value* child = parent.find(field.path[i]);
        if (child == nullptr || !child->is_object()) parent.set(field.path[i], Value(Object{}));
        at = parent.find(field.path[i]);
      }
      at->mutable_object().set(field.path.back(), std::move(value));
    }
    return Done{};
  }
};

class RemoveFields : public Transformation {
 public:
  std::vector<std::vector<std::string>> pointers;

  Got<Done> apply(const Session&, const Slice&, Value& record) const override {
    for (const auto& pointer : pointers) {
      Value* at = &record;
      for (size_t i = 0; at != nullptr && i + 1 < pointer.size(); ++i)
        at = at->is_object() ? at->mutable_object().find(pointer[i]) : nullptr;
      if (at != nullptr && at->is_object()) at->mutable_object().erase(pointer.back());
    }
    return Done{};
  }
};

std::vector<std::string> texts_of(const Node& list) {
  std::vector<std::string> out;
  for (const Node& item : list.items) out.push_back(item.text);
  return out;
}

}  // namespace

Result<std::unique_ptr<RecordSelector>> RecordSelector::build(const Node& node) {
  auto selector = std::make_unique<RecordSelector>();
  const Node& extractor = *node.find("extractor");
  for (const Node& part : extractor.find("field_path")->items) {
    SUJIP_TRY(Text text, Text::compile(part, extractor));
    selector->path_.push_back(std::move(text));
  }
  const Node* filter = node.find("record_filter");
  const Node* condition = filter != nullptr ? filter->find("condition") : nullptr;
  if (condition != nullptr && !condition->text.empty()) {
    SUJIP_TRY(selector->condition_, Text::condition(*condition, *filter));
  }
  return selector;
}

Got<Done> RecordSelector::select(const Session& session, const Slice& slice, const Value& body, Records& out,
                                 size_t& extracted, Value& last) const {
  std::vector<std::string> path;
  Variables config;
  config.bind("config", &session.config);
  for (const Text& part : path_) {
    SUJIP_TRY(std::string text, part.text(config));
    path.push_back(std::move(text));
  }
  std::vector<Value> found;
  descend(body, path, found);
  extracted += found.size();
  if (!found.empty()) last = found.back();
  for (Value& record : found) {
    if (condition_) {
      Variables variables = session.variables(slice);
      variables.bind("record", &record);
      SUJIP_TRY(const bool wanted, condition_->truth(variables));
      if (!wanted) continue;
    }
    out.push_back(std::move(record));
  }
  return Done{};
}

Result<std::unique_ptr<Transformation>> build_transformation(const Node& node) {
  const std::string type = node.text_of("type");
  if (type == "AddFields") {
    auto add = std::make_unique<AddFields>();
    for (const Node& field : node.find("fields")->items) {
      const auto path = texts_of(*field.find("path"));
      if (path.empty()) return field.error("a path with no part");
      SUJIP_TRY(Text value, Text::compile(*field.find("value"), field));
      add->fields.push_back({path, std::move(value)});
    }
    if (const Node* condition = node.find("condition"); condition && !condition->text.empty()) {
      SUJIP_TRY(add->condition, Text::condition(*condition, node));
    }
    return std::unique_ptr<Transformation>(std::move(add));
  }
  if (type == "RemoveFields") {
    auto remove = std::make_unique<RemoveFields>();
    for (const Node& pointer : node.find("field_pointers")->items) {
      const auto path = texts_of(pointer);
      if (path.empty()) return pointer.error("a pointer with no part");
      for (const std::string& part : path)
        if (part.find('*') != std::string::npos) return pointer.error("not supported: a pattern in a field pointer");
      remove->pointers.push_back(path);
    }
    return std::unique_ptr<Transformation>(std::move(remove));
  }
  return node.error("not supported: " + type);
}

}  // namespace sujip::engine
