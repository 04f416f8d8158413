#pragma once

#include <stdexcept>
#include <string>

#include "topics/dataset.h"

namespace sujip::testing {

// The dataset of a declaration that is right.
inline Dataset declared(const std::string& yaml) {
  auto dataset = parse_dataset(yaml, "declared.yaml");
  if (!dataset) throw std::runtime_error(dataset.error().message());
  return *std::move(dataset);
}

}  // namespace sujip::testing
