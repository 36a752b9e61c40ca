#include "fhir/reference.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::fhir {
namespace {

/// "Patient/1" for what was understood, "-" otherwise.
std::string parsed(std::string_view text, std::string_view base_url = {}) {
  const auto reference = parse_reference(text, base_url);
  if (!reference) return "-";
  return std::string(type_name(reference->type)) + "/" + std::string(reference->id);
}

TEST(Reference, RelativeReferencesAreUnderstood) {
  EXPECT_EQ(parsed("Patient/1"), "Patient/1");
  EXPECT_EQ(parsed("Observation/a-B.9"), "Observation/a-B.9");
  EXPECT_EQ(parsed("Patient/1", "https://server/fhir"), "Patient/1");
}

TEST(Reference, TheVersionIsSkipped) {
  EXPECT_EQ(parsed("Patient/1/_history/2"), "Patient/1");
  EXPECT_EQ(parsed("https://server/fhir/Patient/1/_history/2", "https://server/fhir"), "Patient/1");
}

TEST(Reference, AbsoluteReferencesCountOnlyBelowTheBase) {
  EXPECT_EQ(parsed("https://server/fhir/Patient/1", "https://server/fhir"), "Patient/1");
  EXPECT_EQ(parsed("https://server/fhir/Patient/1", "https://server/fhir/"), "Patient/1");
  EXPECT_EQ(parsed("http://server/fhir/Patient/1", "https://server/fhir"), "-");
  EXPECT_EQ(parsed("https://server/fhirs/Patient/1", "https://server/fhir"), "-");
  EXPECT_EQ(parsed("https://server/fhir/x/Patient/1", "https://server/fhir"), "-");
  EXPECT_EQ(parsed("https://server/fhir", "https://server/fhir"), "-");
  EXPECT_EQ(parsed("https://server/fhir/", "https://server/fhir"), "-");
  EXPECT_EQ(parsed("https://server/fhir/Patient/1"), "-");
  EXPECT_EQ(parsed("https://server/fhir/Patient/1", "/"), "-");
}

TEST(Reference, EverythingElseIsNone) {
  for (const char* text : {"",
                           "/",
                           "#contained",
                           "Patient",
                           "Patient/",
                           "/Patient/1",
                           "patient/1",
                           "Martian/1",
                           "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
                           "urn:oid:1.2.3",
                           "Patient?identifier=1",
                           "Patient/1/",
                           "Patient/1/_history",
                           "Patient/1/_history/",
                           "Patient/1/_history/2/3",
                           "Patient/1/name",
                           "Patient/a b",
                           "Patient/1#x",
                           "Patient//1",
                           "http://",
                           "Patient/1?x=2"}) {
    EXPECT_EQ(parsed(text), "-") << text;
  }
  EXPECT_EQ(parsed("Patient/" + std::string(64, 'x')), "Patient/" + std::string(64, 'x'));
  EXPECT_EQ(parsed("Patient/" + std::string(65, 'x')), "-");
}

}  // namespace
}  // namespace sluice::fhir
