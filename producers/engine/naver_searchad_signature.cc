#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "producers/engine/naver_searchad.h"
#include "producers/engine/text.h"
#include "topics/messages.h"

namespace sujip::engine::naver_searchad {
namespace {

class Signature : public Authenticator {
 public:
  Signature(Text licence, Text secret, Text customer)
      : licence_(std::move(licence)), secret_(std::move(secret)), customer_(std::move(customer)) {}

  Got<Done> sign(Session& session, const Slice& slice, const std::string& method, const Url& url,
                 HttpHeaders& headers) override {
    SUJIP_TRY(const std::string licence, licence_.text(session.variables(slice)));
    SUJIP_TRY(const std::string secret, secret_.text(session.variables(slice)));
    SUJIP_TRY(const std::string customer, customer_.text(session.variables(slice)));
    if (licence.empty() || secret.empty() || customer.empty())
      return Failure("config", {"the access licence, the secret or the customer number is missing", session.source,
                                "set them with `sujip account add`"});
    const TimeMs now = session.pace->wall_ms();
    headers.emplace_back("X-Timestamp", std::to_string(now));
    headers.emplace_back("X-API-KEY", licence);
    headers.emplace_back("X-Customer", customer);
    headers.emplace_back("X-Signature", signature(secret, now, method, url.path));
    return Done{};
  }

 private:
  Text licence_, secret_, customer_;
};

Result<Text> needed(const Node& node, const char* field) {
  const Node* text = node.find(field);
  if (text == nullptr) return node.error(std::string("the signature needs '") + field + "'");
  return Text::compile(*text, node);
}

}  // namespace

std::string signature(const std::string& secret, int64_t timestamp_ms, const std::string& method,
                      const std::string& path) {
  const std::string message = std::to_string(timestamp_ms) + "." + method + "." + path;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest, &length);
  return base64({reinterpret_cast<const char*>(digest), length});
}

Result<std::unique_ptr<Authenticator>> build_signature(const Node& node) {
  SUJIP_TRY(Text licence, needed(node, "access_licence"));
  SUJIP_TRY(Text secret, needed(node, "secret"));
  SUJIP_TRY(Text customer, needed(node, "customer"));
  return std::unique_ptr<Authenticator>(
      std::make_unique<Signature>(std::move(licence), std::move(secret), std::move(customer)));
}

}  // namespace sujip::engine::naver_searchad
