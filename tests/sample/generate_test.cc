// The sample as a whole: deterministic, growing, complete, of realistic size.
#include "sample/generate.h"

#include <gtest/gtest.h>

#include <set>

#include "sample_folder.h"

namespace sluice::sample::testing {
namespace {

using boost::json::object;
using boost::json::value;

const std::set<std::string> kTypes = {"AllergyIntolerance",
                                      "Appointment",
                                      "Binary",
                                      "CarePlan",
                                      "CareTeam",
                                      "Claim",
                                      "Condition",
                                      "Coverage",
                                      "Device",
                                      "DiagnosticReport",
                                      "Encounter",
                                      "DocumentReference",
                                      "ExplanationOfBenefit",
                                      "Goal",
                                      "Group",
                                      "Immunization",
                                      "Location",
                                      "Medication",
                                      "Observation",
                                      "MedicationRequest",
                                      "Organization",
                                      "Patient",
                                      "Practitioner",
                                      "PractitionerRole",
                                      "Procedure",
                                      "Provenance",
                                      "RelatedPerson"};

void collect_references(const value& node, std::vector<std::string>& found) {
  if (const auto* members = node.if_object()) {
    for (const auto& [key, child] : *members) {
      const bool is_link = key == "reference" || key == "url";
      if (is_link && child.is_string() &&
          (key == "reference" || child.as_string().starts_with("Binary/")))
        found.emplace_back(child.as_string());
      collect_references(child, found);
    }
  } else if (const auto* items = node.if_array()) {
    for (const value& child : *items) collect_references(child, found);
  }
}

/// Empty objects, lists and strings are errors in FHIR.
bool has_empty_value(const value& node) {
  if (const auto* members = node.if_object()) {
    if (members->empty()) return true;
    for (const auto& member : *members)
      if (has_empty_value(member.value())) return true;
  } else if (const auto* items = node.if_array()) {
    if (items->empty()) return true;
    for (const value& item : *items)
      if (has_empty_value(item)) return true;
  } else if (const auto* text = node.if_string()) {
    return text->empty();
  }
  return node.is_null();
}

TEST(Generate, GivesTheSameBytesForTheSameOptions) {
  EXPECT_EQ(make_sample(50, 1), fifty_patients());
}

TEST(Generate, GivesOtherResourcesForAnotherSeed) {
  const auto other = make_sample(50, 2);
  EXPECT_EQ(other.size(), fifty_patients().size());
  for (const auto& [name, text] : other) EXPECT_NE(text, fifty_patients().at(name)) << name;
}

TEST(Generate, OnlyAddsResourcesWhenThereAreMorePatients) {
  const auto larger = make_sample(140, 1);
  for (const auto& [name, text] : fifty_patients()) {
    const std::string& grown = larger.at(name);
    if (name == "Group.ndjson") continue;
    ASSERT_GE(grown.size(), text.size()) << name;
    const auto lines = lines_of(grown);
    const std::set<std::string_view> known(lines.begin(), lines.end());
    for (const std::string_view line : lines_of(text))
      ASSERT_TRUE(known.contains(line)) << name << ": " << line.substr(0, 100);
  }
  EXPECT_EQ(lines_of(larger.at("Patient.ndjson")).size(), 140U);
  EXPECT_EQ(lines_of(larger.at("Practitioner.ndjson")).size(), 7U);
}

TEST(Generate, WritesOneFileOfEveryTypeAndCountsItsLines) {
  const TemporaryFolder folder;
  GenerateOptions options;
  options.patients = 50;
  options.out = folder.path() / "made" / "when missing";
  const auto summary = generate(options);
  ASSERT_TRUE(summary.has_value());
  std::uint64_t bytes = 0;
  std::set<std::string> types;
  for (const auto& [name, text] : read_folder(options.out)) {
    ASSERT_TRUE(name.ends_with(".ndjson")) << name;
    const std::string type = name.substr(0, name.find('.'));
    types.insert(type);
    bytes += text.size();
    EXPECT_EQ(summary->resources.at(type), lines_of(text).size()) << type;
  }
  EXPECT_EQ(types, kTypes);
  EXPECT_EQ(summary->resources.size(), kTypes.size());
  EXPECT_EQ(summary->bytes, bytes);
}

TEST(Generate, WritesOnlyValidResourcesWithIdsOfTheirOwn) {
  std::set<std::string> ids;
  for (const auto& [type, resources] : fifty_patients_parsed()) {
    for (const object& resource : resources) {
      EXPECT_EQ(resource.at("resourceType").as_string(), type);
      const std::string id(resource.at("id").as_string());
      EXPECT_LE(id.size(), 64U);
      EXPECT_EQ(id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string::npos);
      EXPECT_TRUE(ids.insert(id).second) << type << "/" << id;
      EXPECT_FALSE(has_empty_value(resource)) << type << "/" << id;
    }
  }
}

TEST(Generate, RefersOnlyToResourcesThatAreThere) {
  std::set<std::string> known;
  for (const auto& [type, resources] : fifty_patients_parsed())
    for (const object& resource : resources)
      known.insert(type + "/" + std::string(resource.at("id").as_string()));
  std::size_t count = 0;
  for (const auto& [type, resources] : fifty_patients_parsed()) {
    for (const object& resource : resources) {
      std::vector<std::string> references;
      collect_references(resource, references);
      for (const std::string& reference : references) {
        ++count;
        if (reference == "#referral")
          EXPECT_EQ(resource.at("contained").as_array()[0].as_object().at("id").as_string(),
                    "referral");
        else
          EXPECT_TRUE(known.contains(reference)) << type << " refers to " << reference;
      }
    }
  }
  EXPECT_GT(count, 10'000U);
}

TEST(Generate, MakesAsManyAndAsLargeResourcesAsRealRecordsHave) {
  // Bytes a line on average: 100 Synthea patients have Patient 2,619, Observation 733, Encounter
  // 1,047, ExplanationOfBenefit 4,979, Claim 1,345, Condition 722, Immunization 492.
  struct Range {
    std::size_t least, most;
  };
  const std::map<std::string, Range> expected = {
      {"Patient", {2000, 3000}},           {"Observation", {700, 1000}},
      {"Encounter", {900, 1500}},          {"ExplanationOfBenefit", {3000, 5600}},
      {"Condition", {700, 1300}},          {"MedicationRequest", {700, 1300}},
      {"DocumentReference", {1500, 4000}}, {"Binary", {3000, 9000}},
  };
  std::size_t resources = 0;
  for (const auto& [name, text] : fifty_patients()) {
    const std::size_t lines = lines_of(text).size();
    resources += lines;
    const auto range = expected.find(name.substr(0, name.find('.')));
    if (range == expected.end()) continue;
    EXPECT_GE(text.size() / lines, range->second.least) << name;
    EXPECT_LE(text.size() / lines, range->second.most) << name;
  }
  EXPECT_GE(resources / 50, 100U);
  EXPECT_LE(resources / 50, 250U);
}

TEST(Generate, MakesSharedResourcesWithoutAnyPatient) {
  const auto sample = make_sample(0, 1);
  EXPECT_FALSE(sample.contains("Patient.ndjson"));
  EXPECT_EQ(lines_of(sample.at("Practitioner.ndjson")).size(), 5U);
  EXPECT_EQ(lines_of(sample.at("Group.ndjson")).size(), 5U);
  EXPECT_EQ(sample.at("Group.ndjson").find("member\""), std::string::npos);
}

TEST(Generate, SaysWhichFolderCannotBeMade) {
  const TemporaryFolder folder;
  GenerateOptions options;
  options.out = folder.path() / "file" / "below";
  { std::filesystem::create_symlink("nowhere/at/all", folder.path() / "file"); }
  const auto summary = generate(options);
  ASSERT_TRUE(summary.has_error());
  EXPECT_NE(summary.error().detail.find("below"), std::string::npos);
}

}  // namespace
}  // namespace sluice::sample::testing
