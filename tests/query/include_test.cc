// _include and _revinclude (I-02): what is read, what is refused, and what they bring.
#include "query/include.h"

#include <gmock/gmock.h>

#include "querying.h"

namespace sluice::query {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

fhir::ResourceType type_of(std::string_view name) {
  return fhir::find_resource_type(name).value();
}

std::string refusal(std::string_view type, std::string_view name, std::string_view value) {
  const auto include = parse_include(type_of(type), name, value);
  return include ? "understood" : include.error().message;
}

std::vector<std::string_view> types_of(std::string_view type, std::string_view name,
                                       std::string_view value) {
  std::vector<std::string_view> names;
  const auto include = parse_include(type_of(type), name, value).value();
  for (const auto each : include.types()) names.push_back(fhir::type_name(each));
  return names;
}

TEST(Include, TellsWhichTypesItBrings_A06) {
  EXPECT_THAT(types_of("Observation", "_include", "Observation:subject:Patient"),
              ElementsAre("Patient"));
  EXPECT_THAT(types_of("Observation", "_include", "Observation:subject"),
              UnorderedElementsAre("Patient", "Group", "Device", "Location"));
  EXPECT_THAT(types_of("Patient", "_revinclude", "Observation:subject"),
              ElementsAre("Observation"));
  EXPECT_THAT(types_of("Provenance", "_include", "Provenance:target"), ElementsAre()) << "any";
}

TEST(Include, WhatCanBringNothingIsRefused) {
  EXPECT_THAT(refusal("Patient", "_include", "Observation:subject"), HasSubstr("Patient"));
  EXPECT_THAT(refusal("Observation", "_include", "Observation:code"), HasSubstr("code"));
  EXPECT_THAT(refusal("Observation", "_include", "Observation:subject:Medication"),
              HasSubstr("Medication"));
  EXPECT_THAT(refusal("Observation", "_include", "Observation:subject:Nosuch"),
              HasSubstr("no resource type"));
  EXPECT_THAT(refusal("Observation", "_include", "Observation"), HasSubstr("no search parameter"));
  EXPECT_THAT(refusal("Observation", "_include", "Nosuch:subject"), HasSubstr("resource type"));
  EXPECT_THAT(refusal("Observation", "_include", "*"), HasSubstr("not supported"));
  EXPECT_THAT(refusal("Observation", "_include:recurse", "Observation:subject"),
              HasSubstr("recurse"));
  EXPECT_THAT(refusal("Observation", "_revinclude", "Encounter:subject"), HasSubstr("Observation"));
  EXPECT_THAT(refusal("Patient", "_revinclude", "Encounter:subject:Group"), HasSubstr("Patient"));
  EXPECT_EQ(refusal("Patient", "_revinclude", "Encounter:subject:Patient"), "understood");
  EXPECT_EQ(refusal("Patient", "_include:iterate", "Encounter:service-provider"), "understood");
}

class IncludeTest : public Querying {
 protected:
  void SetUp() override {
    put({R"({"resourceType":"Organization","id":"o","partOf":{"reference":"Organization/top"}})",
         R"({"resourceType":"Organization","id":"top","partOf":{"reference":"Organization/o"}})",
         R"({"resourceType":"Patient","id":"a","managingOrganization":{"reference":"https://sluice.example/fhir/Organization/o/_history/1"}})",
         patient("b", "male"), observation("1", "x", "Patient/a", "Organization/o"),
         observation("2", "x", "Patient/b", "Practitioner/nosuch"),
         observation("3", "x", "Group/g"), observation("4", "y", "Patient/a")});
  }

  /// What the includes bring for the matches of a search; "too much" beyond the limits.
  std::vector<std::string> brought(std::string_view text,
                                   std::vector<std::pair<std::string, std::string>> includes,
                                   const IncludeLimits& limits = {100, 1 << 20}) {
    const auto as_of = store_->last_commit();
    const auto type = type_of(text.substr(0, text.find('?')));
    std::vector<Include> parsed;
    for (const auto& [name, value] : includes)
      parsed.push_back(parse_include(type, name, value).value());
    const auto matches = find(*store_, query(text, as_of), as_of.sequence, 100).value();
    const auto found = included(*store_, as_of.sequence, matches, parsed,
                                "https://sluice.example/fhir", limits, {})
                           .value();
    if (!found) return {"too much"};
    std::vector<std::string> names;
    for (const auto& record : *found)
      names.push_back(std::string(fhir::type_name(record.key.type)) + "/" + record.key.id);
    return names;
  }
};

TEST_F(IncludeTest, ReferencesAreFollowedBothWays) {
  EXPECT_THAT(brought("Observation?", {{"_include", "Observation:subject"}}),
              UnorderedElementsAre("Patient/a", "Patient/b"));
  EXPECT_THAT(brought("Observation?", {{"_include", "Observation:*"}}),
              UnorderedElementsAre("Patient/a", "Patient/b", "Organization/o"));
  EXPECT_THAT(brought("Observation?", {{"_include", "Observation:performer:Practitioner"}}),
              ElementsAre());
  EXPECT_THAT(brought("Patient?", {{"_revinclude", "Observation:subject"}}),
              UnorderedElementsAre("Observation/1", "Observation/2", "Observation/4"));
  EXPECT_THAT(brought("Patient?_id=b", {{"_revinclude", "Observation:patient"}}),
              ElementsAre("Observation/2"));
  EXPECT_THAT(brought("Patient?_id=nosuch", {{"_revinclude", "Observation:patient"}}),
              ElementsAre());
  EXPECT_THAT(brought("Patient?_id=a", {{"_include", "Patient:organization"}}),
              ElementsAre("Organization/o"))
      << "absolute and versioned";
}

TEST_F(IncludeTest, OnlyIterateGoesOnFromWhatWasBrought) {
  EXPECT_THAT(brought("Patient?_id=a", {{"_revinclude", "Observation:patient"},
                                        {"_include", "Patient:organization"}}),
              UnorderedElementsAre("Observation/1", "Observation/4", "Organization/o"));
  EXPECT_THAT(brought("Patient?_id=a", {{"_include", "Patient:organization"},
                                        {"_include:iterate", "Organization:partof"}}),
              UnorderedElementsAre("Organization/o", "Organization/top"))
      << "a circle ends";
  EXPECT_THAT(brought("Organization?_id=o", {{"_revinclude:iterate", "Organization:partof"}}),
              ElementsAre("Organization/top"))
      << "matches are not included";
}

TEST_F(IncludeTest, BeyondTheLimitsThereIsNothing) {
  const std::vector<std::pair<std::string, std::string>> all = {
      {"_revinclude", "Observation:subject"}};
  EXPECT_THAT(brought("Patient?", all, {3, 1 << 20}), testing::SizeIs(3));
  EXPECT_THAT(brought("Patient?", all, {2, 1 << 20}), ElementsAre("too much"));
  EXPECT_THAT(brought("Patient?", all, {3, 200}), ElementsAre("too much"));
}

// R-01: each of many includes may be short.
TEST_F(IncludeTest, TheyEndInTime_R01) {
  const Bounds passed{.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1)};
  const auto as_of = store_->last_commit();
  const auto matches = find(*store_, query("Patient?", as_of), as_of.sequence, 100).value();
  for (const auto& [name, value] :
       {std::pair{"_include", "Patient:organization"}, {"_revinclude", "Observation:subject"}}) {
    const auto include = parse_include(type_of("Patient"), name, value).value();
    EXPECT_EQ(included(*store_, as_of.sequence, matches, {include}, "", {100, 1 << 20}, passed)
                  .error()
                  .kind,
              ErrorKind::kTimeout)
        << name;
  }
}

}  // namespace
}  // namespace sluice::query
