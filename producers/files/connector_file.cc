#include "producers/files/connector_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string_view>

namespace sujip::feeds {
namespace {

constexpr std::string_view kKeys[] = {"kind",     "source",   "title",     "account", "account_from", "dataset",
                                      "files",    "name",     "scope",     "zone",    "snapshot_at",  "encoding",
                                      "csv",      "key",      "partition", "guard",   "empty",        "time_zone",
                                      "currency", "schedule", "notes"};
constexpr std::string_view kCsvKeys[] = {"delimiter", "quote",    "stray_quotes",   "header",
                                         "columns",   "preamble", "max_cell_bytes", "max_row_bytes"};
constexpr std::string_view kGuardKeys[] = {"deleted_share", "zeroed_share", "min_rows"};

// Reads one file; the first thing wrong is kept in `error`.
class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  const std::optional<Error>& error() const { return error_; }

  void wrong(const YAML::Node& at, std::string what, std::string hint = {}) {
    if (error_) return;
    std::string where = file_;
    if (at.IsDefined() && at.Mark().line >= 0) where += ":" + std::to_string(at.Mark().line + 1);
    error_ = Error{std::move(what), std::move(where), std::move(hint)};
  }

  void known_keys(const YAML::Node& map, std::string_view of, std::span<const std::string_view> keys) {
    if (!map.IsMap()) return wrong(map, fmt::format("{} is not a map of keys and values", of));
    for (const auto& entry : map) {
      const auto name = entry.first.Scalar();
      if (std::find(keys.begin(), keys.end(), name) == keys.end()) {
        wrong(entry.first, fmt::format("unknown key \"{}\" in {}", name, of),
              fmt::format("allowed: {}", fmt::join(keys, ", ")));
      }
    }
  }

  std::string text(const YAML::Node& map, const char* name, bool required) {
    const YAML::Node node = map[name];
    if (!node.IsDefined()) {
      if (required) wrong(map, fmt::format("the key \"{}\" is missing", name));
      return {};
    }
    if (!node.IsScalar() || node.Scalar().empty()) wrong(node, fmt::format("{} is not a text", name));
    return node.IsScalar() ? node.Scalar() : std::string{};
  }

  bool flag(const YAML::Node& map, const char* name, bool otherwise) {
    bool value = otherwise;
    const YAML::Node node = map[name];
    if (node.IsDefined() && !YAML::convert<bool>::decode(node, value)) {
      wrong(node, fmt::format("{} is not yes or no", name), "allowed: true, false");
    }
    return value;
  }

  template <class T>
  T number(const YAML::Node& map, const char* name, T otherwise, T low, T high) {
    T value = otherwise;
    const YAML::Node node = map[name];
    if (!node.IsDefined()) return value;
    if (!YAML::convert<T>::decode(node, value) || value < low || value > high) {
      wrong(node, fmt::format("{} is \"{}\"", name, node.IsScalar() ? node.Scalar() : "…"),
            fmt::format("allowed: {} to {}", low, high));
    }
    return value;
  }

  std::vector<std::string> texts(const YAML::Node& node, std::string_view name) {
    std::vector<std::string> all;
    if (!node.IsDefined()) return all;
    if (!node.IsSequence()) {
      wrong(node, fmt::format("{} is not a list", name));
      return all;
    }
    for (const auto& entry : node) {
      if (!entry.IsScalar() || entry.Scalar().empty()) {
        wrong(entry, fmt::format("an entry of {} is not a text", name));
      } else {
        all.push_back(entry.Scalar());
      }
    }
    return all;
  }

  void read(const YAML::Node& root, FileConnector& out) {
    known_keys(root, "a connector of kind files", kKeys);
    if (error_) return;
    if (text(root, "kind", true) != "files") {
      return wrong(root["kind"], "kind is not files", "allowed here: files");
    }
    out.source = text(root, "source", true);
    if (const YAML::Node title = root["title"]; title.IsDefined() && title.IsMap()) {
      out.ko = text(title, "ko", false);
      out.en = text(title, "en", false);
    }
    out.dataset = text(root, "dataset", true);
    out.currency = text(root, "currency", false);
    if (root["time_zone"].IsDefined()) out.time_zone = text(root, "time_zone", true);
    read_names(root, out);
    read_format(root, out);
    read_rules(root, out);
  }

 private:
  void known_groups(const YAML::Node& at, std::string_view tmpl, const FileConnector& out) {
    const auto names = template_names(tmpl);
    if (!names) return wrong(at, fmt::format("\"{}\": a brace is not closed", tmpl));
    for (const std::string& name : *names) {
      if (out.name.has_group(name)) continue;
      wrong(at, fmt::format("{{{}}} is no group of name", name),
            fmt::format("groups there: {}", fmt::join(out.name.groups(), ", ")));
    }
  }

  void read_names(const YAML::Node& root, FileConnector& out) {
    out.glob = text(root, "files", true);
    if (const std::string pattern = text(root, "name", false); !pattern.empty()) {
      auto compiled = NamePattern::compile(pattern);
      if (!compiled) return wrong(root["name"], compiled.error().what, "e.g. (?<date>\\d{8})\\.csv$");
      out.name = std::move(*compiled);
    }
    out.account = text(root, "account", false);
    out.account_from = text(root, "account_from", false);
    if (out.account.empty() == out.account_from.empty()) {
      wrong(root, "exactly one of account and account_from is needed");
    }
    if (!out.account_from.empty()) {
      known_groups(root["account_from"], "{" + out.account_from + "}", out);
    }
    if (const YAML::Node scope = root["scope"]; scope.IsDefined()) {
      if (!scope.IsMap() || scope.size() != 1) {
        return wrong(scope, "scope is not one field and its value", "e.g. {section: \"{section}\"}");
      }
      out.scope_field = scope.begin()->first.Scalar();
      out.scope_template = scope.begin()->second.Scalar();
      known_groups(scope, out.scope_template, out);
    }
    out.snapshot_template = text(root, "snapshot_at", false);
    if (!out.snapshot_template.empty()) {
      known_groups(root["snapshot_at"], out.snapshot_template, out);
    }
    if (const std::string zone = text(root, "zone", false); !zone.empty()) {
      if (zone == "UTC") {
        out.zone_offset_ms = 0;
      } else if (zone != "Asia/Seoul") {
        wrong(root["zone"], fmt::format("zone \"{}\" is not known", zone), "allowed: Asia/Seoul, UTC");
      }
    }
  }

  void read_format(const YAML::Node& root, FileConnector& out) {
    if (const std::string name = text(root, "encoding", false); !name.empty()) {
      const auto encoding = parse_encoding(name);
      if (!encoding) {
        wrong(root["encoding"], fmt::format("encoding \"{}\" is not known", name),
              fmt::format("allowed: {}", kEncodingNames));
      } else {
        out.encoding = *encoding;
      }
    }
    const YAML::Node csv = root["csv"];
    if (!csv.IsDefined()) return;
    known_keys(csv, "csv", kCsvKeys);
    if (error_) return;
    if (const YAML::Node node = csv["delimiter"]; node.IsDefined()) {
      const std::string name = node.IsScalar() ? node.Scalar() : "";
      const std::string value = name == "tab" ? "\t" : name;
      if (value.size() != 1 || value[0] == '"' || value[0] == '\n' || value[0] == '\r') {
        wrong(node, "csv.delimiter is not one ASCII character", "e.g. \",\" \";\" \"|\" tab");
      } else {
        out.csv.delimiter = value[0];
      }
    }
    if (const YAML::Node node = csv["quote"]; node.IsDefined()) {
      const std::string value = node.IsScalar() ? node.Scalar() : "";
      if (value == "none") {
        out.csv.quote.reset();
      } else if (value.size() == 1 && value[0] != out.csv.delimiter) {
        out.csv.quote = value[0];
      } else {
        wrong(node, "csv.quote is not one character", "e.g. \"\\\"\"; none when there is no quoting");
      }
    }
    out.csv.stray_quotes = flag(csv, "stray_quotes", out.csv.stray_quotes);
    out.header = flag(csv, "header", true);
    out.columns = texts(csv["columns"], "csv.columns");
    if (!out.header && out.columns.empty()) {
      wrong(csv, "a file without header needs csv.columns");
    }
    out.csv.preamble = number(csv, "preamble", 0, 0, 100);
    out.csv.max_cell_bytes = static_cast<size_t>(number<int64_t>(csv, "max_cell_bytes", 262'144, 1, 900'000));
    out.csv.max_row_bytes = static_cast<size_t>(number<int64_t>(csv, "max_row_bytes", 900'000, 1, 900'000));
  }

  void read_rules(const YAML::Node& root, FileConnector& out) {
    if (const YAML::Node key = root["key"]; !key.IsDefined()) {
      wrong(root, "the key \"key\" is missing", "a list of columns, or nth_equal_row when rows have no natural key");
    } else if (key.IsSequence()) {
      out.key = texts(key, "key");
      for (const std::string& name : out.key) {
        if (out.columns.empty()) break;
        if (std::find(out.columns.begin(), out.columns.end(), name) == out.columns.end()) {
          wrong(key, fmt::format("key \"{}\" is not in csv.columns", name));
        }
      }
    } else if (!key.IsScalar() || key.Scalar() != "nth_equal_row") {
      wrong(key, "key is not understood", "allowed: a list of columns, or nth_equal_row");
    }
    if (const std::string by = text(root, "partition", false); !by.empty()) {
      out.partition_set = true;
      out.partition = by == "key" ? PartitionBy::key : PartitionBy::scope;
      if (by != "key" && by != "scope") {
        wrong(root["partition"], fmt::format("partition \"{}\"", by), "allowed: scope, key");
      }
    }
    if (const YAML::Node guard = root["guard"]; guard.IsDefined()) {
      known_keys(guard, "guard", kGuardKeys);
      if (error_) return;
      Guard value;
      value.deleted_share = number(guard, "deleted_share", value.deleted_share, 0.0, 1.0);
      value.zeroed_share = number(guard, "zeroed_share", value.zeroed_share, 0.0, 1.0);
      value.min_rows = number<int64_t>(guard, "min_rows", value.min_rows, 0, 1'000'000'000);
      out.guard = value;
    }
    if (const std::string empty = text(root, "empty", false); !empty.empty()) {
      out.accept_empty = empty == "accept";
      if (empty != "accept" && empty != "hold") {
        wrong(root["empty"], fmt::format("empty \"{}\"", empty), "allowed: hold, accept");
      }
    }
    if (const YAML::Node schedule = root["schedule"]; schedule.IsDefined()) {
      const std::string every = schedule.IsMap() ? text(schedule, "every", true) : "";
      const auto interval = parse_interval(every);
      if (!interval) return wrong(schedule, "schedule.every is not understood", "e.g. 30s, 15m, 2h");
      out.every = *interval;
    }
  }

  std::string file_;
  std::optional<Error> error_;
};

Result<YAML::Node> load_yaml(const std::string& yaml, const std::string& file_name) {
  try {
    return YAML::Load(yaml);
  } catch (const YAML::Exception& error) {
    return Error{"not YAML: " + error.msg, fmt::format("{}:{}", file_name, error.mark.line + 1), ""};
  }
}

Result<std::string> read_text(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{"opening the connector: no such file, or not readable", file, ""};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

Result<FileConnector> parse_file_connector(const std::string& yaml, const std::string& file_name) {
  SUJIP_TRY(const YAML::Node root, load_yaml(yaml, file_name));
  FileConnector out;
  out.file = file_name;
  out.folder = std::filesystem::path(file_name).parent_path().string();
  Reader reader(file_name);
  try {
    reader.read(root, out);
  } catch (const YAML::Exception& error) {
    return Error{error.msg, fmt::format("{}:{}", file_name, error.mark.line + 1), ""};
  }
  if (reader.error()) return *reader.error();
  return out;
}

Result<FileConnector> load_file_connector(const std::string& file) {
  SUJIP_TRY(const std::string yaml, read_text(file));
  return parse_file_connector(yaml, file);
}

Result<bool> is_file_connector(const std::string& file) {
  SUJIP_TRY(const std::string yaml, read_text(file));
  SUJIP_TRY(const YAML::Node root, load_yaml(yaml, file));
  if (!root.IsMap()) return Error{"not a connector: the file is no map of keys", file + ":1", ""};
  return root["kind"].IsDefined() && root["kind"].IsScalar() && root["kind"].Scalar() == "files";
}

std::optional<std::chrono::seconds> parse_interval(std::string_view text) {
  if (text.size() < 2 || text.size() > 7) return std::nullopt;
  int64_t count = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    count = count * 10 + (c - '0');
  }
  const auto unit = std::string_view("smhd").find(text.back());
  if (unit == std::string_view::npos || count == 0) return std::nullopt;
  constexpr int64_t kSeconds[] = {1, 60, 3600, 86'400};
  return std::chrono::seconds(count * kSeconds[unit]);
}

}  // namespace sujip::feeds
