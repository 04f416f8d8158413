#include "sinks/postgres/mapping.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

namespace sujip::sink {
namespace {

// What a mapping may write, and what format_type() says for it.
constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
    {"text", "text"},
    {"bigint", "bigint"},
    {"integer", "integer"},
    {"smallint", "smallint"},
    {"numeric", "numeric"},
    {"double", "double precision"},
    {"real", "real"},
    {"boolean", "boolean"},
    {"date", "date"},
    {"timestamptz", "timestamp with time zone"},
    {"timestamp", "timestamp without time zone"},
    {"jsonb", "jsonb"},
    {"json", "json"},
    {"uuid", "uuid"},
};

// A problem in the file at a node; thrown inside the loader, turned into an Error at its edge.
struct Problem {
  YAML::Mark mark;
  std::string what;
};

[[noreturn]] void refuse(const YAML::Node& node, std::string what) { throw Problem{node.Mark(), std::move(what)}; }

void allow_keys(const YAML::Node& map, std::initializer_list<std::string_view> allowed) {
  if (!map.IsMap()) refuse(map, "expected a map");
  for (const auto& entry : map) {
    const auto key = entry.first.as<std::string>();
    if (std::find(allowed.begin(), allowed.end(), key) == allowed.end()) {
      refuse(entry.first, fmt::format("'{}' is not known here; allowed: {}", key, fmt::join(allowed, ", ")));
    }
  }
}

std::string text_of(const YAML::Node& parent, const char* key, const char* fallback = nullptr) {
  const YAML::Node node = parent[key];
  if (!node && fallback != nullptr) return fallback;
  if (!node) refuse(parent, fmt::format("'{}' is missing", key));
  if (!node.IsScalar() || node.Scalar().empty()) refuse(node, fmt::format("{} must be a text", key));
  return node.Scalar();
}

std::string type_of(const YAML::Node& node, const std::string& name) {
  std::vector<std::string_view> allowed;
  for (const auto& [written, type] : kTypes) {
    if (name == written) return std::string(type);
    allowed.push_back(written);
  }
  refuse(node, fmt::format("'{}' is no type; allowed: {}", name, fmt::join(allowed, ", ")));
}

class TableLoader {
 public:
  explicit TableLoader(const YAML::Node& node) : node_(node) {}

  Table load() {
    allow_keys(node_, {"topic", "format", "table", "key", "columns", "revision", "on_delete"});
    out_.declared = out_.foreign = true;
    out_.conflict = Conflict::changed;
    load_name();
    load_format();
    load_columns();
    load_key();
    load_revision();
    load_removal();
    return std::move(out_);
  }

 private:
  void load_name() {
    const std::string name = text_of(node_, "table");
    const size_t dot = name.find('.');
    if (dot == 0 || dot == std::string::npos || dot + 1 == name.size()) {
      refuse(node_["table"], "write the table as schema.table, for example public." + name);
    }
    out_.schema = name.substr(0, dot);
    out_.name = name.substr(dot + 1);
  }

  void load_format() {
    const std::string format = text_of(node_, "format", "row");
    if (format != "row" && format != "debezium") refuse(node_["format"], "format: row | debezium");
    out_.shape = format == "row" ? Shape::flat : Shape::envelope;
  }

  void load_columns() {
    const YAML::Node map = node_["columns"];
    if (!map || !map.IsMap() || map.size() == 0) {
      refuse(map ? map : node_, "'columns' must name the columns, each with its type");
    }
    for (const auto& entry : map) {
      Column column;
      column.name = entry.first.as<std::string>();
      if (out_.column_index(column.name) >= 0) {
        refuse(entry.first, "column '" + column.name + "' stands here twice");
      }
      load_column(entry.second, column);
      out_.columns.push_back(std::move(column));
    }
  }

  void load_column(const YAML::Node& node, Column& column) {
    column.field = column.name;
    if (node.IsScalar()) {
      column.type = type_of(node, node.Scalar());
      return;
    }
    allow_keys(node, {"type", "from", "unit"});
    column.type = type_of(node, text_of(node, "type"));
    if (node["from"]) load_origin(node["from"], text_of(node, "from"), column);
    const bool time = column.type == "timestamp with time zone";
    if (node["unit"]) {
      if (text_of(node, "unit") != "ms" || !time) refuse(node["unit"], "unit: ms, of a timestamptz");
      column.millis = true;
    }
    if (column.origin == Origin::kafka && (column.field == "timestamp") != time) {
      refuse(node, "kafka.timestamp is a timestamptz, kafka.offset and kafka.partition are bigint");
    }
  }

  void load_origin(const YAML::Node& node, const std::string& from, Column& column) {
    const size_t dot = from.find('.');
    const std::string head = from.substr(0, dot == std::string::npos ? 0 : dot);
    column.field = from;
    if (head == "kafka") {
      column.origin = Origin::kafka;
      column.field = from.substr(dot + 1);
      if (column.field != "offset" && column.field != "partition" && column.field != "timestamp") {
        refuse(node, "from: kafka.offset | kafka.partition | kafka.timestamp");
      }
    } else if (out_.shape == Shape::envelope && (head == "source" || head == "event")) {
      column.origin = head == "source" ? Origin::source : Origin::envelope;
      column.field = from.substr(dot + 1);
    }
    if (column.field.find_first_of("\"\\") != std::string::npos || column.field.empty()) {
      refuse(node, "names of fields hold no quotes and no backslashes");
    }
  }

  void load_key() {
    const YAML::Node list = node_["key"];
    if (!list || !list.IsSequence() || list.size() == 0) {
      refuse(list ? list : node_, "'key' must list the columns that tell rows apart");
    }
    for (const YAML::Node& item : list) {
      const int index = out_.column_index(item.as<std::string>());
      if (index < 0) refuse(item, "key: '" + item.as<std::string>() + "' is not among the columns");
      Column& column = out_.columns[static_cast<size_t>(index)];
      if (column.origin != Origin::row) refuse(item, "key: '" + column.name + "' is no field of the row");
      column.required = true;
      out_.key.push_back(index);
    }
  }

  void load_revision() {
    if (!node_["revision"]) return;
    const std::string name = text_of(node_, "revision");
    out_.revision = out_.column_index(name);
    if (out_.revision < 0 || out_.is_key(out_.revision) ||
        out_.columns[static_cast<size_t>(out_.revision)].type != "bigint") {
      refuse(node_["revision"], "revision: a column of type bigint that is no part of the key");
    }
    out_.columns[static_cast<size_t>(out_.revision)].required = true;
    out_.conflict = Conflict::newer;
  }

  void load_removal() {
    const YAML::Node node = node_["on_delete"];
    if (!node) return;
    if (node.IsMap()) {
      allow_keys(node, {"mark"});
      const std::string name = text_of(node, "mark");
      const int index = out_.column_index(name);
      if (index < 0 || out_.is_key(index) || index == out_.revision ||
          (out_.columns[static_cast<size_t>(index)].type != "timestamp with time zone" &&
           out_.columns[static_cast<size_t>(index)].type != "boolean")) {
        refuse(node, "mark: a column of type timestamptz or boolean, named under 'columns'");
      }
      out_.columns[static_cast<size_t>(index)].origin = Origin::removal;
      out_.removal = Removal::mark;
      return;
    }
    const std::string what = node.IsScalar() ? node.Scalar() : "";
    if (what != "delete" && what != "ignore") refuse(node, "on_delete: delete | ignore | {mark: COLUMN}");
    out_.removal = what == "delete" ? Removal::erase : Removal::ignore;
  }

  YAML::Node node_;
  Table out_;
};

Mapping load(const YAML::Node& root) {
  allow_keys(root, {"sink", "tables"});
  Mapping out;
  out.sink = text_of(root, "sink");
  const YAML::Node list = root["tables"];
  if (!list || !list.IsSequence() || list.size() == 0) refuse(root, "'tables' must list the tables");
  std::set<std::string> tables;
  for (const YAML::Node& node : list) {
    Table table = TableLoader(node).load();
    if (!tables.insert(qualified(table)).second) {
      // Two topics could hold the same key, and nobody could say which one comes last.
      refuse(node, "table " + qualified(table) + " is filled twice");
    }
    const std::string topic = text_of(node, "topic");
    if (!out.targets.emplace(topic, Target{Role::change, std::move(table)}).second) {
      refuse(node, "topic " + topic + " stands here twice");
    }
  }
  return out;
}

}  // namespace

std::vector<Table> Mapping::tables() const {
  std::vector<Table> out;
  for (const auto& [topic, target] : targets) out.push_back(target.table);
  return out;
}

Result<Mapping> parse_mapping(const std::string& yaml, const std::string& file_name) {
  try {
    return load(YAML::Load(yaml));
  } catch (const Problem& p) {
    return Error{p.what, fmt::format("{}:{}", file_name, p.mark.line + 1), ""};
  } catch (const YAML::Exception& e) {
    return Error{e.msg, fmt::format("{}:{}", file_name, e.mark.line + 1), ""};
  }
}

Result<Mapping> load_mapping(const std::string& file) {
  std::ifstream in(file);
  if (!in) return Error{"opening the mapping failed", file, "does the file exist?"};
  std::stringstream content;
  content << in.rdbuf();
  return parse_mapping(content.str(), file);
}

}  // namespace sujip::sink
