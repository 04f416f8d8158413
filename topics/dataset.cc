#include "topics/dataset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/json_text.h"

namespace sujip {
namespace {

constexpr std::string_view kTypes[] = {"string", "integer", "decimal", "boolean", "date", "timestamp", "json"};

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
    if (std::find(allowed.begin(), allowed.end(), key) == allowed.end())
      refuse(entry.first, fmt::format("'{}' is not known here; allowed: {}", key, fmt::join(allowed, ", ")));
  }
}

std::string text(const YAML::Node& parent, const char* key, std::string fallback = "") {
  const YAML::Node node = parent[key];
  if (!node) return fallback;
  if (!node.IsScalar()) refuse(node, std::string(key) + " must be a text");
  return node.as<std::string>();
}

std::string required_text(const YAML::Node& parent, const char* key) {
  if (!parent[key]) refuse(parent, std::string("'") + key + "' is missing");
  return text(parent, key);
}

class Loader {
 public:
  explicit Loader(const YAML::Node& root) : root_(root) {}

  Dataset load() {
    allow_keys(root_, {"dataset", "title", "raw", "plain", "partition", "scope", "key", "date", "table", "currency",
                       "guard", "guarded", "extra", "fields", "measures", "rollups"});
    out_.name = required_text(root_, "dataset");
    out_.raw_topic = required_text(root_, "raw");
    out_.plain = root_["plain"] && root_["plain"].as<bool>();
    out_.ko = root_["title"] ? text(root_["title"], "ko") : "";
    out_.en = root_["title"] ? text(root_["title"], "en") : "";
    const std::string by = text(root_, "partition", "scope");
    if (by != "scope" && by != "key") refuse(root_["partition"], "partition: scope | key");
    out_.partition = by == "scope" ? PartitionBy::scope : PartitionBy::key;
    load_fields();
    out_.scope = indexes("scope");
    out_.key = indexes("key");
    if (out_.scope.size() < 2 || out_.scope.size() > 3)
      refuse(root_["scope"], "scope: source, account and at most one field more");
    for (const int i : out_.scope)
      if (std::find(out_.key.begin(), out_.key.end(), i) == out_.key.end())
        refuse(root_["key"], "the key must contain the fields of the scope, '" + field(i).name +
                                 "' is missing: a row belongs to one scope");
    for (const int i : out_.key) field(i).required = true;
    if (root_["date"]) out_.date = index(root_["date"], FieldType::date);
    load_table();
    if (root_["currency"]) out_.currency = index(root_["currency"], FieldType::string);
    out_.guarded = indexes("guarded");
    load_guard();
    load_measures();
    load_rollups();
    for (size_t i = 0; i < out_.fields.size(); ++i) {
      Field& f = out_.fields[i];
      append_json_string(f.json_name, f.name);
      f.json_name += ':';
      (f.is_volatile ? out_.volatile_fields : out_.canonical_fields).push_back(static_cast<int>(i));
    }
    return std::move(out_);
  }

 private:
  Field& field(int i) { return out_.fields[static_cast<size_t>(i)]; }

  void load_fields() {
    const YAML::Node list = root_["fields"];
    if (!list || !list.IsSequence()) refuse(root_, "'fields' must be a list");
    for (const auto& node : list) {
      allow_keys(node, {"name", "type", "scale", "required", "volatile", "minor", "unit", "ko", "en"});
      Field f;
      f.name = required_text(node, "name");
      const std::string type = text(node, "type", "string");
      const auto* found = std::find(std::begin(kTypes), std::end(kTypes), type);
      if (found == std::end(kTypes))
        refuse(node, fmt::format("type '{}' is not known; allowed: {}", type, fmt::join(kTypes, ", ")));
      f.type = static_cast<FieldType>(found - std::begin(kTypes));
      if (node["scale"]) f.scale = node["scale"].as<int>();
      if (f.type == FieldType::decimal && (f.scale < 0 || f.scale > 9)) refuse(node, "scale: 0 to 9 digits");
      f.required = node["required"] && node["required"].as<bool>();
      f.is_volatile = node["volatile"] && node["volatile"].as<bool>();
      f.minor = node["minor"] && node["minor"].as<bool>();
      f.unit = text(node, "unit");
      f.ko = text(node, "ko");
      f.en = text(node, "en");
      if (out_.field_index(f.name) >= 0) refuse(node, "field '" + f.name + "' stands twice");
      out_.fields.push_back(std::move(f));
    }
    if (root_["extra"] && root_["extra"].as<bool>()) {
      Field extra;
      extra.name = "extra";
      extra.type = FieldType::json;
      extra.en = "Columns of the vendor that no field takes";
      extra.ko = "표준 항목에 없는 원본 열";
      out_.extra = static_cast<int>(out_.fields.size());
      out_.fields.push_back(extra);
    }
  }

  int index(const YAML::Node& node, std::optional<FieldType> type = std::nullopt) {
    const auto name = node.as<std::string>();
    const int i = out_.field_index(name);
    if (i < 0) refuse(node, "'" + name + "' is not a field of the dataset");
    if (type && field(i).type != *type) refuse(node, fmt::format("'{}' must be of type {}", name, name_of(*type)));
    return i;
  }

  std::vector<int> indexes(const YAML::Node& list) {
    std::vector<int> out;
    for (const auto& node : list) out.push_back(index(node));
    return out;
  }

  std::vector<int> indexes(const char* key) { return root_[key] ? indexes(root_[key]) : std::vector<int>{}; }

  void load_table() {
    const YAML::Node node = root_["table"];
    if (!node) return;
    allow_keys(node, {"partition"});
    if (required_text(node, "partition") != "month") refuse(node["partition"], "partition: month");
    // PostgreSQL tells rows apart within a partition only.
    if (!out_.date || std::find(out_.key.begin(), out_.key.end(), *out_.date) == out_.key.end())
      refuse(node, "a table by month needs 'date', and that field in the key");
    out_.by_month = true;
  }

  void load_guard() {
    const YAML::Node node = root_["guard"];
    if (!node) return;
    allow_keys(node, {"deleted_share", "zeroed_share", "min_rows"});
    if (node["deleted_share"]) out_.guard.deleted_share = node["deleted_share"].as<double>();
    if (node["zeroed_share"]) out_.guard.zeroed_share = node["zeroed_share"].as<double>();
    if (node["min_rows"]) out_.guard.min_rows = node["min_rows"].as<int64_t>();
  }

  void load_measures() {
    for (const auto& node : root_["measures"]) {
      allow_keys(node, {"name", "sum", "distinct"});
      Measure m;
      m.name = required_text(node, "name");
      if (node["sum"]) {
        const int i = index(node["sum"]);
        if (field(i).type != FieldType::integer && field(i).type != FieldType::decimal)
          refuse(node, "a sum needs an integer or decimal field");
        m.fields = {i};
        m.scale = field(i).scale;
      } else if (node["distinct"]) {
        m.kind = Measure::Kind::distinct;
        m.fields = indexes(node["distinct"]);
      } else {
        refuse(node, "a measure is 'sum: field' or 'distinct: [fields]'");
      }
      out_.measures.push_back(std::move(m));
    }
  }

  void load_rollups() {
    const YAML::Node map = root_["rollups"];
    if (!map) return;
    if (!out_.date) refuse(map, "rollups need 'date'");
    for (const auto& entry : map) {
      RollupSet set;
      set.grain = entry.first.as<std::string>();
      if (entry.second.IsMap())
        load_rollup_map(entry.second, set);
      else if (entry.second.IsScalar())
        refuse(entry.second, "a rollup is a list of dimensions, or {dimensions: [...], as_is: [...]}");
      else
        set.dimensions = indexes(entry.second);
      out_.rollups.push_back(std::move(set));
    }
  }

  void load_rollup_map(const YAML::Node& map, RollupSet& set) {
    allow_keys(map, {"dimensions", "as_is"});
    if (!map["dimensions"] || !map["dimensions"].IsSequence()) refuse(map, "'dimensions' must be a list of fields");
    set.dimensions = indexes(map["dimensions"]);
    const YAML::Node as_is = map["as_is"];
    if (!as_is) return;
    if (!as_is.IsSequence() || as_is.size() == 0)
      refuse(as_is, "as_is: the fields that name what is moved as a whole, such as [source, account, campaign_id]");
    for (const auto& node : as_is) {
      const int i = index(node);
      if (i == out_.date)
        refuse(node, "'" + field(i).name + "' is the date: what as_is names must outlive a day, leave it out");
      if (std::find(set.as_is.begin(), set.as_is.end(), i) != set.as_is.end())
        refuse(node, "'" + field(i).name + "' stands twice");
      set.as_is.push_back(i);
    }
    const bool any = std::any_of(set.dimensions.begin(), set.dimensions.end(), [&](int i) {
      return i != out_.currency && std::find(set.as_is.begin(), set.as_is.end(), i) == set.as_is.end();
    });
    if (!any)
      refuse(as_is,
             "no dimension is left that could change: add it to 'dimensions', take it out of 'as_is', "
             "or leave 'as_is' out");
  }

  YAML::Node root_;
  Dataset out_;
};

}  // namespace

std::string_view name_of(FieldType type) { return kTypes[static_cast<size_t>(type)]; }

int Dataset::field_index(std::string_view field) const {
  for (size_t i = 0; i < fields.size(); ++i)
    if (fields[i].name == field) return static_cast<int>(i);
  return -1;
}

bool Dataset::has_as_is() const {
  return std::any_of(rollups.begin(), rollups.end(), [](const RollupSet& set) { return set.is_as_is(); });
}

std::vector<int> Dataset::rollup_dimensions() const {
  std::vector<int> out;
  for (int i = 0; i < static_cast<int>(fields.size()); ++i)
    for (const RollupSet& set : rollups)
      if (std::find(set.dimensions.begin(), set.dimensions.end(), i) != set.dimensions.end()) {
        out.push_back(i);
        break;
      }
  return out;
}

Result<Dataset> parse_dataset(const std::string& yaml, const std::string& file_name) {
  try {
    return Loader(YAML::Load(yaml)).load();
  } catch (const Problem& p) {
    return Error{p.what, fmt::format("{}:{}", file_name, p.mark.line + 1), ""};
  } catch (const YAML::Exception& e) {
    return Error{e.msg, fmt::format("{}:{}", file_name, e.mark.line + 1), ""};
  }
}

Result<Dataset> load_dataset(const std::string& file) {
  std::ifstream in(file);
  if (!in) return Error{"opening the declaration failed", file, "does the file exist?"};
  std::stringstream content;
  content << in.rdbuf();
  return parse_dataset(content.str(), file);
}

Result<Datasets> Datasets::load(const std::string& dir) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path().string());
  if (error) return Error{error.message(), dir, "SUJIP_SHARE or --share names the folder above topics/"};
  std::sort(files.begin(), files.end());
  std::vector<Dataset> all;
  for (const std::string& file : files) {
    SUJIP_TRY(Dataset one, load_dataset(file));
    all.push_back(std::move(one));
  }
  return Datasets(std::move(all));
}

const Dataset* Datasets::find(std::string_view name) const {
  for (const Dataset& d : all_)
    if (d.name == name) return &d;
  return nullptr;
}

const Dataset* Datasets::plain_of(std::string_view raw_topic) const {
  for (const Dataset& d : all_)
    if (d.plain && d.raw_topic == raw_topic) return &d;
  return nullptr;
}

}  // namespace sujip
