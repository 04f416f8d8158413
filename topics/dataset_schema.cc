#include <fmt/format.h>

#include "core/json_text.h"
#include "topics/dataset.h"

namespace sujip {
namespace {

std::string_view json_type(FieldType type) {
  switch (type) {
    case FieldType::string: return R"("type":["string","null"])";
    case FieldType::integer: return R"("type":["integer","null"])";
    case FieldType::decimal: return R"("type":["number","null"])";
    case FieldType::boolean: return R"("type":["boolean","null"])";
    case FieldType::date: return R"("type":["string","null"],"format":"date")";
    case FieldType::timestamp: return R"("type":["string","null"],"format":"date-time")";
    case FieldType::json: return R"("type":["object","array","string","number","boolean","null"])";
  }
  return "";
}

void append_property(std::string& out, const Field& field) {
  append_json_name(out, field.name);
  out += '{';
  out += json_type(field.type);
  std::string comment = field.en;
  if (!field.unit.empty()) comment += (comment.empty() ? "unit: " : ", unit: ") + field.unit;
  if (!comment.empty()) append_json_field(out, "description", comment);
  out += '}';
}

std::string open(const Dataset& dataset, std::string_view what) {
  return fmt::format(R"({{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"{} of {}")",
                     what, dataset.name);
}

std::string row_object(const Dataset& dataset) {
  std::string out = R"({"type":"object","additionalProperties":false,"properties":{)";
  for (const Field& f : dataset.fields) append_property(out, f);
  out += R"(},"required":[)";
  for (size_t i = 0; i < dataset.fields.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, dataset.fields[i].name);
  }
  return out + "]}";
}

}  // namespace

std::string row_schema(const Dataset& dataset) {
  return open(dataset, "Row") + "," + row_object(dataset).substr(1);
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
         R"("account":{"type":"string"},"dataset":{"type":"string"},"scope":{"type":"string"},)"
         R"("run":{"type":"string"},"rev":{"type":"integer"},"minor":{"type":"boolean"}},)"
         R"("required":["name","account","dataset","scope","run","rev"]}},)"
         R"("required":["before","after","op","ts_ms","source"]})";
  return out;
}

std::string rollup_schema(const Dataset& dataset) {
  std::string out = open(dataset, "Rollup row");
  out += R"(,"type":"object","properties":{"grain":{"enum":[)";
  for (size_t i = 0; i < dataset.rollups.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, dataset.rollups[i].grain);
  }
  out += R"(]},"period":{"enum":["day","week","month","year"]},)"
         R"("period_start":{"type":"string","format":"date"},"currency":{"type":"string"})";
  for (const int i : dataset.rollup_dimensions())
    append_property(out, dataset.fields[static_cast<size_t>(i)]);
  for (const Measure& m : dataset.measures) {
    append_json_name(out, m.name);
    out += m.scale == 0 ? R"({"type":"integer"})" : R"({"type":"number"})";
  }
  out += R"(,"accounts":{"type":"integer"},"rows":{"type":"integer"},"rev":{"type":"integer"},)"
         R"("ts_ms":{"type":"integer"}},)"
         R"("required":["grain","period","period_start","accounts","rows","rev"]})";
  return out;
}

}  // namespace sujip
