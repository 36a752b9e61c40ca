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
  return *std::move(read);
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
      "x":{"reference":["urn:uuid:aa"],"uri":"urn:uuid:aa","y":"reference"},"v":1.50})");
}

TEST(BundleReader, AbsoluteFullUrlsAreNotRewritten) {
  const auto read = entries(
      bundle_of(R"({"fullUrl":"http://s/Patient/1","resource":{"resourceType":"Patient","id":"1",)"
                R"("link":[{"other":{"reference":"http://s/Patient/1"}}]}})"));
  EXPECT_EQ(read.at(0).json, R"({"resourceType":"Patient","id":"1",)"
                             R"("link":[{"other":{"reference":"http://s/Patient/1"}}]})");
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
