#pragma once
// The parts of the Naver Search Ad connector that its manifest can't say: the request signature, the
// report jobs, and rows that come from several of its reports. Facts: the vendor's interface
// description; decisions: producers/connectors/naver_searchad/README.md.

#include <memory>
#include <string>

#include "producers/engine/components.h"
#include "producers/engine/node.h"
#include "producers/engine/partition_router.h"

namespace sujip::engine::naver_searchad {

// base64(HMAC-SHA256(secret as it stands, "{timestamp}.{METHOD}.{path}")); path without query.
std::string signature(const std::string& secret, int64_t timestamp_ms, const std::string& method,
                      const std::string& path);

// X-Timestamp, X-API-KEY, X-Customer, X-Signature. Fields: access_licence, secret, customer (templates).
Result<std::unique_ptr<Authenticator>> build_signature(const Node& node);

// One report of one day: order it, wait until it is built, fetch it, delete it.
Result<std::shared_ptr<Retriever>> build_stat_report(const Node& node, const std::string& stream,
                                                     const std::string& budget_by, const StreamMaker& streams);
// One record per account: balance, campaigns, and whether we may still look at it.
Result<std::shared_ptr<Retriever>> build_account_status(const Node& node, const StreamMaker& streams);
// AD full outer join AD_CONVERSION; `keyword`: per keyword and ad, otherwise per ad group and device.
Result<std::shared_ptr<Retriever>> build_report_rows(const Node& node, bool keyword, const StreamMaker& streams);

// Joins the reports of a day. Sums are exact and written as plain decimal text.
Got<Records> report_rows(const Records& ad, const Records& conversions, const Records& campaigns, bool keyword);

}  // namespace sujip::engine::naver_searchad
