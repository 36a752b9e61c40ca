// Chained parameters and _has (Q-05), with other resources from a map.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "searching.h"

namespace sluice::search {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class MapResolver final : public Resolver {
 public:
  Result<void> look() override {
    if (--looks_left == 0) return Error{ErrorKind::kTimeout, "enough"};
    return {};
  }
  Result<void> each(fhir::ResourceType type, const Visit& visit) override {
    ++passes;
    for (const auto& [id, json] : resources[std::string(fhir::type_name(type))])
      SLUICE_RETURN_IF_ERROR(visit(id, json));
    return {};
  }
  std::map<std::string, std::map<std::string, std::string>> resources;
  int passes = 0;
  int looks_left = -1;  // -1: any number
};

class Chain : public testing::Test {
 protected:
  Chain() {
    resolver_.resources["Patient"] = {{"1", R"({"id":"1","gender":"male","birthDate":"1970"})"},
                                      {"2", R"({"id":"2","gender":"female"})"}};
    resolver_.resources["Group"] = {{"1", R"({"id":"1","type":"person"})"}};
    resolver_.resources["Observation"] = {
        {"a", R"({"id":"a","code":{"coding":[{"code":"x"}]},"subject":{"reference":"Patient/1"}})"},
        {"b", R"({"id":"b","code":{"coding":[{"code":"x"}]},"subject":{"reference":"Group/2"}})"},
        {"c",
         R"({"id":"c","code":{"coding":[{"code":"y"}]},"subject":{"reference":"Patient/2"}})"}};
  }

  bool matches(std::string_view query, std::string_view resource) {
    const auto resolved = compile(query).value().resolved(resolver_).value();
    EXPECT_FALSE(resolved.needs_resolver());
    Matcher matcher;
    return matcher.matches(resolved, resource).value();
  }

  MapResolver resolver_;
};

constexpr std::string_view kOfMan = R"({"subject":{"reference":"Patient/1"}})";
constexpr std::string_view kOfWoman = R"({"subject":{"reference":"Patient/2/_history/4"}})";
constexpr std::string_view kOfGroup = R"({"subject":{"reference":"Group/1"}})";

// R-01: what a chain leads to may be one resource of megabytes.
TEST_F(Chain, TheSearchEndsWithinTheComparisonOfOneResource_R01) {
  std::string values = "n0";
  for (int i = 1; i < 100; ++i) values += ",n" + std::to_string(i);
  resolver_.resources["Patient"]["1"] =
      R"({"id":"1","name":[{"family":")" + std::string(1u << 20, 'a') + R"("}]})";
  for (const std::string query : {"Condition?patient.name:contains=",
                                  "Organization?_has:Patient:organization:name:contains="}) {
    SCOPED_TRACE(query);
    resolver_.looks_left = 3;
    const auto resolved = compile(query + values).value().resolved(resolver_);
    ASSERT_FALSE(resolved);
    EXPECT_EQ(resolved.error().kind, ErrorKind::kTimeout);
  }
}

TEST_F(Chain, AParameterOfTheResourceReferredToDecides_Q05) {
  EXPECT_TRUE(matches("Condition?patient.gender=male", kOfMan));
  EXPECT_FALSE(matches("Condition?patient.gender=male", kOfWoman));
  EXPECT_TRUE(matches("Condition?patient.gender=female", kOfWoman));
  EXPECT_TRUE(matches("Condition?subject:Patient.birthdate=lt1980", kOfMan));
  EXPECT_FALSE(matches("Condition?subject:Patient.birthdate=lt1980", kOfWoman));
  EXPECT_TRUE(matches("Condition?subject:Patient.gender:not=male", kOfWoman));
  EXPECT_FALSE(matches("Condition?subject:Patient.gender=male", kOfGroup))
      << "Group/1, not Patient/1";
  EXPECT_TRUE(matches("Condition?subject.type=person", kOfGroup)) << "only Group has type";
}

TEST_F(Chain, HasLooksAtWhatRefersToTheResource_Q05) {
  EXPECT_TRUE(matches("Patient?_has:Observation:patient:code=x", R"({"id":"1"})"));
  EXPECT_FALSE(matches("Patient?_has:Observation:patient:code=x", R"({"id":"2"})"));
  EXPECT_TRUE(matches("Group?_has:Observation:subject:code=x", R"({"id":"2"})"));
  EXPECT_TRUE(matches("Patient?_has:Observation:subject:code=y", R"({"id":"2"})"));
  EXPECT_FALSE(matches("Patient?_has:Observation:patient:code=z", R"({"id":"1"})"));
}

TEST_F(Chain, TheOtherTypeIsReadOnceHoweverManyResourcesAreMatched_Q05) {
  const auto query = compile("Condition?patient.gender=male").value().resolved(resolver_).value();
  Matcher matcher;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(matcher.matches(query, kOfMan).value());
  EXPECT_EQ(resolver_.passes, 1);
}

TEST_F(Chain, AQueryTellsWhichOtherTypesItReads) {
  const auto names = [](const Query& query) {
    std::vector<std::string_view> found;
    for (const auto type : query.other_types()) found.push_back(fhir::type_name(type));
    return found;
  };
  EXPECT_THAT(names(compile("Condition?patient.gender=male&code=x").value()),
              ElementsAre("Patient"));
  EXPECT_THAT(names(compile("Patient?_has:Observation:patient:code=x").value()),
              ElementsAre("Observation"));
  EXPECT_THAT(names(compile("Condition?code=x").value()), ElementsAre());
}

TEST_F(Chain, UsedUnresolvedItIsAnError) {
  Matcher matcher;
  const auto query = compile("Condition?patient.gender=male").value();
  EXPECT_TRUE(query.needs_resolver());
  EXPECT_EQ(matcher.matches(query, kOfMan).error().kind, ErrorKind::kInternal);
}

TEST_F(Chain, WhatCannotBeFollowedIsRefused_Q05) {
  EXPECT_THAT(refusal("Condition?patient.organization.name=x"),
              HasSubstr("more than one reference"));
  EXPECT_THAT(refusal("Condition?patient._has:Observation:patient:code=x"),
              HasSubstr("more than one reference"));
  EXPECT_THAT(refusal("Condition?code.text=x"), HasSubstr("is no reference"));
  EXPECT_THAT(refusal("Condition?patient.nosuch=x"), HasSubstr("no search parameter 'nosuch'"));
  EXPECT_THAT(refusal("Condition?subject:Device.type=x"), HasSubstr("does not refer to Device"));
  EXPECT_THAT(refusal("Condition?subject:Nosuch.type=x"), HasSubstr("'Nosuch'"));
  EXPECT_THAT(refusal("Provenance?target._id=x"), HasSubstr("name one"));
  EXPECT_THAT(refusal("Patient?_has:Observation:code:code=x"), HasSubstr("no reference parameter"));
  EXPECT_THAT(refusal("Patient?_has:Observation:patient=x"), HasSubstr("_has:Type:reference"));
  EXPECT_THAT(refusal("Patient?_has:Nosuch:patient:code=x"), HasSubstr("'Nosuch'"));
  EXPECT_THAT(refusal("Device?_has:Observation:patient:code=x"),
              HasSubstr("does not refer to Device"));
}

TEST_F(Chain, TheIdsOfAllChainsTogetherAreBounded_R01) {
  const auto resolved = [&](std::string_view text, std::size_t ids_max) {
    IdBudget budget(ids_max);
    const auto query = compile(text).value().resolved(resolver_, budget);
    return query ? "resolved" : query.error().message;
  };
  constexpr std::string_view kTwoIds = "Condition?patient.gender=male,female";
  EXPECT_EQ(resolved(kTwoIds, 2), "resolved");
  EXPECT_EQ(resolved(kTwoIds, 1),
            "the search parameter 'patient' and others go through more than 1 resources");
  constexpr std::string_view kThreeIds =
      "Condition?patient.gender=male,female&subject:Patient.gender=male";
  EXPECT_EQ(resolved(kThreeIds, 3), "resolved");
  EXPECT_EQ(resolved(kThreeIds, 2),
            "the search parameter 'subject' and others go through more than 2 resources");
  EXPECT_EQ(resolved("Patient?_has:Observation:subject:code=x,y", 1),
            "the search parameter '_has' and others go through more than 1 resources");
}

}  // namespace
}  // namespace sluice::search
