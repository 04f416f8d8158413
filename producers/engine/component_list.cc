#include "producers/engine/component_list.h"

namespace sujip::engine {
namespace {

constexpr ComponentType kComponents[] = {
    {"DeclarativeStream", "retriever", "name incremental_sync primary_key transformations", "schema_loader"},
    {"SimpleRetriever", "requester record_selector", "paginator partition_router decoder", ""},
    {"HttpRequester", "",
     "url_base url path http_method authenticator request_parameters request_headers "
     "request_body_json error_handler",
     "use_cache"},
    {"RecordSelector", "extractor", "record_filter transform_before_filtering", "schema_normalization"},
    {"DpathExtractor", "field_path", "decoder", ""},
    {"RecordFilter", "", "condition", ""},
    {"JsonDecoder", "", "", ""},
    {"CsvDecoder", "", "delimiter columns", "encoding"},
    {"DefaultPaginator", "pagination_strategy", "page_size_option page_token_option", "decoder"},
    {"NoPagination", "", "", ""},
    {"PageIncrement", "", "page_size start_from_page inject_on_first_request", ""},
    {"CursorPagination", "cursor_value", "page_size stop_condition", "decoder"},
    {"RequestOption", "inject_into", "field_name field_path", ""},
    {"RequestPath", "", "", ""},
    {"SubstreamPartitionRouter", "parent_stream_configs", "", ""},
    {"ParentStreamConfig", "stream parent_key partition_field", "request_option", ""},
    {"ListPartitionRouter", "cursor_field values", "request_option", ""},
    {"DatetimeBasedCursor", "cursor_field datetime_format start_datetime",
     "end_datetime step cursor_granularity start_time_option end_time_option", ""},
    {"MinMaxDatetime", "datetime", "datetime_format", ""},
    {"DefaultErrorHandler", "", "response_filters backoff_strategies max_retries", ""},
    {"CompositeErrorHandler", "error_handlers", "", ""},
    {"HttpResponseFilter", "", "http_codes predicate error_message_contains action failure_type error_message", ""},
    {"ConstantBackoffStrategy", "backoff_time_in_seconds", "jitter_range_in_seconds", ""},
    {"ExponentialBackoffStrategy", "", "factor jitter_range_in_seconds", ""},
    {"WaitTimeFromHeader", "header", "regex max_waiting_time_in_seconds", ""},
    {"HTTPAPIBudget", "policies", "",
     "ratelimit_reset_header ratelimit_remaining_header status_codes_for_ratelimit_hit"},
    {"MovingWindowCallRatePolicy", "rates matchers", "", ""},
    {"Rate", "limit interval", "", ""},
    {"HttpRequestRegexMatcher", "", "method url_base url_path_pattern", ""},
    {"AddFields", "fields", "condition", ""},
    {"AddedFieldDefinition", "path value", "value_type", ""},
    {"RemoveFields", "field_pointers", "condition", ""},
    {"NoAuth", "", "", ""},
    {"BearerAuthenticator", "api_token", "", ""},
    {"ApiKeyAuthenticator", "api_token header", "", ""},
    {"ConcurrencyLevel", "default_concurrency", "", "max_concurrency"},
    {"InlineSchemaLoader", "schema", "", ""},
    {"CheckStream", "stream_names", "", ""},
    {"Spec", "connection_specification", "documentation_url", ""},
    {"CustomAuthenticator", "class_name", "*", ""},
    {"CustomRetriever", "class_name", "*", ""},
};

struct Native {
  std::string_view class_name, kind;
};
constexpr Native kNatives[] = {
    {"native.naver_searchad.Signature", "CustomAuthenticator"},
    {"native.naver_searchad.StatReport", "CustomRetriever"},
    {"native.naver_searchad.AccountStatus", "CustomRetriever"},
    {"native.naver_searchad.KeywordRows", "CustomRetriever"},
    {"native.naver_searchad.PerformanceRows", "CustomRetriever"},
};

struct Default {
  std::string_view parent, field, type, custom;  // custom: when the part has a class_name
};
constexpr Default kDefaults[] = {
    {"DeclarativeSource", "check", "CheckStream", ""},
    {"DeclarativeSource", "spec", "Spec", ""},
    {"DeclarativeSource", "streams", "DeclarativeStream", ""},
    {"DeclarativeStream", "retriever", "SimpleRetriever", "CustomRetriever"},
    {"DeclarativeStream", "transformations", "", "CustomTransformation"},
    {"SimpleRetriever", "requester", "HttpRequester", "CustomRequester"},
    {"SimpleRetriever", "record_selector", "RecordSelector", "CustomRecordSelector"},
    {"SimpleRetriever", "paginator", "NoPagination", ""},
    {"SimpleRetriever", "partition_router", "", "CustomPartitionRouter"},
    {"HttpRequester", "error_handler", "DefaultErrorHandler", "CustomErrorHandler"},
    {"HttpRequester", "authenticator", "", "CustomAuthenticator"},
    {"RecordSelector", "extractor", "DpathExtractor", "CustomRecordExtractor"},
    {"RecordSelector", "record_filter", "RecordFilter", "CustomRecordFilter"},
    {"DpathExtractor", "decoder", "JsonDecoder", ""},
    {"DefaultPaginator", "decoder", "JsonDecoder", ""},
    {"DefaultPaginator", "page_size_option", "RequestOption", ""},
    {"DefaultPaginator", "pagination_strategy", "", "CustomPaginationStrategy"},
    {"CursorPagination", "decoder", "JsonDecoder", ""},
    {"DatetimeBasedCursor", "start_datetime", "MinMaxDatetime", ""},
    {"DatetimeBasedCursor", "end_datetime", "MinMaxDatetime", ""},
    {"DatetimeBasedCursor", "start_time_option", "RequestOption", ""},
    {"DatetimeBasedCursor", "end_time_option", "RequestOption", ""},
    {"ListPartitionRouter", "request_option", "RequestOption", ""},
    {"ParentStreamConfig", "request_option", "RequestOption", ""},
    {"ParentStreamConfig", "stream", "DeclarativeStream", ""},
    {"SubstreamPartitionRouter", "parent_stream_configs", "ParentStreamConfig", ""},
    {"DefaultErrorHandler", "response_filters", "HttpResponseFilter", ""},
    {"DefaultErrorHandler", "backoff_strategies", "", "CustomBackoffStrategy"},
    {"CompositeErrorHandler", "error_handlers", "DefaultErrorHandler", ""},
    {"CompositeErrorHandler", "backoff_strategies", "", "CustomBackoffStrategy"},
    {"AddFields", "fields", "AddedFieldDefinition", ""},
    {"HTTPAPIBudget", "policies", "MovingWindowCallRatePolicy", ""},
    {"MovingWindowCallRatePolicy", "rates", "Rate", ""},
    {"MovingWindowCallRatePolicy", "matchers", "HttpRequestRegexMatcher", ""},
    {"DeclarativeSource", "api_budget", "HTTPAPIBudget", ""},
    {"DeclarativeSource", "concurrency_level", "ConcurrencyLevel", ""},
    {"CustomRetriever", "requester", "HttpRequester", "CustomRequester"},
};

bool has_word(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const size_t end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

void check(const Node& node, const std::string& path, std::vector<Error>& out);

void check_children(const Node& node, const std::string& path, std::vector<Error>& out) {
  for (const auto& [name, child] : node.fields)
    if (name != "$parameters" && name != "schema_loader" && name != "schema") check(child, path + "." + name, out);
  for (size_t i = 0; i < node.items.size(); ++i) check(node.items[i], path + "[" + std::to_string(i) + "]", out);
}

void check(const Node& node, const std::string& path, std::vector<Error>& out) {
  const Node* type = node.is_map() ? node.find("type") : nullptr;
  if (type == nullptr || !type->is_scalar()) return check_children(node, path, out);
  const ComponentType* known = find_component(type->text);
  if (known == nullptr) {
    out.push_back(node.error("not supported: " + type->text + " at " + path, "streams that don't need it still run"));
    return;
  }
  if (known->optional == "*") {
    const std::string name = node.text_of("class_name");
    if (native_kind(name) != type->text) {
      out.push_back(node.error("not supported: class_name " + name + " at " + path,
                               "native components are listed in component_list.cc"));
      return;
    }
  }
  std::string_view words = known->required;
  while (!words.empty()) {
    const size_t end = std::min(words.find(' '), words.size());
    const std::string word(words.substr(0, end));
    if (node.find(word) == nullptr)
      out.push_back(node.error(type->text + " at " + path + " lacks '" + word + "'",
                               "required: " + std::string(known->required)));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  const Node* parameters = node.find("$parameters");
  for (const auto& [name, child] : node.fields) {
    if (name == "type" || name == "$parameters" || known->optional == "*") continue;
    if (has_word(known->required, name) || has_word(known->optional, name) || has_word(known->inert, name)) continue;
    // Parameters are written as fields on every component below them.
    if (parameters != nullptr && parameters->find(name) != nullptr) continue;
    out.push_back(child.error("not supported: " + type->text + "." + name + " at " + path,
                              "known: " + std::string(known->required) + " " + std::string(known->optional)));
  }
  check_children(node, path, out);
}

}  // namespace

const ComponentType* find_component(std::string_view name) {
  for (const ComponentType& type : kComponents)
    if (type.name == name) return &type;
  return nullptr;
}

std::string_view native_kind(std::string_view class_name) {
  for (const Native& native : kNatives)
    if (native.class_name == class_name) return native.kind;
  return {};
}

std::string_view default_type(std::string_view parent, std::string_view field, bool custom) {
  for (const Default& d : kDefaults)
    if (d.parent == parent && d.field == field) return custom ? d.custom : d.type;
  return {};
}

std::vector<Error> unsupported(const Node& component, const std::string& path) {
  std::vector<Error> out;
  check(component, path, out);
  return out;
}

}  // namespace sujip::engine
