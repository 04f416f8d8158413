#include <fmt/format.h>

#include <algorithm>

#include "core/json_text.h"
#include "topics/dataset.h"

namespace sujip {
namespace {

std::string_view json_type(FieldType type) {
  switch (type) {
    case FieldType::string:
    case FieldType::date:
    case FieldType::timestamp:
      return R"("string")";
    case FieldType::integer:
      return R"("integer")";
    case FieldType::decimal:
      return R"("number")";
    case FieldType::boolean:
      return R"("boolean")";
    case FieldType::json:
      return R"("object","array","string","number","boolean")";
  }
  return "";
}

std::string_view format(FieldType type) {
  if (type == FieldType::date) return R"(,"format":"date")";
  if (type == FieldType::timestamp) return R"(,"format":"date-time")";
  return "";
}

void append_property(std::string& out, const Field& field, bool nullable) {
  append_json_name(out, field.name);
  out += fmt::format(R"({{"type":[{}{}]{})", json_type(field.type), nullable ? R"(,"null")" : "", format(field.type));
  std::string comment = field.en;
  if (!field.unit.empty()) comment += (comment.empty() ? "unit: " : ", unit: ") + field.unit;
  if (!comment.empty()) append_json_field(out, "description", comment);
  out += '}';
}

std::string open(const Dataset& dataset, std::string_view what) {
  return fmt::format(R"({{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"{} of {}")", what,
                     dataset.name);
}

std::string quoted(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ',';
    append_json_string(out, name);
  }
  return out;
}

std::vector<std::string> names_of(const Dataset& dataset, const std::vector<int>& fields) {
  std::vector<std::string> out;
  for (const int i : fields) out.push_back(dataset.fields[static_cast<size_t>(i)].name);
  return out;
}

// Open for fields of later versions.
std::string row_object(const Dataset& dataset) {
  std::string out = R"({"type":"object","properties":{)";
  std::vector<std::string> names;
  for (size_t i = 0; i < dataset.fields.size(); ++i) {
    const Field& field = dataset.fields[i];
    const bool in_key = std::find(dataset.key.begin(), dataset.key.end(), static_cast<int>(i)) != dataset.key.end();
    append_property(out, field, !field.required && !in_key);
    names.push_back(field.name);
  }
  return out + R"(},"required":[)" + quoted(names) + "]}";
}

// grain, period, period_start, currency, dimensions: as properties, and which of them are always there.
void append_bucket(std::string& out, const Dataset& dataset) {
  std::vector<std::string> grains;
  for (const RollupSet& set : dataset.rollups) grains.push_back(set.grain);
  out += R"("grain":{"enum":[)" + quoted(grains) +
         R"(]},"period":{"enum":["day","week","month","year"]},)"
         R"("period_start":{"type":"string","format":"date"})";
  if (dataset.currency) out += R"(,"currency":{"type":"string"})";
  for (const int i : dataset.rollup_dimensions()) append_property(out, dataset.fields[static_cast<size_t>(i)], true);
}

// The dimensions of each grain.
void append_grains(std::string& out, const Dataset& dataset) {
  out += R"(,"allOf":[)";
  for (size_t i = 0; i < dataset.rollups.size(); ++i) {
    if (i > 0) out += ',';
    out += R"({"if":{"properties":{"grain":{"const":)";
    append_json_string(out, dataset.rollups[i].grain);
    out += R"(}}},"then":{"required":[)" + quoted(names_of(dataset, dataset.rollups[i].dimensions)) + "]}}";
  }
  out += ']';
}

std::vector<std::string> bucket_names(const Dataset& dataset) {
  std::vector<std::string> out = {"grain", "period", "period_start"};
  if (dataset.currency) out.push_back("currency");
  return out;
}

}  // namespace

std::string row_schema(const Dataset& dataset) { return open(dataset, "Row") + "," + row_object(dataset).substr(1); }

std::string change_key_schema(const Dataset& dataset) {
  std::string out = open(dataset, "Key of change events");
  out += R"(,"type":"object","additionalProperties":false,"properties":{)";
  for (const int i : dataset.key) append_property(out, dataset.fields[static_cast<size_t>(i)], false);
  return out + R"(},"required":[)" + quoted(names_of(dataset, dataset.key)) + "]}";
}

std::string change_schema(const Dataset& dataset) {
  std::string out = open(dataset, "Change event (Debezium envelope)");
  out += R"(,"$defs":{"row":)" + row_object(dataset) + "}";
  out += R"(,"type":"object","properties":{)"
         R"("before":{"anyOf":[{"$ref":"#/$defs/row"},{"type":"null"}]},)"
         R"("after":{"anyOf":[{"$ref":"#/$defs/row"},{"type":"null"}]},)"
         R"("op":{"enum":["c","u","d","r"]},"ts_ms":{"type":"integer"},)"
         R"("source":{"type":"object","properties":{"version":{"type":"string"},)"
         R"("connector":{"const":"sujip"},"name":{"type":"string"},"ts_ms":{"type":"integer"},)"
         R"("account":{"type":"string"},"dataset":{"const":")" +
         dataset.name +
         R"("},"scope":{"type":"string"},)"
         R"("run":{"type":"string"},"rev":{"type":"integer"},"minor":{"type":"boolean"}},)"
         R"("required":["version","connector","name","ts_ms","account","dataset","scope","run",)"
         R"("rev","minor"]}},"required":["before","after","op","ts_ms","source"],"allOf":[)"
         R"({"if":{"properties":{"op":{"enum":["c","r"]}}},)"
         R"("then":{"properties":{"before":{"type":"null"},"after":{"type":"object"}}}},)"
         R"({"if":{"properties":{"op":{"const":"u"}}},)"
         R"("then":{"properties":{"before":{"type":"object"},"after":{"type":"object"}}}},)"
         R"({"if":{"properties":{"op":{"const":"d"}}},)"
         R"("then":{"properties":{"before":{"type":"object"},"after":{"type":"null"}}}}]})";
  return out;
}

std::string rollup_key_schema(const Dataset& dataset) {
  std::string out = open(dataset, "Key of rollup rows");
  out += R"(,"type":"object","additionalProperties":false,"properties":{)";
  append_bucket(out, dataset);
  out += R"(},"required":[)" + quoted(bucket_names(dataset)) + "]";
  append_grains(out, dataset);
  return out + "}";
}

std::string rollup_schema(const Dataset& dataset) {
  std::string out = open(dataset, "Rollup row");
  out += R"(,"type":"object","properties":{)";
  append_bucket(out, dataset);
  std::vector<std::string> names = bucket_names(dataset);
  for (const Measure& m : dataset.measures) {
    append_json_name(out, m.name);
    out += m.scale == 0 ? R"({"type":"integer"})" : R"({"type":"number"})";
    names.push_back(m.name);
  }
  for (const char* name : {"accounts", "rows", "rev", "ts_ms"}) {
    append_json_name(out, name);
    out += R"({"type":"integer"})";
    names.emplace_back(name);
  }
  out += R"(},"required":[)" + quoted(names) + "]";
  append_grains(out, dataset);
  return out + "}";
}

}  // namespace sujip
