#pragma once
// Everything that has to load before a source can be asked anything.

#include <memory>
#include <string>

#include "producers/engine/engine.h"
#include "producers/engine/manifest.h"
#include "producers/engine/plan.h"

namespace sujip::engine {

struct PreparedSource {
  Datasets datasets;
  Manifest manifest;
  Plan plan;  // points into datasets
};

// "<share>/producers/connectors/<connector>/connector.yaml"
std::string manifest_file(const std::string& share, const std::string& connector);

// Also an error: a credential that the connector asks for and the source has not.
Result<std::unique_ptr<PreparedSource>> prepare(const ApiSource& source, const std::string& share);

}  // namespace sujip::engine
