// The reader and the projector on whole populations, judged by slower means.
#include "population.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>
#include <set>

#include "fhir/elements.h"
#include "fhir/resource_reader.h"
#include "token_offsets.h"

namespace sluice::fhir {
namespace {

namespace json = boost::json;

/// Without the version that the server replaces.
json::object without_version(std::string_view line) {
  json::object resource = json::parse({line.data(), line.size()}).as_object();
  if (auto* meta = resource.if_contains("meta")) {
    meta->as_object().erase("versionId");
    meta->as_object().erase("lastUpdated");
    if (meta->as_object().empty()) resource.erase("meta");
  }
  return resource;
}

TEST(Population, EveryResourceIsReadAndKeepsItsBytes) {
  ResourceReader reader;
  std::size_t count = 0;
  std::size_t of_another_server = 0;
  for (const PopulationFile& file : population()) {
    for (const std::string_view line : file.lines()) {
      const auto resource = reader.read(line);
      ASSERT_TRUE(resource) << resource.error().message;
      ASSERT_EQ(type_name(resource->type), file.type);
      ASSERT_EQ(resource->token_offsets, token_offsets(resource->content));
      if (line.find("\"versionId\":") == std::string_view::npos) {
        ASSERT_EQ(resource->content, line);
      } else {
        ASSERT_EQ(json::value(without_version(resource->content)),
                  json::value(without_version(line)));
        ++of_another_server;
      }
      ++count;
    }
  }
  if (population_is_synthea())
    EXPECT_EQ(count, 38472u);
  else
    EXPECT_GT(count, 10'000u);
  EXPECT_LT(of_another_server, count / 2);
}

void collect_references(const json::value& value, std::set<std::string>& out) {
  if (const auto* array = value.if_array()) {
    for (const json::value& each : *array) collect_references(each, out);
  } else if (const auto* object = value.if_object()) {
    for (const auto& [key, each] : *object) {
      if (key == "reference" && each.is_string()) out.emplace(each.get_string());
      collect_references(each, out);
    }
  }
}

/// The references at a path of elements, whether they repeat or not.
void collect_at(const json::value& value, std::string_view path, std::set<std::string>& out) {
  if (const auto* array = value.if_array()) {
    for (const json::value& each : *array) collect_at(each, path, out);
    return;
  }
  const auto* object = value.if_object();
  if (object == nullptr) return;
  const std::size_t dot = path.find('.');
  const auto* member = object->if_contains(path.empty() ? "reference" : path.substr(0, dot));
  if (member == nullptr) return;
  if (path.empty())
    out.emplace(member->as_string());
  else
    collect_at(*member, dot == std::string_view::npos ? "" : path.substr(dot + 1), out);
}

// R4's compartment of a Patient, for the types that the populations have; the others are outside.
const std::map<std::string, std::vector<std::string_view>> kOwners = {
    {"AllergyIntolerance", {"patient", "recorder", "asserter"}},
    {"Appointment", {"participant.actor"}},
    {"CarePlan", {"subject", "activity.detail.performer"}},
    {"CareTeam", {"subject", "participant.member"}},
    {"Claim", {"patient", "payee.party"}},
    {"Condition", {"subject", "asserter"}},
    {"Coverage", {"policyHolder", "subscriber", "beneficiary", "payor"}},
    {"Device", {"patient"}},
    {"DiagnosticReport", {"subject"}},
    {"DocumentReference", {"subject", "author"}},
    {"Encounter", {"subject"}},
    {"ExplanationOfBenefit", {"patient", "payee.party"}},
    {"Goal", {"subject"}},
    {"ImagingStudy", {"subject"}},
    {"Immunization", {"patient"}},
    {"MedicationRequest", {"subject"}},
    {"Observation", {"subject", "performer"}},
    {"Patient", {"link.other"}},
    {"Procedure", {"subject", "performer.actor"}},
    {"Provenance", {"target"}},
    {"RelatedPerson", {"patient"}},
};

TEST(Population, OwnersAndSupportingAreThoseOfASlowReading) {
  const std::set<std::string> outside = {"Practitioner", "PractitionerRole", "Organization",
                                         "Location",     "Medication",       "Device"};
  ResourceReader reader;
  std::size_t owned = 0;
  for (const PopulationFile& file : population()) {
    for (const std::string_view line : file.lines()) {
      const json::object resource = json::parse({line.data(), line.size()}).as_object();
      std::set<std::string> owners, found;
      if (const auto paths = kOwners.find(file.type); paths != kOwners.end())
        for (const std::string_view path : paths->second) collect_at(resource, path, found);
      for (const std::string& reference : found)
        if (reference.starts_with("Patient/")) owners.insert(reference.substr(8));
      if (file.type == "Patient") owners.insert(std::string(resource.at("id").as_string()));
      std::set<std::string> references, supporting;
      collect_references(resource, references);
      for (const std::string& reference : references)
        if (outside.contains(reference.substr(0, reference.find('/'))))
          supporting.insert(reference);

      const auto read = reader.read(line);
      ASSERT_TRUE(read);
      ASSERT_EQ(std::set<std::string>(read->owners.begin(), read->owners.end()), owners) << line;
      std::set<std::string> read_supporting;
      for (const ResourceId& id : read->supporting)
        read_supporting.insert(std::string(type_name(id.type)) + "/" + id.id);
      ASSERT_EQ(read_supporting, supporting) << line;
      ASSERT_EQ(read->supporting.size(), supporting.size());
      owned += owners.empty() ? 0 : 1;
    }
  }
  EXPECT_GT(owned, 10'000u);
}

/// Takes references to contained resources out.
void cut_slowly(json::value& value) {
  if (auto* const array = value.if_array())
    for (auto& element : *array) cut_slowly(element);
  auto* const object = value.if_object();
  if (object == nullptr) return;
  if (const auto* reference = object->if_contains("reference");
      reference != nullptr && reference->is_string() && reference->get_string().starts_with("#")) {
    object->erase("reference");
    if (object->empty())
      *object = json::parse(R"({"extension":[{"url":
          "http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]})")
                    .as_object();
  }
  for (auto& member : *object) cut_slowly(member.value());
}

/// The projection by Boost.JSON: members whose names begin the way the selection says.
json::object projected_slowly(const json::object& resource, const std::set<std::string>& names) {
  json::object out;
  for (const auto& [key, value] : resource) {
    std::string name(key);
    if (name.starts_with('_')) name.erase(0, 1);
    if (names.contains(name)) out.emplace(key, value);
  }
  json::object& meta = out.at("meta").as_object();
  if (!meta.contains("tag")) meta["tag"] = json::array();
  meta["tag"].as_array().push_back(
      {{"system", "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"},
       {"code", "SUBSETTED"}});
  if (resource.contains("contained") && !out.contains("contained"))
    for (auto& member : out) cut_slowly(member.value());
  return out;
}

TEST(Population, ProjectionIsThatOfASlowReading) {
  // Mandatory elements and what "id", "code", "value", "period", "name" and "effectiveDateTime"
  // stand for in each type, written down by hand.
  std::map<std::string, std::set<std::string>> names = {
      {"AllergyIntolerance", {"patient", "code"}},
      {"Appointment", {"status", "participant"}},
      {"Binary", {"contentType"}},
      {"CarePlan", {"status", "intent", "subject", "period"}},
      {"CareTeam", {"period", "name"}},
      {"Claim",
       {"status", "type", "use", "patient", "created", "provider", "priority", "insurance"}},
      {"Condition", {"subject", "code"}},
      {"Coverage", {"status", "beneficiary", "payor", "period"}},
      {"Device", {}},
      {"DiagnosticReport", {"status", "code", "effectiveDateTime"}},
      {"DocumentReference", {"status", "content"}},
      {"Encounter", {"status", "class", "period"}},
      {"ExplanationOfBenefit",
       {"status", "type", "use", "patient", "created", "insurer", "provider", "outcome",
        "insurance"}},
      {"Goal", {"lifecycleStatus", "description", "subject"}},
      {"Group", {"type", "actual", "code", "name"}},
      {"ImagingStudy", {"status", "subject"}},
      {"Immunization",
       {"status", "vaccineCode", "patient", "occurrenceDateTime", "occurrenceString"}},
      {"Location", {"name"}},
      {"Medication", {"code"}},
      {"MedicationRequest",
       {"status", "intent", "medicationCodeableConcept", "medicationReference", "subject"}},
      {"Observation",
       {"status", "code", "valueQuantity", "valueCodeableConcept", "valueString",
        "effectiveDateTime"}},
      {"Organization", {"name"}},
      {"Patient", {"name"}},
      {"Practitioner", {"name"}},
      {"PractitionerRole", {"code", "period"}},
      {"Procedure", {"status", "subject", "code"}},
      {"Provenance", {"target", "recorded", "agent"}},
      {"RelatedPerson", {"patient", "name", "period"}},
  };
  const auto selection =
      ElementsSelection::parse({"id", "code", "value", "period", "name", "effectiveDateTime"},
                               {all_resource_types().begin(), all_resource_types().end()});
  ASSERT_TRUE(selection);
  ResourceReader reader;
  std::string line;
  std::string projected;
  for (const PopulationFile& file : population()) {
    std::set<std::string>& kept = names.at(file.type);
    kept.insert({"resourceType", "id", "meta"});
    ElementsProjector projector(*selection, *find_resource_type(file.type));
    for (const std::string_view source : file.lines()) {
      line.clear();
      append_with_meta(line, *reader.read(source), 1, Instant{0});
      projected.clear();
      ASSERT_TRUE(projector.project(line, projected));
      const json::value expected = projected_slowly(json::parse(line).as_object(), kept);
      ASSERT_EQ(json::parse(projected), expected) << projected;
      ASSERT_EQ(projected.find('\n'), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace sluice::fhir
