#include "producers/engine/authenticators.h"

#include "producers/engine/naver_searchad.h"
#include "producers/engine/text.h"

namespace sujip::engine {
namespace {

// A header with a templated value, as Bearer and ApiKey are.
class HeaderAuthenticator : public Authenticator {
 public:
  HeaderAuthenticator(std::string header, std::string before, Text token)
      : header_(std::move(header)), before_(std::move(before)), token_(std::move(token)) {}

  Got<Done> sign(Session& session, const Slice& slice, const std::string&, const Url&, HttpHeaders& headers) override {
    SUJIP_TRY(const std::string token, token_.text(session.variables(slice)));
    headers.emplace_back(header_, before_ + token);
    return Done{};
  }

 private:
  std::string header_, before_;
  Text token_;
};

}  // namespace

Result<std::unique_ptr<Authenticator>> build_authenticator(const Node* node) {
  if (node == nullptr) return std::unique_ptr<Authenticator>();
  const std::string type = node->text_of("type");
  if (type == "NoAuth") return std::unique_ptr<Authenticator>();
  if (type == "BearerAuthenticator" || type == "ApiKeyAuthenticator") {
    SUJIP_TRY(Text token, Text::compile(*node->find("api_token"), *node));
    const bool bearer = type == "BearerAuthenticator";
    return std::unique_ptr<Authenticator>(std::make_unique<HeaderAuthenticator>(
        bearer ? "Authorization" : node->text_of("header"), bearer ? "Bearer " : "", std::move(token)));
  }
  if (node->text_of("class_name") == "native.naver_searchad.Signature") return naver_searchad::build_signature(*node);
  return node->error("not supported: authenticator " + type);
}

}  // namespace sujip::engine
