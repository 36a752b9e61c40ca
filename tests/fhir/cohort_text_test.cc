// G-03: the text of Groups that are defined by filters.
#include "fhir/cohort_text.h"

#include <gtest/gtest.h>

#include "fhir/group_members.h"
#include "fhir/resource_reader.h"

namespace sluice::fhir {
namespace {

constexpr std::string_view kFilter =
    R"({"url":"http://hl7.org/fhir/uv/bulkdata/StructureDefinition/member-filter",)"
    R"("valueExpression":{"language":"application/x-fhir-query","expression":"Patient?gender=female"}})";
const Instant kWhen = parse_fhir_instant("2026-11-24T10:00:00Z").value();
constexpr std::string_view kRefreshed =
    R"({"url":"http://hl7.org/fhir/uv/bulkdata/StructureDefinition/members-refreshed",)"
    R"("valueDateTime":"2026-11-24T10:00:00.000Z"})";

std::string group(std::string_view more) {
  return R"({"resourceType":"Group","id":"g","type":"person")" + std::string(more) + "}";
}
std::string cohort(std::string_view more = "") {
  return group(R"(,"modifierExtension":[)" + std::string(kFilter) + "]" + std::string(more));
}

TEST(CohortText, OnlyAMemberFilterMakesACohort) {
  EXPECT_FALSE(*read_cohort_text(group("")));
  EXPECT_FALSE(*read_cohort_text(group(R"(,"extension":[)" + std::string(kFilter) + "]")));
  const auto text = *read_cohort_text(cohort(R"(,"name":"n","actual":false)"));
  ASSERT_TRUE(text);
  ASSERT_EQ(text->filters.size(), 1u);
  EXPECT_EQ(text->filters[0].expression, "Patient?gender=female");
  EXPECT_EQ(text->type, "person");
  EXPECT_TRUE(text->has_name);
  EXPECT_FALSE(text->has_members);
  EXPECT_EQ(text->actual, false);
}

TEST(CohortText, AnEscapedLetterHidesNothing) {
  std::string text = cohort();
  text.replace(text.find("member-filter"), 1, R"(\u006d)");
  EXPECT_TRUE(*read_cohort_text(text));
}

// G-03: a misspelt member-filter must not leave a plain Group.
TEST(CohortText, AModifierThatIsNotKnownIsRefused) {
  const std::string other = R"({"url":"urn:other"})";
  for (const auto& more :
       {R"("modifierExtension":[)" + std::string(kFilter) + "," + other + "]",
        R"("modifierExtension":[)" + other + "]", R"("modif\u0069erExtension":[)" + other + "]",
        std::string(R"("modifierExtension":{"url":"urn:other"})"),
        R"("modifierExtension":[)" + std::string(kFilter) +
            R"(],"member":[{},{"modifierExtension":[)" + other + "]}]",
        R"("member":[{"modifierExtension":[)" + std::string(kFilter) + "]}]",
        R"("characteristic":[{"modifierExtension":[)" + other + "]}]"}) {
    const auto text = read_cohort_text(group("," + more));
    ASSERT_FALSE(text) << more;
    EXPECT_EQ(text.error().kind, ErrorKind::kUnprocessable) << more;
    EXPECT_NE(text.error().message.find("modifierExtension"), std::string::npos);
  }
  EXPECT_FALSE(*read_cohort_text(group(R"(,"modifierExtension":[],"name":"a\\b")")));
}

TEST(CohortText, AnEmptyListOfMembersIsOne) {
  EXPECT_TRUE((*read_cohort_text(cohort(R"(,"member":[])")))->has_members);
}

TEST(CohortText, TheServerSaysWhenAndHowMany) {
  const auto once = with_refreshed(cohort(R"(,"x":1.50)"), Refreshed{kWhen, 7}).value();
  EXPECT_EQ(once,
            cohort(R"(,"x":1.50,"quantity":7,"extension":[)" + std::string(kRefreshed) + "]"));
  EXPECT_EQ(with_refreshed(once, Refreshed{kWhen, 8}).value(),
            cohort(R"(,"x":1.50,"quantity":8,"extension":[)" + std::string(kRefreshed) + "]"));
  const std::string other = R"({"url":"urn:other"})";
  const auto both =
      with_refreshed(cohort(R"(,"extension":[)" + std::string(kRefreshed) + "," + other + "]"),
                     Refreshed{kWhen, 1});
  EXPECT_EQ(*both,
            cohort(R"(,"quantity":1,"extension":[)" + other + "," + std::string(kRefreshed) + "]"));
  // What an earlier evaluation said goes; a quantity without one is the client's.
  EXPECT_EQ(with_refreshed(once, std::nullopt).value(), cohort(R"(,"x":1.50)"));
  EXPECT_EQ(with_refreshed(cohort(R"(,"quantity":3)"), std::nullopt).value(),
            cohort(R"(,"quantity":3)"));
}

TEST(CohortText, WhoTheFiltersChooseIsPendingUntilItIsKnown) {
  const auto read =
      ResourceReader().read(cohort(R"(,"member":[{"entity":{"reference":"Patient/a"}}])")).value();
  EncodedMembers entries(read.members);
  const auto entry = entries.next();
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->key.substr(0, 2), "\xff\xfe");
  EXPECT_FALSE(entries.next());
  EXPECT_EQ(read_group_members(read.content, kWhen)->subjects, std::vector<std::string>{"a"});
}

TEST(CohortText, FoundMembersAreEncoded) {
  const std::string members = encode_members(types::kPatient, {"a", "b"});
  JsonTokens tokens;
  ASSERT_TRUE(tokens.read(group(R"(,"member":[{"entity":{"reference":"Patient/b"}},)"
                                R"({"entity":{"reference":"Patient/a"}}])")));
  EXPECT_EQ(members, encode_members(tokens, {}));
}

// A-06
TEST(CohortText, LimitsAreWhatTheServerSays) {
  const std::string text =
      R"({"resourceType":"Group","extension":[{"url":"urn:x","valueCode":"y"},{"url":"urn:sluice:cohort\u002dlimit","extension":[{"url":"type","valueCode":"Patient"}]}],"modifierExtension":[{"url":"http://hl7.org/fhir/uv/bulkdata/StructureDefinition/member-filter"}]})";
  const auto stated = read_cohort_text(text).value().value().limits;
  ASSERT_EQ(stated.size(), 1u);
  EXPECT_EQ(stated[0].type, "Patient");
  EXPECT_TRUE(stated[0].queries.empty());
  const auto made = with_limits(text, {{"Observation", {"category=a", "status=b"}}}).value();
  EXPECT_EQ(made.find("Patient"), std::string::npos);
  EXPECT_NE(made.find("urn:x"), std::string::npos);
  const auto limits = read_cohort_text(made).value().value().limits;
  ASSERT_EQ(limits.size(), 1u);
  EXPECT_EQ(limits[0].type, "Observation");
  EXPECT_EQ(limits[0].queries, (std::vector<std::string>{"category=a", "status=b"}));
  EXPECT_EQ(with_limits(made, limits).value().size(), made.size());
  EXPECT_TRUE(read_cohort_text(with_limits(made, {}).value()).value().value().limits.empty());
}

}  // namespace
}  // namespace sluice::fhir
