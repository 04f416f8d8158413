#include "processors/normalize/mapping_file.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace sujip {
namespace {

class Loader {
 public:
  Loader(std::string file, const Datasets& datasets) : file_(std::move(file)), datasets_(datasets) {}

  Result<MappingFile> load(const YAML::Node& root) {
    if (!root.IsMap()) return at(root, "a mapping file is a map", "allowed: source, datasets");
    SUJIP_CHECK_OK(only(root, {"source", "datasets"}));
    MappingFile result;
    SUJIP_TRY(result.source, text(root, "source"));
    const YAML::Node sets = root["datasets"];
    if (!sets || !sets.IsMap() || sets.size() == 0)
      return at(root, "datasets is missing", "datasets: {product: {fields: {..}}}");
    for (const auto& entry : sets) {
      const auto name = entry.first.as<std::string>();
      const Dataset* dataset = datasets_.find(name);
      if (dataset == nullptr) {
        std::vector<std::string> known;
        for (const Dataset& d : datasets_.all()) known.push_back(d.name);
        return at(entry.first, fmt::format("unknown dataset '{}'", name),
                  fmt::format("allowed: {}", fmt::join(known, ", ")));
      }
      SUJIP_TRY(Mapping mapping, read(entry.second, *dataset));
      result.datasets.emplace(name, std::move(mapping));
    }
    return result;
  }

 private:
  std::string place(const YAML::Node& node) const { return fmt::format("{}:{}", file_, node.Mark().line + 1); }
  Error at(const YAML::Node& node, std::string what, std::string hint) const {
    return {std::move(what), place(node), std::move(hint)};
  }

  Status only(const YAML::Node& map, const std::vector<std::string>& allowed) const {
    std::vector<std::string> seen;
    for (const auto& entry : map) {
      const auto key = entry.first.as<std::string>();
      if (std::find(allowed.begin(), allowed.end(), key) == allowed.end())
        return at(entry.first, fmt::format("unknown key '{}'", key),
                  fmt::format("allowed: {}", fmt::join(allowed, ", ")));
      if (std::find(seen.begin(), seen.end(), key) != seen.end())
        return at(entry.first, fmt::format("'{}' is given twice", key), "");
      seen.push_back(key);
    }
    return {};
  }

  Result<std::string> text(const YAML::Node& map, const char* key) const {
    const YAML::Node node = map[key];
    if (!node) return at(map, fmt::format("{} is missing", key), "");
    if (!node.IsScalar()) return at(node, fmt::format("{} is a text", key), "");
    return node.as<std::string>();
  }

  Result<Template> expression(const YAML::Node& node, const std::string& what) const {
    if (!node.IsScalar()) return at(node, fmt::format("{} is a text", what), "e.g. \"{{ record['name'] }}\"");
    auto compiled = Template::compile(node.as<std::string>(), Dialect::exact, {"record", "key", "scope"});
    if (!compiled.ok()) {
      Error error = compiled.error();
      return Error{fmt::format("{}: {}: {}", what, error.where, error.what), place(node), error.hint};
    }
    return compiled;
  }

  Result<Mapping> read(const YAML::Node& node, const Dataset& dataset) const {
    if (!node.IsMap()) return at(node, "a dataset's mapping is a map", "allowed: fields, skip_if, passthrough");
    SUJIP_CHECK_OK(only(node, {"fields", "skip_if", "passthrough"}));
    Mapping::Options options;
    if (const YAML::Node flag = node["passthrough"]) {
      if (!flag.IsScalar() || (flag.Scalar() != "true" && flag.Scalar() != "false"))
        return at(flag, "passthrough is true or false", "");
      options.passthrough = flag.Scalar() == "true";
    }
    if (const YAML::Node skip = node["skip_if"]) {
      SUJIP_TRY(Template t, expression(skip, "skip_if"));
      options.skip_if = std::move(t);
    }
    const YAML::Node fields = node["fields"];
    if (!fields && !options.passthrough)
      return at(node, "fields is missing", "fields: {name: \"{{ record['name'] }}\"}");
    if (fields && !fields.IsMap()) return at(fields, "fields is a map", "");
    std::vector<std::string> names;
    for (const Field& f : dataset.fields) names.push_back(f.name);
    if (fields) {
      SUJIP_CHECK_OK(only(fields, names));
      for (const auto& entry : fields) {
        const auto name = entry.first.as<std::string>();
        SUJIP_TRY(Template t, expression(entry.second, name));
        options.rules.push_back({dataset.field_index(name), std::move(t), place(entry.second)});
      }
    }
    for (const int key : dataset.key) {
      const bool from_scope = std::find(dataset.scope.begin(), dataset.scope.end(), key) != dataset.scope.end();
      const bool mapped = std::any_of(options.rules.begin(), options.rules.end(),
                                      [&](const Mapping::Rule& r) { return r.field == key; });
      if (!from_scope && !mapped && !options.passthrough)
        return at(fields, fmt::format("key field '{}' is not mapped", dataset.fields[static_cast<size_t>(key)].name),
                  "every record needs its key");
    }
    return Mapping(dataset, std::move(options));
  }

  std::string file_;
  const Datasets& datasets_;
};

}  // namespace

Result<MappingFile> parse_mapping(const std::string& yaml, const std::string& file_name, const Datasets& datasets) {
  try {
    return Loader(file_name, datasets).load(YAML::Load(yaml));
  } catch (const YAML::Exception& e) {
    return Error{e.msg, fmt::format("{}:{}", file_name, e.mark.line + 1), ""};
  }
}

Result<MappingFile> load_mapping(const std::string& file, const Datasets& datasets) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return Error{"reading the mapping failed", file, ""};
  return parse_mapping(text.str(), file, datasets);
}

}  // namespace sujip
