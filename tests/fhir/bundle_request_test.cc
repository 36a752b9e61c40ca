// I-02: a posted Bundle taken apart into entries.
#include "fhir/bundle_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::fhir {
namespace {

std::string bundle(std::string_view entries, std::string_view type = "transaction") {
  return R"({"resourceType":"Bundle","type":")" + std::string(type) + R"(","entry":[)" +
         std::string(entries) + "]}";
}

std::string refusal(const std::string& json) {
  const auto read = BundleRequest::read(json);
  if (read) return "accepted";
  EXPECT_EQ(read.error().kind, ErrorKind::kInvalid);
  return read.error().message;
}

TEST(BundleRequest, GivesEachEntryInOrder) {
  const auto read = BundleRequest::read(bundle(
      R"({"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","x":1.50},)"
      R"("request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=a|b"}},)"
      R"({"request":{"url":"Patient\/2","method":"GET","ifNoneMatch":"W/\"1\"",)"
      R"("ifModifiedSince":"2020-01-01T00:00:00Z"},"id":"e","link":[],"extension":[]},)"
      R"({"request":{"method":"PUT","url":"Patient/3","ifMatch":"W/\"2\""},"resource":{}})"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->kind(), BundleRequest::Kind::kTransaction);
  const auto& entries = read->entries();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].full_url, "urn:uuid:1");
  EXPECT_EQ(entries[0].method, "POST");
  EXPECT_EQ(entries[0].if_none_exist, "identifier=a|b");
  EXPECT_EQ(read->resource_of(entries[0]), R"({"resourceType":"Patient","x":1.50})");
  EXPECT_EQ(entries[1].url, "Patient/2");
  EXPECT_EQ(entries[1].if_none_match, R"(W/"1")");
  EXPECT_EQ(entries[1].if_modified_since, "2020-01-01T00:00:00Z");
  EXPECT_EQ(entries[1].resource, 0u);
  EXPECT_EQ(entries[2].if_match, R"(W/"2")");
  EXPECT_EQ(read->resource_of(entries[2]), "{}");
}

TEST(BundleRequest, MayBeEmpty) {
  EXPECT_TRUE(BundleRequest::read(bundle("", "batch"))->entries().empty());
  EXPECT_TRUE(BundleRequest::read(R"({"resourceType":"Bundle","type":"batch","total":0})")
                  ->entries()
                  .empty());
}

TEST(BundleRequest, RefusesWhatIsNoRequest) {
  EXPECT_EQ(refusal(R"({"resourceType":"Patient"})"), "resourceType is not Bundle");
  EXPECT_EQ(refusal(bundle("", "collection")),
            "Bundle.type 'collection' is neither transaction nor batch");
  EXPECT_EQ(refusal(R"({"resourceType":"Bundle"})"),
            "Bundle.type '' is neither transaction nor batch");
  EXPECT_EQ(refusal(R"({"resourceType":"Bundle","type":"batch","entry":{}})"),
            "Bundle.entry is not an array");
  EXPECT_EQ(refusal(R"({"resourceType":"Bundle","type":"batch","entries":[]})"),
            "'entries' is not an element of Bundle");
  EXPECT_THAT(refusal(bundle("") + "x"), testing::HasSubstr("byte"));
}

TEST(BundleRequest, NamesTheEntryThatIsWrong) {
  const std::string good = R"({"request":{"method":"GET","url":"Patient/1"}},)";
  const auto second = [&](std::string_view entry) {
    return refusal(bundle(good + std::string(entry)));
  };
  EXPECT_EQ(second("7"), "Bundle.entry[1]: not an object");
  EXPECT_EQ(second("{}"), "Bundle.entry[1]: request is missing");
  EXPECT_EQ(second(R"({"request":[]})"), "Bundle.entry[1]: request is not an object");
  EXPECT_EQ(second(R"({"request":{"url":"x"}})"), "Bundle.entry[1]: request.method is missing");
  EXPECT_EQ(second(R"({"request":{"method":"GET"}})"), "Bundle.entry[1]: request.url is missing");
  EXPECT_EQ(second(R"({"request":{"method":7,"url":"x"}})"),
            "Bundle.entry[1]: request.method is not a string");
  EXPECT_EQ(second(R"({"request":{"method":"GET","url":"x","ifExist":"y"}})"),
            "Bundle.entry[1]: request.ifExist is not known");
  EXPECT_EQ(second(R"({"request":{"method":"GET","method":"PUT","url":"x"}})"),
            "Bundle.entry[1]: a key stands twice in one object");
  EXPECT_EQ(second(R"({"resource":[],"request":{}})"),
            "Bundle.entry[1]: resource is not an object");
  EXPECT_EQ(second(R"({"fullUrl":1,"request":{}})"), "Bundle.entry[1]: fullUrl is not a string");
  EXPECT_EQ(second(R"({"modifierExtension":[],"request":{}})"),
            "Bundle.entry[1]: 'modifierExtension' is not known in an entry of a request");
}

TEST(BundleRequest, EntriesAndTextsAreBounded_R01) {
  const std::string entry = R"({"request":{"method":"GET","url":"Patient/1"}})";
  std::string entries = entry;
  for (std::size_t i = 1; i < kBundleEntriesMax; ++i) entries.append(",").append(entry);
  EXPECT_EQ(refusal(bundle(entries)), "accepted");
  const auto refused = BundleRequest::read(bundle(entries + "," + entry));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(refused.error().message, "a Bundle has at most 100000 entries");
  const auto with = [&](std::size_t full_url, std::size_t url, std::size_t if_match) {
    return refusal(bundle(R"({"fullUrl":")" + std::string(full_url, 'x') +
                          R"(","request":{"method":"GET","url":")" + std::string(url, 'x') +
                          R"(","ifMatch":")" + std::string(if_match, 'x') + R"("}})"));
  };
  EXPECT_EQ(with(4'096, 262'144, 16'384), "accepted");
  EXPECT_EQ(with(4'097, 1, 1), "Bundle.entry[0]: fullUrl has more than 4096 bytes");
  EXPECT_EQ(with(1, 262'145, 1), "Bundle.entry[0]: request.url has more than 262144 bytes");
  EXPECT_EQ(with(1, 1, 16'385), "Bundle.entry[0]: request.ifMatch has more than 16384 bytes");
}

}  // namespace
}  // namespace sluice::fhir
