#include "processors/normalize/normalizers.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

namespace sujip {

MappingSet::MappingSet(const Datasets& datasets) {
  for (const Dataset& dataset : datasets.all()) identities_.emplace(dataset.name, Mapping::identity(dataset));
}

Status MappingSet::add(MappingFile file) {
  for (auto& [dataset, mapping] : file.datasets) {
    if (!mappings_.emplace(std::pair(file.source, dataset), std::move(mapping)).second)
      return Error{fmt::format("dataset '{}' of source '{}' is mapped twice", dataset, file.source), "", ""};
  }
  return {};
}

Result<std::unique_ptr<MappingSet>> MappingSet::load(const std::string& connectors, const Datasets& datasets) {
  namespace fs = std::filesystem;
  auto set = std::make_unique<MappingSet>(datasets);
  std::error_code error;
  std::vector<std::string> files;
  for (fs::directory_iterator it(connectors, error), end; !error && it != end; it.increment(error)) {
    const fs::path file = it->path() / "mapping.yaml";
    std::error_code absent;
    if (fs::exists(file, absent)) files.push_back(file.string());
  }
  if (error)
    return Error{fmt::format("opening the connectors: {}", error.message()), connectors,
                 "set SUJIP_SHARE to the folder that holds producers/connectors"};
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    SUJIP_TRY(MappingFile mapping, load_mapping(file, datasets));
    const std::string folder = fs::path(file).parent_path().filename().string();
    if (mapping.source != folder)
      return Error{fmt::format("source '{}' stands in the folder '{}'", mapping.source, folder), file,
                   "folder and source have the same name"};
    if (Status s = set->add(std::move(mapping)); !s.ok()) return Error{s.error().what, file, s.error().hint};
  }
  return set;
}

void MappingSet::replace(MappingFile file) {
  std::erase_if(mappings_, [&](const auto& m) { return m.first.first == file.source; });
  for (auto& [dataset, mapping] : file.datasets) mappings_.emplace(std::pair(file.source, dataset), std::move(mapping));
}

const Normalizer* MappingSet::find(std::string_view source, std::string_view dataset) const {
  const auto found = mappings_.find(std::pair(std::string(source), std::string(dataset)));
  return found == mappings_.end() ? nullptr : &found->second;
}

const Normalizer& MappingSet::identity(const Dataset& dataset) const { return identities_.find(dataset.name)->second; }

}  // namespace sujip
