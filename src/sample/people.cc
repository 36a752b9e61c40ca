// Patient and RelatedPerson.
#include <fmt/format.h>

#include "sample/chart.h"

namespace sluice::sample {
namespace {

constexpr std::string_view kIdentifierTypes = "http://terminology.hl7.org/CodeSystem/v2-0203";
constexpr std::string_view kStructure = "http://hl7.org/fhir/StructureDefinition/";
constexpr std::string_view kRaceCodes = "urn:oid:2.16.840.1.113883.6.238";

struct Race {
  std::string_view code;
  std::string_view display;
  int weight;
};
constexpr auto kRaces = std::to_array<Race>({
    {"2106-3", "White", 62},
    {"2054-5", "Black or African American", 14},
    {"2028-9", "Asian", 9},
    {"1002-5", "American Indian or Alaska Native", 3},
    {"2131-1", "Other Race", 12},
});

void write_us_core_extension(JsonWriter& json, std::string_view name, std::string_view code,
                             std::string_view display) {
  json.open_item();
  json.text("url", fmt::format("{}us-core-{}", kUsCore, name));
  json.open_array("extension");
  json.open_item();
  json.text("url", "ombCategory");
  json.open("valueCoding");
  json.text("system", kRaceCodes);
  json.text("code", code);
  json.text("display", display);
  json.close();
  json.close();
  json.open_item();
  json.text("url", "text");
  json.text("valueString", display);
  json.close();
  json.close_array();
  json.close();
}

void write_extensions(JsonWriter& json, const Person& person, Random& random) {
  json.open_array("extension");
  int left = random.between(0, 99);
  const Race* race = &kRaces.back();
  for (const Race& candidate : kRaces) {
    if (left < candidate.weight) {
      race = &candidate;
      break;
    }
    left -= candidate.weight;
  }
  write_us_core_extension(json, "race", race->code, race->display);
  const bool hispanic = person.pool->language.code == "es" || random.chance(40);
  write_us_core_extension(json, "ethnicity", hispanic ? "2135-2" : "2186-5",
                          hispanic ? "Hispanic or Latino" : "Not Hispanic or Latino");
  json.open_item();
  json.text("url", fmt::format("{}us-core-birthsex", kUsCore));
  json.text("valueCode", person.gender == Gender::kMale     ? "M"
                         : person.gender == Gender::kFemale ? "F"
                                                            : "UNK");
  json.close();
  json.open_item();
  json.text("url", fmt::format("{}patient-birthPlace", kStructure));
  const Place& birth_place = random.pick(places());
  json.open("valueAddress");
  json.text("city", birth_place.city);
  json.text("state", birth_place.state);
  json.text("country", "US");
  json.close();
  json.close();
  json.close_array();
}

void write_identifiers(JsonWriter& json, const Person& person, Random& random) {
  json.open_array("identifier");
  write_typed_identifier_item(json, {kIdentifierTypes, "MR", "Medical Record Number"},
                              "https://sluice.example/mrn",
                              fmt::format("MRN-{:08}", person.index + 1));
  // 999 is not a valid area number: no person has such a social security number.
  const std::uint32_t middle = random.below(100);
  const std::uint32_t last = random.below(10000);
  write_typed_identifier_item(json, {kIdentifierTypes, "SS", "Social Security Number"},
                              "http://hl7.org/fhir/sid/us-ssn",
                              fmt::format("999-{:02}-{:04}", middle, last));
  if (person.age_on(kToday) >= 18 && random.chance(800))
    write_typed_identifier_item(json, {kIdentifierTypes, "DL", "Driver's license number"},
                                "urn:oid:2.16.840.1.113883.4.3.25",
                                fmt::format("S999{:05}", random.below(100000)));
  json.close_array();
}

/// As some systems write: everything beyond ASCII as \u escapes. Only for text of the basic plane.
std::string escaped_json_string(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      out.push_back(text[i]);
      continue;
    }
    const int more = lead >= 0xE0 ? 2 : 1;
    unsigned code = lead & (more == 2 ? 0x0FU : 0x1FU);
    for (int k = 0; k < more; ++k)
      code = code << 6 | (static_cast<unsigned char>(text[++i]) & 0x3FU);
    out += fmt::format("\\u{:04x}", code);
  }
  out.push_back('"');
  return out;
}

void write_names(JsonWriter& json, const Person& person, Random& random) {
  json.open_array("name");
  json.open_item();
  json.text("use", "official");
  if (random.chance(30))
    json.verbatim("family", escaped_json_string(person.family));
  else
    json.text("family", person.family);
  json.open_array("given");
  json.text_item(person.given);
  if (!person.middle.empty()) json.text_item(person.middle);
  json.close_array();
  if (person.age_on(kToday) >= 18 && person.pool->language.code == "en-US") {
    json.open_array("prefix");
    json.text_item(person.gender == Gender::kMale     ? "Mr."
                   : person.gender == Gender::kFemale ? "Ms."
                                                      : "Mx.");
    json.close_array();
  }
  json.close();
  if (random.chance(25)) {
    json.open_item();
    json.text("use", "nickname");
    json.text("text", random.pick(unusual_nicknames()));
    json.close();
  }
  json.close_array();
}

void write_contact_points(JsonWriter& json, const Person& person, Random& random) {
  json.open_array("telecom");
  write_telecom_item(json, "phone", person.phone, "home");
  if (random.chance(700)) write_telecom_item(json, "phone", make_phone(random), "mobile");
  if (random.chance(600))
    write_telecom_item(json, "email", fmt::format("patient.{}@sluice.example", person.index),
                       "home");
  json.close_array();
}

void write_address(JsonWriter& json, const Person& person, Random& random) {
  json.open_array("address");
  json.open_item();
  json.open_array("extension");
  json.open_item();
  json.text("url", fmt::format("{}geolocation", kStructure));
  json.open_array("extension");
  json.open_item();
  json.text("url", "latitude");
  json.decimal("valueDecimal", {std::int64_t{person.place->latitude} * 100 + random.below(100), 6});
  json.close();
  json.open_item();
  json.text("url", "longitude");
  json.decimal("valueDecimal",
               {std::int64_t{person.place->longitude} * 100 + random.below(100), 6});
  json.close();
  json.close_array();
  json.close();
  json.close_array();
  json.text("use", "home");
  json.open_array("line");
  json.text_item(person.street);
  if (random.chance(200)) json.text_item(fmt::format("Apt. {}", random.between(1, 60)));
  json.close_array();
  json.text("city", person.place->city);
  json.text("state", person.place->state);
  json.text("postalCode", person.place->postal_code);
  json.text("country", "US");
  json.close();
  json.close_array();
}

void write_marital_status(JsonWriter& json, const Person& person, Random& random) {
  constexpr auto kStatuses = std::to_array<Code>({
      {"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "M", "Married"},
      {"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "S", "Never Married"},
      {"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "D", "Divorced"},
      {"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "W", "Widowed"},
  });
  const Code& status = random.pick(kStatuses);
  write_concept(json, "maritalStatus", person.age_on(kToday) < 20 ? kStatuses[1] : status);
}

void write_communication(JsonWriter& json, const Person& person) {
  json.open_array("communication");
  json.open_item();
  write_concept(json, "language", person.pool->language);
  json.boolean("preferred", true);
  json.close();
  json.close_array();
}

void write_narrative(JsonWriter& json, const Person& person) {
  json.open("text");
  json.text("status", "generated");
  json.text("div", fmt::format("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>{}, {}</p>"
                               "<p>This person is invented.</p></div>",
                               person.display, to_string(person.gender)));
  json.close();
}

}  // namespace

void write_patient(Chart& chart, std::uint64_t seed) {
  const Person& person = chart.person;
  Random& random = chart.random;
  ResourceWriter json = chart.files.resource(Type::kPatient, person.id.view());
  write_meta(json, random, "us-core-patient",
             Moment{kToday - std::chrono::days(random.between(5, 700)), person.offset()});
  if (random.chance(500)) write_narrative(json, person);
  write_extensions(json, person, random);
  write_identifiers(json, person, random);
  json.boolean("active", !person.death.has_value());
  write_names(json, person, random);
  write_contact_points(json, person, random);
  json.text("gender", to_string(person.gender));
  write_date(json, "birthDate", person.birth);
  if (person.death)
    write_date_time(json, "deceasedDateTime", *person.death);
  else if (random.chance(100))
    json.boolean("deceasedBoolean", false);
  write_address(json, person, random);
  write_marital_status(json, person, random);
  json.boolean("multipleBirthBoolean", false);
  write_communication(json, person);
  write_reference_list(json, "generalPractitioner", reference_to(*chart.doctor));
  write_reference(json, "managingOrganization", chart.organization());
  if (person.index > 0 && random.chance(8)) {
    // A second record of the same person: the resource is in both compartments.
    const Id other = person_id(seed, person.index - 1);
    json.open_array("link");
    json.open_item();
    write_reference(json, "other", {Type::kPatient, other.view()});
    json.text("type", "seealso");
    json.close();
    json.close_array();
  }
}

void write_related_person(Chart& chart) {
  constexpr auto kRelations = std::to_array<Code>({
      {"http://terminology.hl7.org/CodeSystem/v3-RoleCode", "SPS", "spouse"},
      {"http://terminology.hl7.org/CodeSystem/v3-RoleCode", "CHILD", "child"},
      {"http://terminology.hl7.org/CodeSystem/v3-RoleCode", "SIB", "sibling"},
      {"http://terminology.hl7.org/CodeSystem/v3-RoleCode", "FRND", "unrelated friend"},
  });
  constexpr Code kParent{"http://terminology.hl7.org/CodeSystem/v3-RoleCode", "PRN", "parent"};
  Random& random = chart.random;
  const bool child = chart.person.age_on(kToday) < 18;
  const Id id = random.id();
  if (!child && !random.chance(350)) return;
  ResourceWriter json = chart.files.resource(Type::kRelatedPerson, id.view());
  json.boolean("active", true);
  write_reference(json, "patient", chart.named_subject());
  const Code& relation = random.pick(kRelations);
  write_concept_list(json, "relationship", child ? kParent : relation);
  json.open_array("name");
  json.open_item();
  json.text("use", "usual");
  json.text("family", chart.person.family);
  json.open_array("given");
  json.text_item(random.pick(chart.person.pool->female));
  json.close_array();
  json.close();
  json.close_array();
  json.open_array("telecom");
  write_telecom_item(json, "phone", make_phone(random), "home");
  json.close_array();
  json.text("gender", "female");
  if (child) {
    json.open_array("communication");
    json.open_item();
    write_concept(json, "language", chart.person.pool->language);
    json.close();
    json.close_array();
  }
}

}  // namespace sluice::sample
