#include "producers/engine/account_list.h"

#include <set>

namespace sujip::engine {

Got<Records> read_account_stream(Session& session, const Stream& stream) {
  Records out;
  SUJIP_TRY(const std::vector<Value> partitions, stream.partitions(session));
  for (const Value& partition : partitions) {
    SUJIP_TRY(const std::vector<Slice> slices, stream.slices(session, partition));
    for (const Slice& slice : slices) {
      SUJIP_TRY(const auto records, stream.read_shared(session, slice));
      out.insert(out.end(), records->begin(), records->end());
    }
  }
  return out;
}

std::vector<AccountFound> accounts_of(const Plan& plan, const Session& session, const Records& records) {
  std::vector<AccountFound> out;
  for (const Value& record : records) {
    Variables variables = session.variables(Slice{});
    variables.bind("record", &record);
    const auto id = plan.account_id->text(variables);
    const auto name = plan.account_name->text(variables);
    if (id.ok() && name.ok()) out.push_back({id.value(), name.value(), ""});
  }
  return out;
}

Got<std::vector<AccountTask>> account_tasks(const Plan& plan, Session& session, const Stream& stream,
                                            const std::string& manifest_file) {
  SUJIP_TRY(const std::vector<Value> partitions, stream.partitions(session));
  std::vector<AccountTask> tasks;
  std::set<std::string> seen;
  for (const Value& partition : partitions) {
    const Value* id = partition.object().find(plan.account_field);
    if (id == nullptr)
      return Error{"the partitions of '" + stream.name + "' have no '" + plan.account_field + "'", manifest_file,
                   "metadata.sujip.accounts.partition_field names it"};
    AccountTask task{python_text(*id), partition};
    if (seen.insert(task.account).second) tasks.push_back(std::move(task));
  }
  return tasks;
}

}  // namespace sujip::engine
