#include "producers/engine/request_option.h"

namespace sujip::engine {

Result<RequestOption> RequestOption::build(const Node& node) {
  RequestOption option;
  if (node.text_of("type") == "RequestPath") {
    option.target_ = Target::path;
    return option;
  }
  const std::string into = node.text_of("inject_into");
  if (into == "request_parameter")
    option.target_ = Target::query;
  else if (into == "header")
    option.target_ = Target::header;
  else if (into == "body_json")
    option.target_ = Target::body_json;
  else
    return node.error("not supported: inject_into " + into, "known: request_parameter header body_json");
  const Node* name = node.find("field_name");
  if (name == nullptr) return node.error("a RequestOption needs a field_name", "field_path is not supported");
  SUJIP_TRY(option.name_, Text::compile(*name, node));
  return option;
}

Got<Done> RequestOption::inject(const Session& session, const Slice& slice, std::string value,
                                RequestParts& parts) const {
  if (target_ == Target::path) {
    const auto base = Url::parse(parts.url);
    const auto next = base ? base->join(value) : std::nullopt;
    if (!next) return Failure("bad_answer", {"the next page's address is none", parts.url, ""});
    parts.url = next->str();
    parts.url_is_final = true;
    return Done{};
  }
  SUJIP_TRY(const std::string name, name_->text(session.variables(slice)));
  Status added;
  if (target_ == Target::query)
    added = parts.add_query(name, std::move(value));
  else if (target_ == Target::header)
    added = parts.add_header(name, std::move(value));
  else if (parts.body_json.find(name) != nullptr)
    added = Error{"the body field '" + name + "' is given twice", parts.url, ""};
  else
    parts.body_json.set(name, Value(std::move(value)));
  if (!added.ok()) return added.error();
  return Done{};
}

}  // namespace sujip::engine
