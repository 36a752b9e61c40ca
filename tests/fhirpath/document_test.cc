// Resources as nodes: what a document knows of its text.
#include "fhirpath/document.h"

#include <gtest/gtest.h>

#include "json/json_tokens.h"

namespace sluice::fhirpath {
namespace {

std::string_view of(const Document& document, std::string_view name) {
  const std::uint32_t member = find_member(document, 0, name);
  return member == Node::kNone ? "none" : document.text_of(member);
}

TEST(Document, IsReadAgainForAnotherResource) {
  fhir::JsonTokens tokens;
  Document document;
  ASSERT_TRUE(tokens.read(
      R"({"resourceType":"Patient","id":"a","_birthDate":{"id":"x"},"name":[{"given":["A\u00e9"]},{"family":"B"}]})"));
  document.read(tokens);
  EXPECT_EQ(document.root().type, find_fhir_type("Patient"));
  EXPECT_TRUE(document.has_escapes());
  EXPECT_TRUE(document.has_companions());
  EXPECT_EQ(of(document, "name"), R"([{"given":["A\u00e9"]},{"family":"B"}])");

  ASSERT_TRUE(tokens.read(R"({"id":"b","code":{"text":"c"},"resourceType":"Basic"})"));
  document.read(tokens);
  EXPECT_EQ(document.root().type, find_fhir_type("Basic"));
  EXPECT_FALSE(document.has_escapes());
  EXPECT_FALSE(document.has_companions());
  EXPECT_EQ(of(document, "name"), "none");
  EXPECT_EQ(of(document, "id"), R"("b")");
  EXPECT_EQ(of(document, "code"), R"({"text":"c"})");

  ASSERT_TRUE(tokens.read(R"({"resourceType":"Nothing"})"));
  document.read(tokens);
  EXPECT_EQ(document.root().type, system::kAny);
}

TEST(Document, KeysAreFoundByWhatTheyMean) {
  fhir::JsonTokens tokens;
  Document document;
  ASSERT_TRUE(
      tokens.read(R"({"resourceType":"Patient","\u0069d" : "a","\u005fbirthDate":{"id":"x"}})"));
  document.read(tokens);
  EXPECT_EQ(of(document, "id"), R"("a")");
  EXPECT_TRUE(document.has_companions()) << "an escape may mean the underscore";
}

TEST(Document, ValuesThatLookLikeKeysAreNone) {
  fhir::JsonTokens tokens;
  Document document;
  ASSERT_TRUE(tokens.read(R"({"resourceType":"Basic","id":"code","code":{"text":"subject"}})"));
  document.read(tokens);
  EXPECT_EQ(of(document, "subject"), "none");
  Collection values;
  append_children(document.root(), "subject", find_element(document.root().type, "subject"),
                  values);
  EXPECT_TRUE(values.empty());
}

}  // namespace
}  // namespace sluice::fhirpath
