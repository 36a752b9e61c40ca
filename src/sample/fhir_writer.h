// FHIR's data types on top of the JSON writer: codings, references, periods, quantities. Apart
// because every resource is made of them.
#pragma once

#include <cstdint>
#include <string_view>

#include "sample/calendar.h"
#include "sample/json_writer.h"
#include "sample/ndjson_files.h"
#include "sample/random.h"
#include "sample/terminology.h"

namespace sluice::sample {

inline constexpr std::string_view kUsCore = "http://hl7.org/fhir/us/core/StructureDefinition/";

/// A reference inside the sample; an empty display is left out.
struct Reference {
  Type type;
  std::string_view id;
  std::string_view display = {};
};

void write_coding_item(JsonWriter& json, Code code);
/// The value of `key` is a CodeableConcept with one coding; its text is the display.
void write_concept(JsonWriter& json, std::string_view key, Code code);
void write_concept(JsonWriter& json, std::string_view key, Code code, Code translation);
/// The value of `key` is a list of one CodeableConcept.
void write_concept_list(JsonWriter& json, std::string_view key, Code code);
void write_concept_item(JsonWriter& json, Code code);
/// The same without the text, for FHIR's own codes.
void write_coded(JsonWriter& json, std::string_view key, Code code);
void write_coded_list(JsonWriter& json, std::string_view key, Code code);
void write_text_concept(JsonWriter& json, std::string_view key, std::string_view text);

void write_reference(JsonWriter& json, std::string_view key, const Reference& reference);
void write_reference_item(JsonWriter& json, const Reference& reference);
void write_reference_list(JsonWriter& json, std::string_view key, const Reference& reference);

void write_date(JsonWriter& json, std::string_view key, LocalDay day);
void write_date_time(JsonWriter& json, std::string_view key, Moment moment);
void write_instant(JsonWriter& json, std::string_view key, Moment moment);
void write_period(JsonWriter& json, std::string_view key, Moment start, Moment end);
void write_period_from(JsonWriter& json, std::string_view key, Moment start);

void write_quantity(JsonWriter& json, std::string_view key, Decimal value, const Measure& measure);
/// Money in US dollars: 14050 cents are 140.50.
void write_money(JsonWriter& json, std::string_view key, std::int64_t cents);
void write_identifier_item(JsonWriter& json, std::string_view system, std::string_view value);
/// `type` is a code of the identifier type table (v2-0203).
void write_typed_identifier_item(JsonWriter& json, Code type, std::string_view system,
                                 std::string_view value);
void write_telecom_item(JsonWriter& json, std::string_view system, std::string_view value,
                        std::string_view use);

/// Most resources have no meta of their own; some claim `profile` (a name under US Core, or empty
/// for none), some bring a versionId and a lastUpdated from the system they come from, few a
/// security label.
void write_meta(JsonWriter& json, Random& random, std::string_view profile, Moment last_changed);

}  // namespace sluice::sample
