#include "producers/engine/prepared_source.h"

namespace sujip::engine {
namespace {

Status check_credentials(const ApiSource& source, const Plan& plan) {
  for (const std::string& name : plan.credentials) {
    const auto it = source.credentials.find(name);
    if (it == source.credentials.end() || it->second.empty())
      return Error{"the credential '" + name + "' is missing", source.name,
                   "sujip source add " + source.name + " --credential " + name + "=-"};
  }
  return {};
}

}  // namespace

std::string manifest_file(const std::string& share, const std::string& connector) {
  return share + "/producers/connectors/" + connector + "/connector.yaml";
}

Result<std::unique_ptr<PreparedSource>> prepare(const ApiSource& source, const std::string& share) {
  SUJIP_TRY(Datasets datasets, Datasets::load(share + "/topics/datasets"));
  const std::string& connector = source.connector.empty() ? source.name : source.connector;
  SUJIP_TRY(Manifest manifest, Manifest::load(manifest_file(share, connector)));
  auto out = std::make_unique<PreparedSource>(PreparedSource{std::move(datasets), std::move(manifest), {}});
  SUJIP_TRY(out->plan, Plan::build(out->manifest, out->datasets, config_value(source)));
  SUJIP_CHECK_OK(check_credentials(source, out->plan));
  return out;
}

}  // namespace sujip::engine
