// The reader and the projector on real data, judged by slower means.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>
#include <set>

#include "fhir/elements.h"
#include "fhir/resource_reader.h"
#include "synthea.h"

namespace sluice::fhir {
namespace {

namespace json = boost::json;

class Synthea : public testing::Test {
 protected:
  static void SetUpTestSuite() { files_ = new std::vector<SyntheaFile>(read_synthea()); }
  static void TearDownTestSuite() { delete files_; }
  void SetUp() override {
    if (files_->empty()) GTEST_SKIP() << "no shared data";
  }

  static std::vector<SyntheaFile>* files_;  // a suite's fixture outlives no test
};

std::vector<SyntheaFile>* Synthea::files_ = nullptr;

TEST_F(Synthea, EveryResourceIsReadAndKeepsItsBytes) {
  ResourceReader reader;
  std::size_t count = 0;
  for (const SyntheaFile& file : *files_) {
    for (const std::string_view line : file.lines()) {
      const auto resource = reader.read(line);
      ASSERT_TRUE(resource) << resource.error().message;
      ASSERT_EQ(type_name(resource->type), file.type);
      ASSERT_EQ(resource->content, line);
      ++count;
    }
  }
  EXPECT_EQ(count, 38472u);
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

TEST_F(Synthea, OwnersAndSupportingAreThoseOfASlowReading) {
  // In this data the only compartment references are these.
  const std::map<std::string, std::string> subject = {{"AllergyIntolerance", "patient"},
                                                      {"Claim", "patient"},
                                                      {"ExplanationOfBenefit", "patient"},
                                                      {"Immunization", "patient"}};
  const std::set<std::string> outside = {"Practitioner", "Organization", "Location", "Medication",
                                         "Device"};
  ResourceReader reader;
  for (const SyntheaFile& file : *files_) {
    for (const std::string_view line : file.lines()) {
      const json::object resource = json::parse(line).as_object();
      std::set<std::string> owners;
      if (file.type == "Patient") {
        owners.insert(std::string(resource.at("id").as_string()));
      } else if (!outside.contains(file.type)) {
        const auto member = subject.find(file.type);
        const json::value& reference =
            resource.at(member == subject.end() ? "subject" : member->second);
        owners.insert(std::string(reference.at("reference").as_string()).substr(8));
      }
      if (file.type == "CareTeam") {
        for (const auto& participant : resource.at("participant").as_array()) {
          const std::string member(participant.at("member").at("reference").as_string());
          if (member.starts_with("Patient/")) owners.insert(member.substr(8));
        }
      }
      std::set<std::string> references, supporting;
      collect_references(resource, references);
      for (const std::string& reference : references) {
        if (outside.contains(reference.substr(0, reference.find('/')))) {
          supporting.insert(reference);
        }
      }

      const auto read = reader.read(line);
      ASSERT_TRUE(read);
      ASSERT_EQ(std::set<std::string>(read->owners.begin(), read->owners.end()), owners) << line;
      std::set<std::string> read_supporting;
      for (const ResourceId& id : read->supporting) {
        read_supporting.insert(std::string(type_name(id.type)) + "/" + id.id);
      }
      ASSERT_EQ(read_supporting, supporting) << line;
      ASSERT_EQ(read->supporting.size(), supporting.size());
    }
  }
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

TEST_F(Synthea, ProjectionIsThatOfASlowReading) {
  // Mandatory elements and what "id", "code", "value", "period", "name" and "effectiveDateTime"
  // stand for in each type, written down by hand.
  std::map<std::string, std::set<std::string>> names = {
      {"AllergyIntolerance", {"patient", "code"}},
      {"CarePlan", {"status", "intent", "subject", "period"}},
      {"CareTeam", {"period", "name"}},
      {"Claim",
       {"status", "type", "use", "patient", "created", "provider", "priority", "insurance"}},
      {"Condition", {"subject", "code"}},
      {"Device", {}},
      {"DiagnosticReport", {"status", "code", "effectiveDateTime"}},
      {"Encounter", {"status", "class", "period"}},
      {"ExplanationOfBenefit",
       {"status", "type", "use", "patient", "created", "insurer", "provider", "outcome",
        "insurance"}},
      {"ImagingStudy", {"status", "subject"}},
      {"Immunization",
       {"status", "vaccineCode", "patient", "occurrenceDateTime", "occurrenceString"}},
      {"MedicationRequest",
       {"status", "intent", "medicationCodeableConcept", "medicationReference", "subject"}},
      {"Observation",
       {"status", "code", "valueQuantity", "valueCodeableConcept", "valueString",
        "effectiveDateTime"}},
      {"Organization", {"name"}},
      {"Patient", {"name"}},
      {"Practitioner", {"name"}},
      {"Procedure", {"status", "subject", "code"}},
  };
  const auto selection =
      ElementsSelection::parse({"id", "code", "value", "period", "name", "effectiveDateTime"},
                               {all_resource_types().begin(), all_resource_types().end()});
  ASSERT_TRUE(selection);
  ResourceReader reader;
  std::string line;
  std::string projected;
  for (const SyntheaFile& file : *files_) {
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
