#pragma once
// Two small datasets that use everything a declaration can say, rows of them, and an oracle: plain maps
// and loops that say what the topics must hold in the end.
//
// `sale` is collected by day and lives in one partition. `listing` is collected as a whole, is spread
// over all partitions, and its rows can move from one day to another, or have no day.

#include <simdjson.h>

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "core/calendar.h"
#include "processors/normalize/normalizers.h"
#include "tests/unit/support/task_driver.h"
#include "topics/dataset.h"

namespace sujip::testing {

inline const Datasets& sales_datasets() {
  static const Datasets all = [] {
    const std::string fields = R"(
fields:
  - {name: source}
  - {name: account}
  - {name: day, type: date}
  - {name: order_no}
  - {name: line, type: integer}
  - {name: sku}
  - {name: title, minor: true}
  - {name: quantity, type: integer}
  - {name: amount, type: decimal, scale: 4}
  - {name: currency, required: true}
  - {name: seen, type: timestamp, volatile: true}
date: day
currency: currency
guarded: [amount]
measures:
  - {name: quantity, sum: quantity}
  - {name: amount, sum: amount}
  - {name: orders, distinct: [source, account, order_no]}
rollups:
  all: []
  source: [source]
  account: [source, account]
  product: [source, sku]
  product_now: {dimensions: [source, sku], as_is: [source, account, order_no]}
  kind_now: {dimensions: [title, sku], as_is: [order_no]}  # over all accounts, so over all partitions
)";
    auto sale = parse_dataset(
        "dataset: sale\nraw: raw.order\nplain: true\nscope: [source, account, day]\n"
        "key: [source, account, day, order_no, line]\n" +
            fields,
        "sale.yaml");
    auto listing = parse_dataset(
        "dataset: listing\nraw: raw.catalog\npartition: key\nscope: [source, account]\n"
        "key: [source, account, order_no, line]\n" +
            fields,
        "listing.yaml");
    if (!sale || !listing) throw std::runtime_error((sale ? listing.error() : sale.error()).message());
    return Datasets({*std::move(listing), *std::move(sale)});
  }();
  return all;
}

// Every source has the identity mapping.
class SalesNormalizers : public Normalizers {
 public:
  const Normalizer* find(std::string_view, std::string_view dataset) const override {
    const Dataset* d = sales_datasets().find(dataset);
    return d == nullptr ? nullptr : &set_.identity(*d);
  }
  const Normalizer& identity(const Dataset& dataset) const override { return set_.identity(dataset); }

 private:
  MappingSet set_{sales_datasets()};
};

inline const SalesNormalizers& sales_normalizers() {
  static const SalesNormalizers all;
  return all;
}

struct Sale {
  std::string source = "shop";
  std::string account = "a";
  std::optional<Day> day;
  std::string order_no = "1";
  int64_t line = 1;
  std::string sku = "X";  // "" is null
  std::string title = "t";
  std::optional<int64_t> quantity;
  std::optional<int64_t> amount;  // ten-thousandths
  std::string currency = "KRW";
  int64_t seen = 0;  // seconds

  static std::string text(const std::string& t) { return "\"" + t + "\""; }
  static std::string or_null(const std::string& t) { return t.empty() ? "null" : text(t); }
  // Units of 10^-4 as plain decimal notation, by hand.
  static std::string money(Int128 units) {
    const bool negative = units < 0;
    if (negative) units = -units;
    std::string digits;
    for (Int128 rest = units / 10000; rest != 0 || digits.empty(); rest /= 10)
      digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
    std::string tail = std::to_string(10000 + static_cast<int>(units % 10000)).substr(1);
    while (!tail.empty() && tail.back() == '0') tail.pop_back();
    return (negative ? "-" : "") + digits + (tail.empty() ? "" : "." + tail);
  }

  std::string key_json(bool by_day) const {
    return R"({"source":)" + text(source) + R"(,"account":)" + text(account) +
           (by_day ? R"(,"day":)" + text(day->str()) : "") + R"(,"order_no":)" + text(order_no) + R"(,"line":)" +
           std::to_string(line) + "}";
  }
  std::string json() const {
    return R"({"source":)" + text(source) + R"(,"account":)" + text(account) + R"(,"day":)" +
           (day ? text(day->str()) : "null") + R"(,"order_no":)" + text(order_no) + R"(,"line":)" +
           std::to_string(line) + R"(,"sku":)" + or_null(sku) + R"(,"title":)" + text(title) + R"(,"quantity":)" +
           (quantity ? std::to_string(*quantity) : "null") + R"(,"amount":)" + (amount ? money(*amount) : "null") +
           R"(,"currency":)" + text(currency) + R"(,"seen":)" + text(utc_text(seen * 1000)) + "}";
  }
  auto all_but_volatile() const {
    return std::tie(source, account, day, order_no, line, sku, title, quantity, amount, currency);
  }
  auto all_but_minor() const { return std::tie(source, account, day, order_no, line, sku, quantity, amount, currency); }
};

// The sale as a row of the dataset.
inline std::string encoded(const Dataset& dataset, const Sale& sale) {
  RowBuilder builder(dataset);
  const std::string json = sale.json();  // the row's texts lie in it
  const Status s = sales_normalizers().identity(dataset).normalize(json, "", {}, builder);
  if (!s.ok()) throw std::runtime_error(s.error().message());
  std::string out;
  builder.encode(out);
  return out;
}

using Rows = std::map<std::string, Sale>;  // by key JSON

// What the topics must say in the end.
class Oracle {
 public:
  // A whole run of a scope, rows as sent: duplicates and all.
  struct Run {
    RunId id;
    std::vector<Sale> rows;
    int64_t bad = 0;   // rows that cannot be used
    int64_t lost = 0;  // rows that were counted and never came
    std::optional<Guard> guard;
    bool accept_empty = false;
    std::string hash;
  };

  explicit Oracle(bool by_day) : by_day_(by_day) {}

  void whole(const std::string& subject, const Run& run) {
    Scope& scope = scopes_[subject];
    Outcome& outcome = outcomes_[subject + "\n" + run.id.str()];
    if (!starts(subject, run.id)) {
      outcome = Outcome::old;
      return;
    }
    dead_letters_ += run.bad;
    outcome = Outcome::incomplete;
    if (run.lost != 0) return;
    const auto sent = static_cast<int64_t>(run.rows.size()) + run.bad;
    if (run.bad >= 10 && run.bad * 2 > sent) return;
    if ((sent == 0 && !run.accept_empty) || guarded(scope, run)) {
      if (scope.held) outcomes_[subject + "\n" + scope.held->id.str()] = Outcome::overtaken;
      scope.held = run;
      outcome = Outcome::held;
      return;
    }
    accept(subject, run, run.bad == 0);
    outcome = run.bad == 0 ? Outcome::accepted : Outcome::partial;
  }
  // A run that begins and never comes to its end.
  void open(const std::string& subject, const RunId& id, int64_t bad) {
    if (!starts(subject, id)) {
      outcomes_[subject + "\n" + id.str()] = Outcome::old;
      return;
    }
    scopes_[subject].open = id;
    dead_letters_ += bad;
  }
  void same(const std::string& subject, const RunId& id, const std::string& hash) {
    Scope& scope = scopes_[subject];
    Outcome& outcome = outcomes_[subject + "\n" + id.str()];
    if (!starts(subject, id)) {
      outcome = Outcome::old;
    } else if (scope.accepted.empty() || scope.hash != hash) {
      outcome = Outcome::incomplete;
    } else {
      outcome = Outcome::same;
      overtake(subject, id);
      scope.accepted = id;
    }
  }
  void release(const std::string& subject) {
    Scope& scope = scopes_[subject];
    const Run run = *scope.held;
    scope.held.reset();
    accept(subject, run, run.bad == 0);
    outcomes_[subject + "\n" + run.id.str()] = Outcome::released;
  }
  void reject(const std::string& subject) {
    Scope& scope = scopes_[subject];
    outcomes_[subject + "\n" + scope.held->id.str()] = Outcome::rejected;
    scope.held.reset();
  }
  void upsert(const std::string& subject, const Sale& row) { put(scopes_[subject].rows, row); }

  std::optional<RunId> held(const std::string& subject) {
    Scope& scope = scopes_[subject];
    return scope.held ? std::optional(scope.held->id) : std::nullopt;
  }
  RunId accepted(const std::string& subject) { return scopes_[subject].accepted; }
  std::string hash(const std::string& subject) { return scopes_[subject].hash; }
  const Rows& rows(const std::string& subject) { return scopes_[subject].rows; }
  const std::map<std::string, Outcome>& outcomes() const { return outcomes_; }  // by subject\nrun
  int64_t dead_letters() const { return dead_letters_; }

  // The table: key JSON -> row JSON.
  std::map<std::string, std::string> table() const {
    std::map<std::string, std::string> out;
    for (const auto& [subject, scope] : scopes_)
      for (const auto& [key, row] : scope.rows) out[key] = row.json();
    return out;
  }

  // Rollup key JSON -> row JSON up to and with "rows".
  std::map<std::string, std::string> rollups() const {
    struct Total {
      Int128 quantity = 0;
      Int128 amount = 0;
      std::set<std::string> orders, accounts;
      int64_t rows = 0;
    };
    std::map<std::string, Total> totals;
    for (const auto& [subject, scope] : scopes_)
      for (const auto& [key, said] : scope.rows) {
        if (!said.day) continue;
        for (const std::string grain : {"all", "source", "account", "product", "product_now", "kind_now"}) {
          const Sale row = as_counted(grain, said);
          for (const Period period : kPeriods) {
            std::string bucket = R"({"grain":")" + grain + R"(","period":")" + std::string(name_of(period)) +
                                 R"(","period_start":")" + start_of(period, *row.day).str() + R"(","currency":)" +
                                 Sale::text(row.currency);
            if (grain != "all" && grain != "kind_now") bucket += R"(,"source":)" + Sale::text(row.source);
            if (grain == "account") bucket += R"(,"account":)" + Sale::text(row.account);
            if (grain == "kind_now") bucket += R"(,"title":)" + Sale::text(row.title);
            if (grain != "all" && grain != "source" && grain != "account")
              bucket += R"(,"sku":)" + Sale::or_null(row.sku);
            Total& total = totals[bucket + "}"];
            total.quantity += row.quantity.value_or(0);
            total.amount += row.amount.value_or(0);
            total.orders.insert(row.source + "\n" + row.account + "\n" + row.order_no);
            total.accounts.insert(row.source + "\n" + row.account);
            ++total.rows;
          }
        }
      }
    std::map<std::string, std::string> out;
    for (const auto& [key, total] : totals)
      out[key] = key.substr(0, key.size() - 1) + R"(,"quantity":)" +
                 std::to_string(static_cast<int64_t>(total.quantity)) + R"(,"amount":)" + Sale::money(total.amount) +
                 R"(,"orders":)" + std::to_string(total.orders.size()) + R"(,"accounts":)" +
                 std::to_string(total.accounts.size()) + R"(,"rows":)" + std::to_string(total.rows);
    return out;
  }

  // Rows that count under what another row says.
  int64_t moved() const {
    int64_t out = 0;
    for (const auto& [subject, scope] : scopes_)
      for (const auto& [key, row] : scope.rows)
        if (row.day && as_counted("product_now", row).sku != row.sku) ++out;
    return out;
  }

 private:
  struct Scope {
    RunId accepted;
    std::string hash;
    Rows rows;
    std::optional<Run> held;
    std::optional<RunId> open;
  };

  // As-is: the row with the title and sku that most rows of its order's last day say; of as many, the
  // greater.
  Sale as_counted(const std::string& grain, Sale row) const {
    if (!grain.ends_with("_now")) return row;
    std::map<Day, std::map<std::vector<std::string>, int>> days;
    for (const auto& [subject, scope] : scopes_)
      for (const auto& [key, other] : scope.rows) {
        if (!other.day || other.order_no != row.order_no) continue;
        if (grain == "product_now" && (other.source != row.source || other.account != row.account)) continue;
        const auto said = grain == "kind_now" ? std::vector{other.title, other.sku} : std::vector{other.sku};
        ++days[*other.day][said];
      }
    int most = 0;
    std::vector<std::string> best;
    for (const auto& [said, n] : days.rbegin()->second)
      if (n >= most) {
        most = n;
        best = said;
      }
    row.sku = best.back();
    if (best.size() == 2) row.title = best.front();
    return row;
  }
  Rows as_rows(const Run& run) const {
    Rows out;
    for (const Sale& row : run.rows) out.insert_or_assign(row.key_json(by_day_), row);
    return out;
  }
  bool guarded(const Scope& scope, const Run& run) const {
    const auto before = static_cast<double>(scope.rows.size());
    if (!run.guard || scope.rows.size() < static_cast<size_t>(run.guard->min_rows)) return false;
    const Rows next = as_rows(run);
    double deleted = 0;
    double zeroed = 0;
    for (const auto& [key, old] : scope.rows) {
      const auto now = next.find(key);
      if (now == next.end())
        ++deleted;
      else if (old.amount.value_or(0) != 0 && now->second.amount.value_or(0) == 0)
        ++zeroed;
    }
    return deleted > run.guard->deleted_share * before || zeroed > run.guard->zeroed_share * before;
  }
  void put(Rows& rows, const Sale& row) const {
    const auto [at, is_new] = rows.try_emplace(row.key_json(by_day_), row);
    // A change in a volatile field alone is no change.
    if (!is_new && at->second.all_but_volatile() != row.all_but_volatile()) at->second = row;
  }
  // Whether the run is not too late. One that is still open will not come to its end any more.
  bool starts(const std::string& subject, const RunId& id) {
    Scope& scope = scopes_[subject];
    if (id <= scope.accepted || (scope.open && id < *scope.open)) return false;
    if (scope.open) outcomes_[subject + "\n" + scope.open->str()] = Outcome::incomplete;
    scope.open.reset();
    return true;
  }
  void overtake(const std::string& subject, const RunId& by) {
    Scope& scope = scopes_[subject];
    if (!scope.held || scope.held->id >= by) return;
    outcomes_[subject + "\n" + scope.held->id.str()] = Outcome::overtaken;
    scope.held.reset();
  }
  void accept(const std::string& subject, const Run& run, bool with_deletes) {
    Scope& scope = scopes_[subject];
    const Rows next = as_rows(run);
    if (with_deletes) std::erase_if(scope.rows, [&](const auto& r) { return !next.contains(r.first); });
    for (const auto& [key, row] : next) put(scope.rows, row);
    overtake(subject, run.id);
    scope.accepted = run.id;
    scope.hash = with_deletes ? run.hash : "";
  }

  bool by_day_;
  std::map<std::string, Scope> scopes_;
  std::map<std::string, Outcome> outcomes_;
  int64_t dead_letters_ = 0;
};

inline std::string raw_text(simdjson::dom::element e) { return simdjson::minify(e); }

// Folds change.<dataset> and checks on the way what every reader may rely on. "" when all is well.
inline std::string fold_changes(Topics& topics, const Dataset& dataset, std::map<std::string, std::string>& table) {
  std::map<std::string, int64_t> rev;
  for (int32_t p = 0; p < Topics::kPartitions; ++p) {
    const Log& log = topics.log(dataset.change_topic(), p);
    for (size_t i = 0; i < log.size(); ++i) {
      const std::string& key = log[i].key;
      if (!log[i].value) return "a tombstone without a delete before it: " + key;
      const std::string& value = *log[i].value;
      const std::string where = "partition " + std::to_string(p) + ": " + value;
      // {"before":B,"after":A,"op":"x",...: the members are cut out as text, digits and all.
      const size_t after_at = value.find(",\"after\":");
      const size_t op_at = value.find(",\"op\":\"");
      if (!value.starts_with("{\"before\":") || after_at == value.npos || op_at == value.npos)
        return "not an envelope, " + where;
      const std::string before = value.substr(10, after_at - 10);
      const std::string after = value.substr(after_at + 9, op_at - after_at - 9);
      const char op = value[op_at + 7];
      simdjson::dom::parser parser;
      simdjson::dom::element root;
      int64_t number = 0;
      if (parser.parse(value).get(root) || root["source"]["rev"].get(number)) return "not JSON, " + where;
      const auto known = table.find(key);
      if (before != (known == table.end() ? "null" : known->second)) return "before is not the last after, " + where;
      if (before == after) return "nothing changed, " + where;
      if (op != (before == "null" ? 'c' : after == "null" ? 'd' : 'u')) return "wrong op, " + where;
      if (rev.contains(key) && rev[key] >= number) return "rev does not grow, " + where;
      rev[key] = number;
      if (op == 'd') {
        table.erase(key);
        ++i;
        if (i >= log.size() || log[i].key != key || log[i].value) return "no tombstone after " + where;
      } else {
        table[key] = after;
      }
    }
  }
  return "";
}

// Folds rollup.<dataset>, without rev and time.
inline std::map<std::string, std::string> fold_rollups(Topics& topics, const Dataset& dataset) {
  std::map<std::string, std::string> out;
  for (const Log& log : topics.all(dataset.rollup_topic()))
    for (const Stored& record : log) {
      if (record.value)
        out[record.key] = record.value->substr(0, record.value->find(",\"rev\":"));
      else
        out.erase(record.key);
    }
  return out;
}

// The last word on every run: subject\nrun -> outcome.
inline std::map<std::string, ScopeRun> fold_runs(Topics& topics) {
  std::map<std::string, ScopeRun> out;
  for (const Log& log : topics.all(std::string(topics::kScopeRun)))
    for (const Stored& record : log)
      if (auto run = decode_scope_run(*record.value); run.ok()) out[record.key] = *std::move(run);
  return out;
}

}  // namespace sujip::testing
