#pragma once
// All mappings of the connectors folder, and the identity form of every dataset.

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "processors/normalize/mapping_file.h"

namespace sujip {

class MappingSet : public Normalizers {
 public:
  // Reads <connectors>/<source>/mapping.yaml; a connector without one is left out. The first error
  // stops it. `datasets` must outlive the result.
  static Result<std::unique_ptr<MappingSet>> load(const std::string& connectors, const Datasets& datasets);
  // The mappings of the file instead of all those of its source.
  void replace(MappingFile file);
  explicit MappingSet(const Datasets& datasets);
  Status add(MappingFile file);

  const Normalizer* find(std::string_view source, std::string_view dataset) const override;
  const Normalizer& identity(const Dataset& dataset) const override;

 private:
  std::map<std::pair<std::string, std::string>, Mapping, std::less<>> mappings_;
  std::map<std::string, Mapping, std::less<>> identities_;
};

}  // namespace sujip
