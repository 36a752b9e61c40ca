// Conditional references, conditions of Bundles and histories in a load (docs/decisions/0032).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bulk/load/load.h"
#include "load_fixture.h"

namespace sluice::bulk {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::StartsWith;
using testing::UnorderedElementsAre;

std::string practitioner(std::string_view id, std::string_view number) {
  return R"({"resourceType":"Practitioner","id":")" + std::string(id) +
         R"(","identifier":[{"system":"http://npi","value":")" + std::string(number) + "\"}]}";
}

std::string encounter(std::string_view id, std::string_view reference) {
  return R"({"resourceType":"Encounter","id":")" + std::string(id) +
         R"(","status":"finished","class":{"code":"AMB"},"participant":[{"individual":{"reference":")" +
         std::string(reference) + R"("}}]})";
}

std::string by_number(std::string_view number) {
  return "Practitioner?identifier=http://npi|" + std::string(number);
}

std::string reference(std::string_view text) {
  return R"({"reference":")" + std::string(text) + "\"}";
}

TEST_F(LoadTest, ConditionalReferencesFindTheStoreAndTheInputInWhateverOrder) {  // I-01, I-02
  load({file("0.ndjson", practitioner("stored", "1"))});
  const std::vector<std::string> paths{
      file("1.ndjson", encounter("e1", by_number("1")) + "\n" + encounter("e2", by_number("2")) +
                           "\n" + practitioner("p2", "2") + "\n"),
      file("2.ndjson", practitioner("p3", "3")),
      file("3.ndjson",
           encounter("e3", by_number("3")) + "\n" + encounter("e4", "Practitioner?identifier=2"))};
  const auto summary = load(paths);
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_THAT(json("Encounter", "e1"), HasSubstr(reference("Practitioner/stored")));
  EXPECT_THAT(json("Encounter", "e2"), HasSubstr(reference("Practitioner/p2")));
  EXPECT_THAT(json("Encounter", "e3"), HasSubstr(reference("Practitioner/p3")));
  EXPECT_THAT(json("Encounter", "e4"), HasSubstr(reference("Practitioner/p2")));
  EXPECT_EQ(summary.references, 4u);
  EXPECT_EQ(summary.passes, 1u);
  EXPECT_EQ(summary.types.at("Encounter").created, 4u);
  // And again it changes nothing.
  const auto before = versions();
  const auto again = load(paths);
  EXPECT_EQ(again.types.at("Encounter").unchanged, 4u);
  EXPECT_EQ(versions(), before);
}

TEST_F(LoadTest, ThousandsOfConditionalReferencesCostOnePassOfEachType) {
  std::string lines;
  for (int i = 0; i < 3000; ++i) {
    const auto number = std::to_string(i);
    lines += encounter("e" + number, by_number(number)) + "\n" +
             practitioner("p" + number, number) + "\n" + R"({"resourceType":"Patient","id":"a)" +
             number + R"(","managingOrganization":{"reference":"Organization?identifier=o"}})" +
             "\n";
  }
  lines += R"({"resourceType":"Organization","id":"o","identifier":[{"value":"o"}],"name":"O"})";
  const auto summary = load({file("a.ndjson", lines)});
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(summary.references, 6000u);
  EXPECT_EQ(summary.passes, 2u);
  EXPECT_THAT(json("Encounter", "e2718"), HasSubstr(reference("Practitioner/p2718")));
  EXPECT_THAT(json("Patient", "a2999"), HasSubstr(reference("Organization/o")));
}

TEST_F(LoadTest, AConditionalReferenceThatDoesNotFindExactlyOneIsAProblem) {
  const auto people = file("1.ndjson", practitioner("p1", "1") + "\n" + practitioner("p2", "1"));
  const auto path = file("2.ndjson", encounter("none", by_number("s3cret")) + "\n" +
                                         encounter("two", by_number("1")) + "\n" +
                                         encounter("bad", "Practitioner?colour=s3cret") + "\n" +
                                         encounter("empty", "Practitioner?") + "\n" + patient("p"));
  load({people, path});
  EXPECT_THAT(
      problems(),
      ElementsAre("2.ndjson:4: Encounter.participant.individual.reference is neither a URL nor "
                  "a Type/id of R4 nor a #id",
                  "2.ndjson:1: a conditional reference: "
                  "Practitioner?identifier=http://npi|... finds nothing",
                  "2.ndjson:2: a conditional reference: "
                  "Practitioner?identifier=http://npi|... finds more than one resource",
                  "2.ndjson:3: a conditional reference: the condition is no search of "
                  "Practitioner that is supported"));
  EXPECT_EQ(json("Encounter", "none"), "none");
  EXPECT_TRUE(record("Patient", "p"));
  // Leniently they stay as they are.
  options_.leniency = fhir::Leniency::kLenient;
  load({path});
  ASSERT_EQ(problems_.size(), 4u);
  for (const auto& each : problems_) EXPECT_TRUE(each.is_loaded);
  EXPECT_THAT(json("Encounter", "none"), HasSubstr(by_number("s3cret")));
}

TEST_F(LoadTest, StrictlyWhatHasConditionalReferencesIsLoadedWholeOrNotAtAll) {
  options_.strict = true;
  const auto summary =
      load({file("1.ndjson", practitioner("p1", "1") + "\n" + encounter("e1", by_number("1")) +
                                 "\n" + encounter("e2", by_number("2")))});
  EXPECT_TRUE(summary.stopped_by_problem);
  EXPECT_EQ(problems_.size(), 1u);
  EXPECT_THAT(versions(), ElementsAre(Pair("Practitioner/p1", 1)));
}

TEST_F(LoadTest, ConditionsAreAnySearch) {
  std::string lines = practitioner("p1", "1") + "\n" + practitioner("p2", "2") + "\n";
  const std::string queries[] = {"Practitioner?identifier=http://npi|7,http://npi|2",
                                 "Practitioner?_id=p2", "Practitioner?identifier=%32",
                                 "Practitioner?identifier=http://npi|2&identifier=2",
                                 "Practitioner?identifier:not=http://npi|1"};
  for (std::size_t i = 0; i < std::size(queries); ++i)
    lines += encounter("e" + std::to_string(i), queries[i]) + "\n";
  EXPECT_EQ(load({file("a.ndjson", lines)}).passes, 1u);
  EXPECT_THAT(problems(), IsEmpty());
  for (std::size_t i = 0; i < std::size(queries); ++i)
    EXPECT_THAT(json("Encounter", "e" + std::to_string(i)), HasSubstr(reference("Practitioner/p2")))
        << queries[i];
}

TEST_F(LoadTest, ConditionsSeeUpdatesThatAreHeldBackAndResourcesThatWait) {
  load({file("0.ndjson", practitioner("p", "old"))});
  load({file("1.ndjson",
             encounter("new", by_number("new")) + "\n" + encounter("old", by_number("old")) + "\n" +
                 practitioner("p", "new") + "\n" +
                 R"({"resourceType":"PractitionerRole","id":"r","identifier":[{"value":"role"}],)" +
                 R"("practitioner":)" + reference(by_number("new")) + "}\n" +
                 encounter("role", "PractitionerRole?identifier=role"))});
  EXPECT_THAT(problems(), ElementsAre(StartsWith("1.ndjson:2: ")));
  EXPECT_THAT(json("Encounter", "new"), HasSubstr(reference("Practitioner/p")));
  EXPECT_THAT(json("Encounter", "role"), HasSubstr(reference("PractitionerRole/r")));
  EXPECT_THAT(json("PractitionerRole", "r"), HasSubstr(reference("Practitioner/p")));
}

TEST_F(LoadTest, OfDuplicatesTheLastCountsAlsoWhenSomeWait) {  // I-01
  const auto path = file(
      "a.ndjson", practitioner("p", "1") + "\n" + encounter("a", by_number("1")) + "\n" +
                      encounter("a", "Practitioner/last") + "\n" +
                      encounter("b", "Practitioner/first") + "\n" + encounter("b", by_number("1")));
  EXPECT_EQ(load({path}).superseded, 1u);
  EXPECT_THAT(json("Encounter", "a"), HasSubstr(reference("Practitioner/last")));
  EXPECT_THAT(json("Encounter", "b"), HasSubstr(reference("Practitioner/p")));
  const auto before = versions();
  load({path});
  EXPECT_EQ(versions(), before);
}

std::string organization_entry(std::string_view uuid, std::string_view number) {
  return R"({"fullUrl":"urn:uuid:)" + std::string(uuid) +
         R"(","resource":{"resourceType":"Organization","identifier":[{"system":"http://i","value":")" +
         std::string(number) +
         R"("}],"name":"One"},"request":{"method":"POST","url":"Organization","ifNoneExist":)" +
         R"("identifier=http://i|)" + std::string(number) + R"("}})";
}

std::string patient_entry(std::string_view id, std::string_view organization) {
  return R"({"resource":{"resourceType":"Patient","id":")" + std::string(id) +
         R"(","managingOrganization":{"reference":"urn:uuid:)" + std::string(organization) +
         R"("}},"request":{"method":"PUT","url":"Patient/)" + std::string(id) + R"("}})";
}

TEST_F(LoadTest, IfNoneExistMakesOneResourceOfManyBundlesAndLinksAllToIt) {  // I-01, I-02
  const auto one =
      bundle("transaction", organization_entry("o1", "1") + "," + patient_entry("p1", "o1"));
  const auto two = bundle("batch", patient_entry("p2", "o2") + "," + organization_entry("o2", "1"));
  const auto line = file("1.ndjson", one + "\n" + two + "\n");
  EXPECT_EQ(load({line}).types.at("Organization").created, 1u);
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_THAT(json("Patient", "p1"), HasSubstr(reference("Organization/o1")));
  EXPECT_THAT(json("Patient", "p2"), HasSubstr(reference("Organization/o1")));
  const auto before = versions();
  EXPECT_THAT(before, UnorderedElementsAre(Pair("Organization/o1", 1), Pair("Patient/p1", 1),
                                           Pair("Patient/p2", 1)));
  load({line});
  EXPECT_EQ(versions(), before);
  // And one of another day finds it too.
  const auto later =
      load({file("2.json", bundle("transaction", organization_entry("o3", "1") + "," +
                                                     patient_entry("p3", "o3")))});
  EXPECT_EQ(later.types.at("Organization").unchanged, 1u);
  EXPECT_THAT(json("Patient", "p3"), HasSubstr(reference("Organization/o1")));
}

TEST_F(LoadTest, IfNoneExistFindsWhatTheInputHasOtherwise) {
  load({file(
      "1.ndjson",
      bundle("transaction", organization_entry("o1", "1") + "," + patient_entry("p1", "o1")) +
          "\n" +
          R"({"resourceType":"Organization","id":"x","identifier":[{"system":"http://i","value":"1"}],)" +
          R"("name":"X"})")});
  EXPECT_THAT(json("Patient", "p1"), HasSubstr(reference("Organization/x")));
  EXPECT_EQ(json("Organization", "o1"), "none");
}

TEST_F(LoadTest, AConditionThatFindsSeveralIsAProblemOfItsEntry) {
  load({file("0.ndjson", practitioner("p1", "1") + "\n" + practitioner("p2", "1"))});
  load({file(
      "1.json",
      bundle(
          "transaction",
          R"({"resource":)" + practitioner("p3", "1") +
              R"(,"request":{"method":"POST","url":"Practitioner","ifNoneExist":"identifier=1"}})"))});
  EXPECT_THAT(
      problems(),
      ElementsAre("1.json:1: entry 0: Practitioner?identifier=... finds more than one resource"));
}

TEST_F(LoadTest, AConditionalUpdateReplacesWhatItFindsOrMakesOne) {
  load({file("0.ndjson", practitioner("p1", "1"))});
  const auto path = file(
      "1.json",
      bundle(
          "transaction",
          R"({"fullUrl":"urn:uuid:a","resource":{"resourceType":"Practitioner","active":true,"identifier":)"
          R"([{"system":"http://npi","value":"1"}]},"request":{"method":"PUT","url":"Practitioner?identifier=1"}},)"
          R"({"fullUrl":"urn:uuid:b","resource":{"resourceType":"Practitioner","identifier":)"
          R"([{"system":"http://npi","value":"2"}]},"request":{"method":"PUT","url":"Practitioner?identifier=2"}},)"
          R"({"resource":)" +
              encounter("e", "urn:uuid:a") + "}"));
  load({path});
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_THAT(versions(), UnorderedElementsAre(Pair("Practitioner/p1", 2),
                                               Pair("Practitioner/b", 1), Pair("Encounter/e", 1)));
  EXPECT_THAT(json("Practitioner", "p1"), HasSubstr("\"active\":true"));
  EXPECT_THAT(json("Encounter", "e"), HasSubstr(reference("Practitioner/p1")));
  const auto before = versions();
  load({path});
  EXPECT_EQ(versions(), before);
}

TEST_F(LoadTest, AHistoryBringsTheNewestVersionsAndTakesAwayWhatIsDeleted) {
  load({file("0.ndjson", patient("gone") + "\n" + patient("stays"))});
  const auto path = file(
      "1.json",
      bundle("history",
             R"({"fullUrl":"http://x/fhir/Patient/gone","request":{"method":"DELETE","url":)"
             R"("Patient/gone"},"response":{"status":"204"}},{"resource":)" +
                 patient("h", "female") + R"(,"request":{"method":"PUT","url":"Patient/h"}},)" +
                 R"({"request":{"method":"DELETE","url":"Patient/never"}},{"resource":)" +
                 patient("h", "male") + R"(,"request":{"method":"POST","url":"Patient"}})"));
  const auto summary = load({path});
  EXPECT_THAT(versions(), UnorderedElementsAre(Pair("Patient/stays", 1), Pair("Patient/h", 1)));
  EXPECT_EQ(summary.types.at("Patient").deleted, 1u);
  EXPECT_EQ(summary.superseded, 1u);
  const auto sequence = store_->last_commit().sequence;
  EXPECT_EQ(load({path}).types.at("Patient").deleted, 0u);
  EXPECT_THAT(versions(), UnorderedElementsAre(Pair("Patient/stays", 1), Pair("Patient/h", 1)));
  EXPECT_GE(store_->last_commit().sequence, sequence);
}

TEST_F(LoadTest, TooManyDifferentConditionsAreProblemsNotMemory) {  // R-01
  options_.conditions = {.text_size = 100, .queries = 1};
  load({file("a.ndjson", practitioner("p", "1") + "\n" + encounter("a", "Practitioner?_id=p") +
                             "\n" + encounter("b", "Practitioner?_id=q") + "\n" +
                             encounter("c", by_number("1")) + "\n" +
                             encounter("d", by_number(std::string(100, '2'))) + "\n" +
                             encounter("e", by_number("1")))});
  EXPECT_THAT(
      problems(),
      ElementsAre("a.ndjson:3: a conditional reference: there are more than 1 different conditions "
                  "other than identifier=... in one load",
                  "a.ndjson:5: a conditional reference: there are too many different conditions in "
                  "one load"));
  EXPECT_EQ(versions().size(), 4u);
}

}  // namespace
}  // namespace sluice::bulk
