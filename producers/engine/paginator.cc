#include "producers/engine/paginator.h"

#include "producers/engine/request_option.h"
#include "producers/engine/text.h"

namespace sujip::engine {
namespace {

class OnePage : public Paginator {
 public:
  Value first_token(const Session&) const override { return {}; }
  Got<Value> next_token(const Session&, const Slice&, const Page&, const Value&) const override { return Value(); }
  Got<Done> apply(const Session&, const Slice&, const Value&, RequestParts&) const override { return Done{}; }
};

class DefaultPaginator : public Paginator {
 public:
  // Page size and where size and token go; the strategy is the derived class's.
  std::optional<Text> page_size;
  std::optional<RequestOption> size_option, token_option;

  Got<int64_t> size(const Session& session) const {
    if (!page_size) return int64_t{0};
    Variables variables;
    variables.bind("config", &session.config);
    SUJIP_TRY(const Value value, page_size->value(variables));
    const auto number = value.is_number() ? value.number().to_int64() : std::nullopt;
    if (!number || *number <= 0) return Failure("config", {"the page size is no number", "", ""});
    return *number;
  }

  Got<Done> apply(const Session& session, const Slice& slice, const Value& token, RequestParts& parts) const override {
    if (!token.is_missing() && token_option) {
      SUJIP_TRY([[maybe_unused]] const Done put, token_option->inject(session, slice, python_text(token), parts));
    }
    if (size_option && !parts.url_is_final) {
      SUJIP_TRY(const int64_t wanted, size(session));
      return size_option->inject(session, slice, std::to_string(wanted), parts);
    }
    return Done{};
  }
};

class PageIncrement : public DefaultPaginator {
 public:
  int64_t start = 0;
  bool on_first = false;

  Value first_token(const Session&) const override { return on_first ? Value(start) : Value(); }
  Got<Value> next_token(const Session& session, const Slice&, const Page& page, const Value& token) const override {
    SUJIP_TRY(const int64_t wanted, size(session));
    const auto count = static_cast<int64_t>(page.extracted);
    if (count == 0 || (wanted > 0 && count < wanted)) return Value();
    const int64_t now = token.is_number() ? token.number().to_int64().value_or(start) : start;
    return Value(now + 1);
  }
};

class CursorPagination : public DefaultPaginator {
 public:
  std::optional<Text> cursor_value, stop_condition;

  Value first_token(const Session&) const override { return {}; }
  Got<Value> next_token(const Session& session, const Slice& slice, const Page& page, const Value&) const override {
    Variables variables = session.variables(slice);
    variables.bind("response", &page.response);
    variables.bind("last_record", &page.last_record);
    variables.set("last_page_size", Value(static_cast<int64_t>(page.extracted)));
    Object headers;
    for (const auto& [name, value] : page.headers) headers.set(name, Value(value));
    variables.set("headers", Value(std::move(headers)));
    if (stop_condition) {
      SUJIP_TRY(const bool stop, stop_condition->truth(variables));
      if (stop) return Value();
    }
    SUJIP_TRY(Value next, cursor_value->value(variables));
    return next.truthy() ? next : Value();
  }
};

}  // namespace

Result<std::unique_ptr<Paginator>> build_paginator(const Node* node) {
  if (node == nullptr || node->text_of("type") == "NoPagination")
    return std::unique_ptr<Paginator>(std::make_unique<OnePage>());
  const Node& strategy = *node->find("pagination_strategy");
  const std::string type = strategy.text_of("type");
  std::unique_ptr<DefaultPaginator> out;
  if (type == "PageIncrement") {
    auto pages = std::make_unique<PageIncrement>();
    const auto start = Decimal::parse(strategy.text_of("start_from_page", "0"));
    if (!start || !start->to_int64()) return strategy.error("start_from_page is no number");
    pages->start = *start->to_int64();
    pages->on_first = strategy.flag_of("inject_on_first_request", false);
    out = std::move(pages);
  } else if (type == "CursorPagination") {
    auto cursor = std::make_unique<CursorPagination>();
    SUJIP_TRY(cursor->cursor_value, Text::compile(*strategy.find("cursor_value"), strategy));
    if (const Node* stop = strategy.find("stop_condition")) {
      SUJIP_TRY(cursor->stop_condition, Text::condition(*stop, strategy));
    }
    out = std::move(cursor);
  } else {
    return strategy.error("not supported: " + type);
  }
  if (const Node* size = strategy.find("page_size")) {
    SUJIP_TRY(out->page_size, Text::compile(*size, strategy));
  }
  if (const Node* option = node->find("page_size_option")) {
    if (!out->page_size) return option->error("page_size_option without a page_size");
    SUJIP_TRY(out->size_option, RequestOption::build(*option));
  }
  if (const Node* option = node->find("page_token_option")) {
    SUJIP_TRY(out->token_option, RequestOption::build(*option));
  }
  return std::unique_ptr<Paginator>(std::move(out));
}

}  // namespace sujip::engine
