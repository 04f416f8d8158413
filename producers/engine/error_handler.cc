#include "producers/engine/error_handler.h"

#include <algorithm>

namespace sujip::engine {
namespace {

using Action = Verdict::Action;

constexpr int64_t kLongestWaitMs = 600'000;

struct Filter {
  std::vector<int> codes;
  std::optional<Text> predicate;
  std::string contains;
  std::optional<Action> action;
  std::optional<Text> message;
  std::string kind;  // class of the failure
};

struct Strategy {
  enum class Kind : uint8_t { constant, exponential, header };
  Kind kind = Kind::exponential;
  std::optional<Text> amount;  // seconds, or the factor
  std::string header;
};

std::optional<Action> parse_action(const std::string& text) {
  if (text == "SUCCESS") return Action::success;
  if (text == "IGNORE") return Action::ignore;
  if (text == "RETRY") return Action::retry;
  if (text == "RATE_LIMITED") return Action::rate_limited;
  if (text == "FAIL") return Action::fail;
  return std::nullopt;
}

Action default_action(int status) {
  switch (status) {
    case 400:
    case 401:
    case 403:
    case 404:
    case 405:
      return Action::fail;
    case 429:
      return Action::rate_limited;
    default:
      return status < 400 ? Action::success : Action::retry;
  }
}

std::string default_kind(int status) {
  if (status == 401) return "unauthorised";
  if (status == 429) return "rate_limited";
  return "http";
}

// The vendor's own words, wherever they stand in the body.
void collect_words(const Value& body, std::string& out, int depth) {
  constexpr std::string_view kNames[] = {"message", "messages",       "error", "errors",        "failures",
                                         "failure", "detail",         "err",   "error_message", "msg",
                                         "reason",  "status_message", "title"};
  if (depth > 4) return;
  if (body.is_list())
    for (const Value& item : body.list()) collect_words(item, out, depth + 1);
  if (!body.is_object()) return;
  for (const std::string_view name : kNames) {
    const Value* value = body.object().find(name);
    if (value == nullptr) continue;
    if (value->is_string()) {
      if (!out.empty()) out += "; ";
      out += value->string();
    } else {
      collect_words(*value, out, depth + 1);
    }
  }
}

std::optional<Decimal> number_of(const Value& value) {
  if (value.is_number()) return value.number();
  if (value.is_string()) return Decimal::parse(value.string());
  return std::nullopt;
}

class RuleHandler : public ErrorHandler {
 public:
  std::vector<Filter> filters;
  std::vector<Strategy> strategies;
  std::optional<Text> retries;

  Got<Verdict> judge(const Session& session, const Slice& slice, const HttpAnswer& answer, const Value& body) override {
    if (!answer.ok()) {
      const bool final = answer.failure == HttpFailure::bad_url || answer.failure == HttpFailure::too_large ||
                         answer.failure == HttpFailure::tls;
      return Verdict{final ? Action::fail : Action::retry, Failure(std::string(name_of(answer.failure)), answer.error)};
    }
    const int status = answer.response.status;
    std::string words;
    collect_words(body, words, 0);
    for (const Filter& filter : filters) {
      SUJIP_TRY(const bool hit, matches(filter, session, slice, answer, body, words));
      if (!hit) continue;
      Verdict verdict;
      verdict.action = filter.action.value_or(default_action(status));
      verdict.failure = failure(answer, words);
      if (!filter.kind.empty()) verdict.failure.kind = filter.kind;
      if (filter.message) {
        SUJIP_TRY(verdict.failure.error.hint, filter.message->text(variables(session, slice, answer, body)));
      }
      return verdict;
    }
    return Verdict{default_action(status), failure(answer, words)};
  }

  Got<int64_t> backoff_ms(const Session& session, int attempt, const HttpAnswer& answer) override {
    Variables variables;
    variables.bind("config", &session.config);
    for (const Strategy& strategy : strategies) {
      if (strategy.kind == Strategy::Kind::header) {
        const auto seconds = Decimal::parse(answer.response.header(strategy.header));
        if (seconds) return to_ms(*seconds);
        continue;
      }
      SUJIP_TRY(const Value value, strategy.amount->value(variables));
      const auto amount = number_of(value);
      if (!amount) continue;
      if (strategy.kind == Strategy::Kind::constant) return to_ms(*amount);
      return std::min(kLongestWaitMs, to_ms(*amount) << std::min(attempt, 16));
    }
    return std::min<int64_t>(kLongestWaitMs, int64_t{1000} << std::min(attempt - 1, 16));
  }

  int max_retries(const Session& session) const override {
    if (!retries) return 5;
    Variables variables;
    variables.bind("config", &session.config);
    const auto value = retries->value(variables);
    if (!value.ok()) return 5;
    const auto number = number_of(value.value());
    return number ? static_cast<int>(std::clamp<int64_t>(number->to_int64().value_or(5), 0, 50)) : 5;
  }

  static int64_t to_ms(const Decimal& seconds) {
    const int64_t ms = (seconds * Decimal::of(1000)).rounded(0).to_int64().value_or(kLongestWaitMs);
    return std::clamp<int64_t>(ms, 0, kLongestWaitMs);
  }

 private:
  static Variables variables(const Session& session, const Slice& slice, const HttpAnswer& answer, const Value& body) {
    Variables out = session.variables(slice);
    out.set("response", body.is_undefined() ? Value(Object{}) : body);
    Object headers;
    for (const auto& [name, value] : answer.response.headers) headers.set(name, Value(value));
    out.set("headers", Value(std::move(headers)));
    return out;
  }

  static Got<bool> matches(const Filter& filter, const Session& session, const Slice& slice, const HttpAnswer& answer,
                           const Value& body, const std::string& words) {
    const auto& codes = filter.codes;
    if (std::find(codes.begin(), codes.end(), answer.response.status) != codes.end()) return true;
    if (!filter.contains.empty() && words.find(filter.contains) != std::string::npos) return true;
    // Errors are objects; a list is always an answer.
    if (!filter.predicate || !body.is_object()) return false;
    return filter.predicate->truth(variables(session, slice, answer, body));
  }

  static Failure failure(const HttpAnswer& answer, const std::string& words) {
    const auto url = Url::parse(answer.response.url);
    std::string what = "the vendor answered HTTP " + std::to_string(answer.response.status);
    if (!words.empty()) what += ": " + words.substr(0, 300);
    return {default_kind(answer.response.status), {std::move(what), url ? url->without_query() : "", ""}};
  }
};

// The first handler that has an answer to an error is asked; a success is decided by the first alone.
class CompositeHandler : public ErrorHandler {
 public:
  std::vector<std::unique_ptr<ErrorHandler>> parts;

  Got<Verdict> judge(const Session& session, const Slice& slice, const HttpAnswer& answer, const Value& body) override {
    std::optional<Verdict> last;
    for (const auto& part : parts) {
      SUJIP_TRY(Verdict verdict, part->judge(session, slice, answer, body));
      const bool wins = verdict.action != Action::fail;
      last = std::move(verdict);
      if (wins) break;
    }
    return *last;
  }
  Got<int64_t> backoff_ms(const Session& session, int attempt, const HttpAnswer& answer) override {
    return parts.front()->backoff_ms(session, attempt, answer);
  }
  int max_retries(const Session& session) const override { return parts.front()->max_retries(session); }
};

Result<Filter> build_filter(const Node& node) {
  Filter filter;
  if (const Node* codes = node.find("http_codes"))
    for (const Node& code : codes->items) {
      const auto number = Decimal::parse(code.text);
      if (!number || !number->to_int64()) return code.error("an HTTP status is a number");
      filter.codes.push_back(static_cast<int>(*number->to_int64()));
    }
  if (const Node* predicate = node.find("predicate")) {
    SUJIP_TRY(filter.predicate, Text::condition(*predicate, node));
  }
  filter.contains = node.text_of("error_message_contains");
  if (const Node* action = node.find("action")) {
    filter.action = parse_action(action->text);
    if (!filter.action)
      return action->error("not supported: action " + action->text, "known: SUCCESS FAIL RETRY IGNORE RATE_LIMITED");
  }
  if (const Node* message = node.find("error_message")) {
    SUJIP_TRY(filter.message, Text::compile(*message, node));
  }
  if (const Node* parameters = node.find("$parameters")) filter.kind = parameters->text_of("error_class");
  return filter;
}

Result<Strategy> build_strategy(const Node& node) {
  Strategy strategy;
  const std::string type = node.text_of("type");
  if (type == "WaitTimeFromHeader") {
    if (node.find("regex") != nullptr)
      return node.error("not supported: WaitTimeFromHeader.regex", "the header holds seconds");
    strategy.kind = Strategy::Kind::header;
    strategy.header = node.text_of("header");
    return strategy;
  }
  strategy.kind = type == "ConstantBackoffStrategy" ? Strategy::Kind::constant : Strategy::Kind::exponential;
  const Node* amount = node.find(type == "ConstantBackoffStrategy" ? "backoff_time_in_seconds" : "factor");
  if (amount != nullptr) {
    SUJIP_TRY(strategy.amount, Text::compile(*amount, node));
  } else {
    SUJIP_TRY(strategy.amount, Text::literal("5"));
  }
  return strategy;
}

}  // namespace

Result<std::unique_ptr<ErrorHandler>> build_error_handler(const Node* node) {
  if (node != nullptr && node->text_of("type") == "CompositeErrorHandler") {
    auto composite = std::make_unique<CompositeHandler>();
    for (const Node& part : node->find("error_handlers")->items) {
      SUJIP_TRY(auto handler, build_error_handler(&part));
      composite->parts.push_back(std::move(handler));
    }
    if (composite->parts.empty()) return node->error("a composite without parts");
    return std::unique_ptr<ErrorHandler>(std::move(composite));
  }
  auto handler = std::make_unique<RuleHandler>();
  if (node == nullptr) return std::unique_ptr<ErrorHandler>(std::move(handler));
  if (const Node* filters = node->find("response_filters"))
    for (const Node& part : filters->items) {
      SUJIP_TRY(Filter filter, build_filter(part));
      handler->filters.push_back(std::move(filter));
    }
  if (const Node* strategies = node->find("backoff_strategies"))
    for (const Node& part : strategies->items) {
      SUJIP_TRY(Strategy strategy, build_strategy(part));
      handler->strategies.push_back(std::move(strategy));
    }
  if (const Node* retries = node->find("max_retries")) {
    SUJIP_TRY(handler->retries, Text::compile(*retries, *node));
  }
  return std::unique_ptr<ErrorHandler>(std::move(handler));
}

int64_t with_jitter(int64_t ms, uint64_t random) {
  return ms * 3 / 4 + static_cast<int64_t>(random % static_cast<uint64_t>(ms / 2 + 1));
}

}  // namespace sujip::engine
