// Rows made of several reports. AD and AD_CONVERSION don't hold the same keys: a conversion is booked on
// its own day, also when nothing was shown then. So they are joined from both sides.

#include <array>
#include <map>

#include "producers/engine/naver_searchad.h"

namespace sujip::engine::naver_searchad {
namespace {

const std::string& cell(const Value& row, std::string_view name) {
  static const std::string kNone;
  const Value* value = row.object().find(name);
  return value != nullptr && value->is_string() ? value->string() : kNone;
}

Got<Decimal> amount(const Value& row, std::string_view name) {
  const std::string& text = cell(row, name);
  const auto number = Decimal::parse(text);
  if (!number)
    return Failure("bad_answer", {"'" + text.substr(0, 40) + "' is no number in column " + std::string(name),
                                  "campaign " + cell(row, "campaignId"), "nothing of the report was used"});
  return *number;
}

constexpr std::string_view kSummed[] = {"imp", "click", "cost", "sumOfRank", "viewCount"};
constexpr std::string_view kKeywordKey[] = {"date",      "customerId", "campaignId", "adGroupId",
                                            "keywordId", "adId",       "mediaCode",  "pcMobile"};
constexpr std::string_view kGroupKey[] = {"date", "customerId", "campaignId", "adGroupId", "pcMobile"};

struct Joined {
  std::array<Decimal, std::size(kSummed)> sums{};
  Decimal conversions, sales, purchases, purchase_sales;
  std::map<std::pair<std::string, std::string>, std::pair<Decimal, Decimal>> by_type;
};

}  // namespace

Got<Records> report_rows(const Records& ad, const Records& conversions, const Records& campaigns, bool keyword) {
  const std::span<const std::string_view> key_names =
      keyword ? std::span<const std::string_view>(kKeywordKey) : std::span<const std::string_view>(kGroupKey);
  std::map<std::vector<std::string>, Joined> rows;
  const auto at = [&](const Value& row) -> Joined& {
    std::vector<std::string> key;
    for (const std::string_view name : key_names) key.push_back(cell(row, name));
    return rows[std::move(key)];
  };
  for (const Value& row : ad) {
    Joined& joined = at(row);
    for (size_t i = 0; i < std::size(kSummed); ++i) {
      SUJIP_TRY(const Decimal value, amount(row, kSummed[i]));
      joined.sums[i] = joined.sums[i] + value;
    }
  }
  for (const Value& row : conversions) {
    Joined& joined = at(row);
    SUJIP_TRY(const Decimal count, amount(row, "convCount"));
    SUJIP_TRY(const Decimal sales, amount(row, "salesByConv"));
    const std::string& type = cell(row, "convType");
    joined.conversions = joined.conversions + count;
    joined.sales = joined.sales + sales;
    if (type == "purchase" || type == "1") {  // a number until 2024-07-02
      joined.purchases = joined.purchases + count;
      joined.purchase_sales = joined.purchase_sales + sales;
    }
    auto& [n, worth] = joined.by_type[{cell(row, "convMethod"), type}];
    n = n + count;
    worth = worth + sales;
  }

  std::map<std::string, const Value*> campaign_of;
  for (const Value& campaign : campaigns) campaign_of[cell(campaign, "nccCampaignId")] = &campaign;

  Records out;
  out.reserve(rows.size());
  for (const auto& [key, joined] : rows) {
    Object row;
    std::string campaign_id;
    for (size_t i = 0; i < key.size(); ++i) {
      row.append(std::string(key_names[i]), Value(key[i]));
      if (key_names[i] == "campaignId") campaign_id = key[i];
    }
    for (size_t i = 0; i < std::size(kSummed); ++i) row.append(std::string(kSummed[i]), Value(joined.sums[i].str()));
    row.append("convCount", Value(joined.conversions.str()));
    row.append("salesByConv", Value(joined.sales.str()));
    row.append("purchaseCount", Value(joined.purchases.str()));
    row.append("purchaseSales", Value(joined.purchase_sales.str()));
    Value::List types;
    for (const auto& [kind, numbers] : joined.by_type) {
      Object entry;
      entry.append("convMethod", Value(kind.first));
      entry.append("convType", Value(kind.second));
      entry.append("convCount", Value(numbers.first.str()));
      entry.append("salesByConv", Value(numbers.second.str()));
      types.emplace_back(std::move(entry));
    }
    row.append("conversionTypes", Value(std::move(types)));
    const auto campaign = campaign_of.find(campaign_id);
    for (const auto& [from, to] : {std::pair("campaignTp", "campaignTp"), std::pair("name", "campaignName")})
      row.append(to, campaign == campaign_of.end() ? Value::null() : Value(cell(*campaign->second, from)));
    out.emplace_back(std::move(row));
  }
  return out;
}

namespace {

class ReportRows : public Retriever {
 public:
  bool keyword = false;
  std::shared_ptr<Stream> ad, conversion, campaigns;

  PartitionRouter* router() const override { return ad->retriever->router(); }

  Got<Done> announce(Session& session, std::span<const Slice> slices) override {
    for (const auto& stream : {ad, conversion}) {
      SUJIP_TRY([[maybe_unused]] const Done told, stream->retriever->announce(session, slices));
    }
    return Done{};
  }

  Got<Records> read(Session& session, const Slice& slice) override {
    SUJIP_TRY(const auto shown, ad->read_shared(session, slice));
    SUJIP_TRY(const auto converted, conversion->read_shared(session, slice));
    Slice account;
    account.partition = slice.partition;
    SUJIP_TRY(const auto listed, campaigns->read_shared(session, account));
    return report_rows(*shown, *converted, *listed, keyword);
  }
};

class AccountStatus : public Retriever {
 public:
  std::shared_ptr<Stream> balance, campaigns;

  PartitionRouter* router() const override { return balance->retriever->router(); }

  Got<Records> read(Session& session, const Slice& slice) override {
    Object status;
    const Value* customer = slice.partition.object().find("customer_id");
    status.set("customerId", customer != nullptr ? *customer : Value::null());
    auto money = balance->read_shared(session, slice);
    auto listed =
        money.ok() ? campaigns->read_shared(session, slice) : Got<std::shared_ptr<const Records>>(money.error());
    if (!listed.ok()) {
      if (listed.error().kind != "access_lost") return listed.error();
      // Still listed, but the right has ended: that is the account's state, not an error.
      status.set("access", Value("lost"));
      return Records{Value(std::move(status))};
    }
    status.set("access", Value("ok"));
    if (!(*money)->empty() && (*money)->front().is_object())
      for (const auto& [name, value] : (*money)->front().object()) status.set(name, value);
    int64_t on = 0;
    Value::List brief;
    for (const Value& campaign : **listed) {
      Object entry;
      for (const char* name :
           {"nccCampaignId", "name", "campaignTp", "userLock", "status", "statusReason", "dailyBudget"})
        if (const Value* value = campaign.object().find(name)) entry.set(name, *value);
      const Value* lock = campaign.object().find("userLock");
      if (lock == nullptr || !lock->truthy()) ++on;
      brief.emplace_back(std::move(entry));
    }
    status.set("campaignCount", Value(static_cast<int64_t>(brief.size())));
    status.set("campaignsOn", Value(on));
    status.set("campaigns", Value(std::move(brief)));
    return Records{Value(std::move(status))};
  }
};

Result<std::shared_ptr<Stream>> part(const Node& node, const char* name, const StreamMaker& streams) {
  const Node* stream = node.find(name);
  if (stream == nullptr) return node.error(node.text_of("class_name") + " needs the stream '" + name + "'");
  return streams(*stream);
}

}  // namespace

Result<std::shared_ptr<Retriever>> build_report_rows(const Node& node, bool keyword, const StreamMaker& streams) {
  auto out = std::make_shared<ReportRows>();
  out->keyword = keyword;
  SUJIP_TRY(out->ad, part(node, "ad", streams));
  SUJIP_TRY(out->conversion, part(node, "conversion", streams));
  SUJIP_TRY(out->campaigns, part(node, "campaigns", streams));
  return std::shared_ptr<Retriever>(std::move(out));
}

Result<std::shared_ptr<Retriever>> build_account_status(const Node& node, const StreamMaker& streams) {
  auto out = std::make_shared<AccountStatus>();
  SUJIP_TRY(out->balance, part(node, "balance", streams));
  SUJIP_TRY(out->campaigns, part(node, "campaigns", streams));
  return std::shared_ptr<Retriever>(std::move(out));
}

}  // namespace sujip::engine::naver_searchad
