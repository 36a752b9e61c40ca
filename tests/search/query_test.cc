// What is refused and how (nothing is ignored), and what a query says of itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "searching.h"

namespace sluice::search {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Query, WhatIsNotKnownIsNamed) {
  EXPECT_EQ(refusal("Patient?nosuch=1"), "Patient has no search parameter 'nosuch'");
  EXPECT_EQ(refusal("Patient?code=1"), "Patient has no search parameter 'code'");
  EXPECT_EQ(refusal("Patient?Gender=male"), "Patient has no search parameter 'Gender'");
  EXPECT_EQ(refusal("Patient?_text=x"), "the search parameter '_text' is not supported");
  EXPECT_EQ(refusal("Location?near=1|2"), "the search parameter 'near' is not supported");
  EXPECT_THAT(refusal("Patient?gender:nosuch=male"), HasSubstr("unknown modifier ':nosuch'"));
  EXPECT_THAT(refusal("Patient?gender:=male"), HasSubstr("empty modifier"));
  EXPECT_THAT(refusal("Patient?birthdate:exact=2000"), HasSubstr("':exact'"));
  EXPECT_THAT(refusal("Patient?gender:missing=1"), HasSubstr("'1' is neither true nor false"));
}

TEST(Query, ModifiersThatNeedTerminologyAreRefused_Q04) {
  for (const char* modifier : {"in", "not-in", "above", "below", "of-type"})
    EXPECT_THAT(refusal("Condition?code:" + std::string(modifier) + "=http://v.example"),
                HasSubstr("the modifier ':" + std::string(modifier) + "'"));
  EXPECT_THAT(refusal("ValueSet?url:below=http://v.example"), HasSubstr("':below'"));
}

TEST(Query, ResultParametersAreNoFilter_P05) {
  for (const char* name : {"_sort", "_count", "_include", "_revinclude:iterate", "_elements",
                           "_summary", "_total", "_format", "_contained"})
    EXPECT_THAT(refusal("Patient?" + std::string(name) + "=x"),
                HasSubstr("says how results are shown"));
}

TEST(Query, AQueryStringIsDecodedOnce) {
  const auto parameters = parse_query_string("?a=b+c&d%5D=%25x&e&f=g=h");
  ASSERT_TRUE(parameters);
  EXPECT_THAT(*parameters, ElementsAre(testing::Pair("a", "b c"), testing::Pair("d]", "%x"),
                                       testing::Pair("e", ""), testing::Pair("f", "g=h")));
  EXPECT_FALSE(parse_query_string("a=%4"));
  EXPECT_FALSE(parse_query_string("a=%zz"));
  EXPECT_FALSE(parse_query_string("=b"));
  EXPECT_FALSE(parse_query_string("a=%ff")) << "R-03: it would be no UTF-8 in what is stored";
  EXPECT_FALSE(parse_query_string("a%c3=b"));
}

TEST(Query, NoParametersMatchEverything) {
  EXPECT_TRUE(compile("Patient?").value().matches_everything());
  EXPECT_EQ(search("Patient?", "{}"), "match");
}

TEST(Query, SomeOfSeveralQueriesIsEnough_P05) {
  const std::vector<Query> queries = {compile("Patient?gender=male").value(),
                                      compile("Patient?active=true").value()};
  Matcher matcher;
  EXPECT_TRUE(matcher.matches_any(queries, R"({"gender":"male"})").value());
  EXPECT_TRUE(matcher.matches_any(queries, R"({"active":true})").value());
  EXPECT_FALSE(matcher.matches_any(queries, R"({"active":false})").value());
  EXPECT_FALSE(matcher.matches_any({}, R"({"active":false})").value());
}

TEST(Query, TellsTheIdsAndPatientsItIsLimitedTo) {
  EXPECT_THAT(*compile("Patient?_id=b,a&gender=male").value().ids(), ElementsAre("a", "b"));
  EXPECT_FALSE(compile("Patient?_id:not=b").value().ids());
  EXPECT_THAT(*compile("Observation?patient=p2,Patient/p1").value().patients(),
              ElementsAre("p1", "p2"));
  EXPECT_THAT(*compile("Observation?subject=Patient/p1").value().patients(), ElementsAre("p1"));
  EXPECT_THAT(*compile("Observation?subject:Patient=p1").value().patients(), ElementsAre("p1"));
  EXPECT_FALSE(compile("Observation?subject=p1").value().patients()) << "may be a Device";
  EXPECT_FALSE(compile("Observation?subject=Group/p1").value().patients());
  EXPECT_FALSE(compile("Observation?patient:missing=true").value().patients());
  EXPECT_FALSE(compile("Group?member=Patient/p1").value().patients()) << "in no compartment";
  EXPECT_FALSE(compile("Patient?general-practitioner=Practitioner/1").value().patients());
}

}  // namespace
}  // namespace sluice::search
