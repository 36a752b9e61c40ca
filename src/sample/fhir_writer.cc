#include "sample/fhir_writer.h"

namespace sluice::sample {
namespace {

void write_coding_members(JsonWriter& json, Code code) {
  json.text("system", code.system);
  json.text("code", code.code);
  if (!code.display.empty()) json.text("display", code.display);
}

void write_concept_members(JsonWriter& json, Code code) {
  json.open_array("coding");
  write_coding_item(json, code);
  json.close_array();
  if (!code.display.empty()) json.text("text", code.display);
}

void write_reference_members(JsonWriter& json, const Reference& reference) {
  json.begin_text("reference");
  json.buffer().append(to_string(reference.type));
  json.buffer().push_back('/');
  json.buffer().append(reference.id);
  json.end_text();
  if (!reference.display.empty()) json.text("display", reference.display);
}

}  // namespace

void write_coding_item(JsonWriter& json, Code code) {
  json.open_item();
  write_coding_members(json, code);
  json.close();
}

void write_concept(JsonWriter& json, std::string_view key, Code code) {
  json.open(key);
  write_concept_members(json, code);
  json.close();
}

void write_concept(JsonWriter& json, std::string_view key, Code code, Code translation) {
  json.open(key);
  json.open_array("coding");
  write_coding_item(json, code);
  write_coding_item(json, translation);
  json.close_array();
  json.text("text", code.display);
  json.close();
}

void write_concept_list(JsonWriter& json, std::string_view key, Code code) {
  json.open_array(key);
  write_concept_item(json, code);
  json.close_array();
}

void write_concept_item(JsonWriter& json, Code code) {
  json.open_item();
  write_concept_members(json, code);
  json.close();
}

void write_coded(JsonWriter& json, std::string_view key, Code code) {
  json.open(key);
  json.open_array("coding");
  write_coding_item(json, code);
  json.close_array();
  json.close();
}

void write_coded_list(JsonWriter& json, std::string_view key, Code code) {
  json.open_array(key);
  json.open_item();
  json.open_array("coding");
  write_coding_item(json, code);
  json.close_array();
  json.close();
  json.close_array();
}

void write_text_concept(JsonWriter& json, std::string_view key, std::string_view text) {
  json.open(key);
  json.text("text", text);
  json.close();
}

void write_reference(JsonWriter& json, std::string_view key, const Reference& reference) {
  json.open(key);
  write_reference_members(json, reference);
  json.close();
}

void write_reference_item(JsonWriter& json, const Reference& reference) {
  json.open_item();
  write_reference_members(json, reference);
  json.close();
}

void write_reference_list(JsonWriter& json, std::string_view key, const Reference& reference) {
  json.open_array(key);
  write_reference_item(json, reference);
  json.close_array();
}

void write_date(JsonWriter& json, std::string_view key, LocalDay day) {
  json.begin_text(key);
  append_date(json.buffer(), day);
  json.end_text();
}

void write_date_time(JsonWriter& json, std::string_view key, Moment moment) {
  json.begin_text(key);
  append_date_time(json.buffer(), moment);
  json.end_text();
}

void write_instant(JsonWriter& json, std::string_view key, Moment moment) {
  json.begin_text(key);
  append_instant(json.buffer(), moment);
  json.end_text();
}

void write_period(JsonWriter& json, std::string_view key, Moment start, Moment end) {
  json.open(key);
  write_date_time(json, "start", start);
  write_date_time(json, "end", end);
  json.close();
}

void write_period_from(JsonWriter& json, std::string_view key, Moment start) {
  json.open(key);
  write_date_time(json, "start", start);
  json.close();
}

void write_quantity(JsonWriter& json, std::string_view key, Decimal value, const Measure& measure) {
  json.open(key);
  json.decimal("value", value);
  json.text("unit", measure.unit);
  json.text("system", kUcum);
  json.text("code", measure.ucum);
  json.close();
}

void write_money(JsonWriter& json, std::string_view key, std::int64_t cents) {
  json.open(key);
  json.decimal("value", {cents, 2});
  json.text("currency", "USD");
  json.close();
}

void write_identifier_item(JsonWriter& json, std::string_view system, std::string_view value) {
  json.open_item();
  json.text("system", system);
  json.text("value", value);
  json.close();
}

void write_typed_identifier_item(JsonWriter& json, Code type, std::string_view system,
                                 std::string_view value) {
  json.open_item();
  write_concept(json, "type", type);
  json.text("system", system);
  json.text("value", value);
  json.close();
}

void write_telecom_item(JsonWriter& json, std::string_view system, std::string_view value,
                        std::string_view use) {
  json.open_item();
  json.text("system", system);
  json.text("value", value);
  json.text("use", use);
  json.close();
}

void write_meta(JsonWriter& json, Random& random, std::string_view profile, Moment last_changed) {
  const std::uint32_t kind = random.below(100);
  const std::uint32_t version = 1 + random.below(4);
  if (kind >= 18 || (kind < 12 && profile.empty())) return;
  const bool has_version = kind >= 12;
  json.open("meta");
  if (has_version) {
    json.begin_text("versionId");
    json.buffer().push_back(static_cast<char>('0' + version));
    json.end_text();
    write_instant(json, "lastUpdated", last_changed);
  }
  if (kind == 16) json.text("source", "urn:example:source:ehr#feed");
  if (!profile.empty()) {
    json.open_array("profile");
    json.begin_text_item();
    json.buffer().append(kUsCore).append(profile);
    json.end_text();
    json.close_array();
  }
  if (kind == 17) {
    json.open_array("security");
    write_coding_item(
        json, {"http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "R", "restricted"});
    json.close_array();
  }
  json.close();
}

}  // namespace sluice::sample
