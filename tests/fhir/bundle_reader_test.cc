#include "fhir/bundle_reader.h"

#include <gtest/gtest.h>

namespace sluice::fhir {
namespace {

std::vector<BundleEntry> entries(std::string_view json) {
  auto read = read_bundle(json);
  if (!read) {
    ADD_FAILURE() << read.error().message;
    return {};
  }
  return std::move(read->entries);
}

std::string message_of(std::string_view json) {
  const auto read = read_bundle(json);
  if (read) return "";
  EXPECT_EQ(read.error().kind, ErrorKind::kInvalid);
  return read.error().message;
}

std::string bundle_of(std::string_view entry) {
  return R"({"resourceType":"Bundle","type":"collection","entry":[)" + std::string(entry) + "]}";
}

TEST(BundleReader, GivesEachResourceWithItsPlace) {
  const auto read = entries(bundle_of(
      R"({"resource":{"resourceType":"Patient","id":"1"}},{"fullUrl":"http://x"},)"
      R"({"search":{"mode":"match"},"resource":{"resourceType":"Basic","id":"2","n":[{}]}})"));
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].index, 0u);
  EXPECT_EQ(read[0].json, R"({"resourceType":"Patient","id":"1"})");
  EXPECT_EQ(read[1].index, 2u);
  EXPECT_EQ(read[1].json, R"({"resourceType":"Basic","id":"2","n":[{}]})");
  EXPECT_EQ(read[1].id_if_missing, "");
}

TEST(BundleReader, ABundleWithoutEntriesIsEmpty) {
  EXPECT_TRUE(entries(R"({"resourceType":"Bundle"})").empty());
  EXPECT_TRUE(entries(R"({"entry":[],"resourceType":"Bundle"})").empty());
}

// I-02: urn:uuid references are resolved.
TEST(BundleReader, ReferencesToFullUrlsBecomeTypeAndId) {
  const auto read = entries(bundle_of(R"(
    {"fullUrl":"urn:uuid:aa","resource":{"resourceType":"Patient","id":"p1"}},
    {"fullUrl":"urn:oid:1.2.3","resource":{"resourceType":"Organization","id":"o1"}},
    {"fullUrl":"urn:uuid:bb","resource":{"resourceType":"Observation","id":"1",
      "subject":{"reference":"urn:uuid:aa","display":"urn:uuid:aa"},
      "performer":[{"reference" : "urn:oid:1.2.3"},{"reference":"urn:uuid:zz"}],
      "focus":[{"reference":"urn:uuid:bb"}],
      "contained":[{"subject":{"reference":"urn:uuid\u003aaa"}}],
      "x":{"reference":["urn:uuid:aa"],"uri":"urn:uuid:aa","y":"reference"},"v":1.50}})"));
  ASSERT_EQ(read.size(), 3u);
  EXPECT_EQ(read[2].json, R"({"resourceType":"Observation","id":"1",
      "subject":{"reference":"Patient/p1","display":"urn:uuid:aa"},
      "performer":[{"reference" : "Organization/o1"},{"reference":"urn:uuid:zz"}],
      "focus":[{"reference":"Observation/1"}],
      "contained":[{"subject":{"reference":"Patient/p1"}}],
      "x":{"reference":["Patient/p1"],"uri":"Patient/p1","y":"reference"},"v":1.50})");
}

// I-02: as a transaction has it.
TEST(BundleReader, LinksToAbsoluteFullUrlsBecomeTypeAndId) {
  const auto read = entries(bundle_of(
      R"({"fullUrl":"http://s/fhir/Patient/1","resource":{"resourceType":"Patient","id":"one"}},)"
      R"({"fullUrl":"http://s/fhir/Observation/2","resource":{"resourceType":"Observation","id":"2",)"
      R"("subject":{"reference":"http://s/fhir/Patient/1"},"performer":[{"reference":"Patient/1"},)"
      R"({"reference":"http://other/fhir/Patient/1"},{"reference":"Patient/2"}]}},)"
      R"({"resource":{"resourceType":"Basic","id":"3","subject":{"reference":"Patient/1"}}})"));
  ASSERT_EQ(read.size(), 3u);
  EXPECT_EQ(read[1].json,
            R"({"resourceType":"Observation","id":"2","subject":{"reference":"Patient/one"},)"
            R"("performer":[{"reference":"Patient/one"},)"
            R"({"reference":"http://other/fhir/Patient/1"},{"reference":"Patient/2"}]})");
  EXPECT_EQ(read[2].json,
            R"({"resourceType":"Basic","id":"3","subject":{"reference":"Patient/1"}})");
}

TEST(BundleReader, LinksOfAttachmentsAndTheNarrativeAreReplaced) {  // I-02
  const auto read = entries(bundle_of(
      R"({"fullUrl":"urn:uuid:b","resource":{"resourceType":"Binary","id":"b1","contentType":"x"}},)"
      R"({"resource":{"resourceType":"DocumentReference","id":"d","text":{"status":"generated",)"
      R"("div":"<div><a href=\"urn:uuid:b\">urn:uuid:b</a></div>"},"content":[{"attachment":)"
      R"({"url":"urn:uuid:b","title":"urn:uuid:b"}}],"identifier":[{"value":"urn:uuid:b"}]}})"));
  EXPECT_EQ(read.at(1).json,
            R"({"resourceType":"DocumentReference","id":"d","text":{"status":"generated",)"
            R"("div":"<div><a href=\"Binary/b1\">urn:uuid:b</a></div>"},"content":[{"attachment":)"
            R"({"url":"Binary/b1","title":"urn:uuid:b"}}],"identifier":[{"value":"urn:uuid:b"}]})");
}

std::string bundle_of(std::string_view type, std::string_view entry) {
  return R"({"resourceType":"Bundle","type":")" + std::string(type) + R"(","entry":[)" +
         std::string(entry) + "]}";
}

TEST(BundleReader, ConditionsOfEntriesAndLinksToThemAreTold) {  // I-02
  using Kind = BundleEntry::Kind;
  const auto read = entries(bundle_of("transaction", R"(
    {"fullUrl":"urn:uuid:o","resource":{"resourceType":"Organization"},
     "request":{"method":"POST","url":"Organization","ifNoneExist":"identifier=s|1"}},
    {"fullUrl":"urn:uuid:p","resource":{"resourceType":"Practitioner","id":"p"},
     "request":{"method":"PUT","url":"http://s/fhir/Practitioner?identifier=s|2"}},
    {"resource":{"resourceType":"Patient","id":"1","managingOrganization":{"reference":"urn:uuid:o"},
      "generalPractitioner":[{"reference":"urn:uuid:p"},{"reference":"urn:uuid:p"}]},
     "request":{"method":"PUT","url":"Patient/1"}},
    {"resource":{"resourceType":"Patient","id":"2"},"request":{"method":"PUT","url":"Group?name=x"}})"));
  ASSERT_EQ(read.size(), 4u);
  EXPECT_EQ(read[0].kind, Kind::kCreateIfNone);
  EXPECT_EQ(read[0].condition, "Organization?identifier=s|1");
  EXPECT_EQ(read[0].id_if_missing, "o");
  EXPECT_EQ(read[1].kind, Kind::kUpdateFound);
  EXPECT_EQ(read[1].condition, "Practitioner?identifier=s|2");
  EXPECT_EQ(read[2].kind, Kind::kPut);
  using Link = std::pair<std::string, std::string>;
  EXPECT_EQ(read[2].links,
            (std::vector<Link>{{"urn:sluice:entry:0", "Organization?identifier=s|1"},
                               {"urn:sluice:entry:1", "Practitioner?identifier=s|2"}}));
  EXPECT_EQ(
      read[2].json,
      R"({"resourceType":"Patient","id":"1","managingOrganization":{"reference":"urn:sluice:entry:0"},
      "generalPractitioner":[{"reference":"urn:sluice:entry:1"},{"reference":"urn:sluice:entry:1"}]})");
  EXPECT_EQ(read[3].problem, "request.url is one of another type than the resource");
}

TEST(BundleReader, OfAHistoryTheNewestVersionsAreGivenAndDeletions) {
  const auto read = read_bundle(bundle_of("history", R"(
    {"request":{"method":"DELETE","url":"Patient/gone"}},
    {"fullUrl":"http://s/Patient/p","resource":{"resourceType":"Patient","id":"p","gender":"male"},
     "request":{"method":"PUT","url":"Patient/p"}},
    {"fullUrl":"http://s/Patient/back","resource":{"resourceType":"Patient","id":"back"},
     "request":{"method":"PUT","url":"Patient/back"}},
    {"fullUrl":"http://s/Patient/back","request":{"method":"DELETE","url":"Patient/back"}},
    {"fullUrl":"http://s/Patient/p","resource":{"resourceType":"Patient","id":"p"},
     "request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=x"}},
    {"resource":{"resourceType":"Patient","id":"gone"},"request":{"method":"POST","url":"Patient"}})"));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->entries.size(), 3u);
  EXPECT_EQ(read->older_versions, 3u);
  EXPECT_EQ(read->entries[0].kind, BundleEntry::Kind::kDelete);
  EXPECT_EQ(read->entries[0].deleted, (ResourceId{types::kPatient, "gone"}));
  EXPECT_EQ(read->entries[1].json, R"({"resourceType":"Patient","id":"p","gender":"male"})");
  EXPECT_EQ(read->entries[2].json, R"({"resourceType":"Patient","id":"back"})");
}

TEST(BundleReader, OfVersionsInOtherBundlesTheHighestCounts) {
  const std::string versions =
      R"({"fullUrl":"http://x/Patient/h","resource":{"resourceType":"Patient","id":"h","meta":{"versionId":"10"}}},)"
      R"({"fullUrl":"http://x/Patient/h","resource":{"resourceType":"Patient","id":"h","meta":{"versionId":"9"}}})";
  const auto read = entries(bundle_of(versions));
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].index, 0u);
}

TEST(BundleReader, WhatASearchSaysOfItselfIsLeftOut) {
  const auto read = entries(bundle_of("searchset", R"(
    {"resource":{"resourceType":"Patient","id":"1"},"search":{"mode":"match"}},
    {"resource":{"resourceType":"OperationOutcome","issue":[]},"search":{"mode":"outcome"}},
    {"resource":{"resourceType":"OperationOutcome","id":"data","issue":[]},"search":{"mode":"include"}})"));
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[1].index, 2u);
}

TEST(BundleReader, InABatchADeletionIsAProblemOfItsEntry) {
  const auto read = entries(bundle_of("batch", R"(
    {"request":{"method":"DELETE","url":"Patient/1"}},
    {"resource":{"resourceType":"Patient","id":"2"},"request":{"method":"PUT","url":"Patient/2"}})"));
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].problem, "request.method DELETE is not an addition");
  EXPECT_EQ(read[1].kind, BundleEntry::Kind::kPut);
}

TEST(BundleReader, AMissingIdComesFromTheFullUrl) {
  const auto read = entries(
      bundle_of(R"({"fullUrl":"urn:uuid:aa-1","resource":{"resourceType":"Patient"}},)"
                R"({"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Patient"}},)"
                R"({"resource":{"resourceType":"Basic","subject":{"reference":"urn:uuid:aa-1"},)"
                R"("author":{"reference":"urn:oid:1.2"}}})"));
  ASSERT_EQ(read.size(), 3u);
  EXPECT_EQ(read[0].id_if_missing, "aa-1");
  EXPECT_EQ(read[1].id_if_missing, "");
  EXPECT_EQ(read[2].json, R"({"resourceType":"Basic","subject":{"reference":"Patient/aa-1"},)"
                          R"("author":{"reference":"urn:oid:1.2"}})");
}

TEST(BundleReader, ReferencesToSomethingUnusableStay) {
  const std::string basic =
      R"({"resource":{"resourceType":"Basic","id":"1","author":{"reference":"urn:uuid:a b"},)"
      R"("subject":{"reference":"urn:uuid:t"}}})";
  const auto read =
      entries(bundle_of(R"({"fullUrl":"urn:uuid:a b","resource":{"resourceType":"Patient"}},)"
                        R"({"fullUrl":"urn:uuid:t","resource":{"resourceType":"Martian"}},)" +
                        basic));
  EXPECT_EQ(read.at(2).json, basic.substr(12, basic.size() - 13));
}

TEST(BundleReader, AnAdditionMayBeAsked) {
  EXPECT_EQ(message_of(bundle_of(
                R"({"request":{"method":"PUT","url":"Patient/1"},"resource":{"id":"1"}},)"
                R"({"request":{"method":"POST","url":"Patient"},"resource":{"id":"1"}})")),
            "");
}

TEST(BundleReader, RefusesWhatIsNoBundle) {
  EXPECT_EQ(message_of(R"({"resourceType":"Patient"})"), "resourceType is not Bundle");
  EXPECT_EQ(message_of(R"({"entry":[]})"), "resourceType is not Bundle");
  EXPECT_EQ(message_of("[]"), "not a JSON object");
  EXPECT_EQ(message_of("{"), "not JSON: a key is missing at byte 1");
  EXPECT_EQ(message_of(R"({"resourceType":"Bundle","entry":{}})"), "Bundle.entry is not an array");
  EXPECT_EQ(message_of(R"({"resourceType":"Bundle","entry":[],"entry":[]})"),
            "Bundle: a key stands twice in one object");
}

TEST(BundleReader, NamesTheEntryThatIsWrong) {
  EXPECT_EQ(message_of(bundle_of("{},1")), "Bundle.entry[1]: not an object");
  EXPECT_EQ(message_of(bundle_of(R"({"resource":[]})")),
            "Bundle.entry[0]: resource is not an object");
  EXPECT_EQ(message_of(bundle_of(R"({"resource":{},"fullUrl":1})")),
            "Bundle.entry[0]: fullUrl is not a string");
  EXPECT_EQ(message_of(bundle_of(R"({"resource":{},"resource":{}})")),
            "Bundle.entry[0]: a key stands twice in one object");
  EXPECT_EQ(message_of(bundle_of(R"({},{"request":{"method":"DELETE","url":"Patient/1"}})")),
            "Bundle.entry[1]: request.method DELETE is not an addition");
  EXPECT_EQ(message_of(bundle_of(R"({"request":{"method":"PATCH"},"resource":{}})")),
            "Bundle.entry[0]: request.method PATCH is not an addition");
}

TEST(BundleReader, OneFullUrlMayNotMeanTwoResources) {
  EXPECT_EQ(message_of(bundle_of(R"({"fullUrl":"urn:uuid:a","resource":{"id":"1"}},)"
                                 R"({"fullUrl":"urn:uuid:a","resource":{"id":"2"}})")),
            "Bundle.entry[1]: its fullUrl is another resource's too");
  EXPECT_EQ(message_of(bundle_of(R"({"fullUrl":"urn:uuid:a","resource":{"id":"1"}},)"
                                 R"({"fullUrl":"urn:uuid:a","resource":{"id":"1"}})")),
            "");
}

}  // namespace
}  // namespace sluice::fhir
