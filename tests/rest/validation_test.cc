// I-02: what is refused of a resource that is written over REST.
#include "rest/validation.h"

#include <gtest/gtest.h>

namespace sluice::rest {
namespace {

Result<void> validated(std::string_view json) {
  return validate(fhir::ResourceReader().read(json).value());
}

std::string refusal(std::string_view json) {
  const auto outcome = validated(json);
  if (outcome) return "accepted";
  EXPECT_EQ(outcome.error().kind, ErrorKind::kUnprocessable);
  return outcome.error().message;
}

TEST(Validation, TakesWhatTheTypeHas) {
  EXPECT_TRUE(validated(R"({"resourceType":"Patient","id":"a"})"));
  EXPECT_TRUE(validated(
      R"({"_birthDate":{"id":"b"},"id":"a","meta":{"tag":[{"code":"x"}]},"contained":[{"x":[1]}],)"
      R"("resourceType":"Patient","deceasedBoolean":true,"name":[]})"));
  EXPECT_TRUE(validated(
      R"({"resourceType":"Observation","id":"o","_status":{"extension":[]},"code":{},"valueString":"v"})"));
  EXPECT_TRUE(validated(
      R"({"resourceType":"MedicationRequest","id":"m","status":"active","intent":"order",)"
      R"("medicationCodeableConcept":{},"subject":{}})"));
  EXPECT_TRUE(validated(R"({"resourceType":"Patient","id":"a","n\u0061me":[]})"));
}

TEST(Validation, NamesAnElementThatTheTypeDoesNotHave) {
  EXPECT_EQ(refusal(R"({"resourceType":"Patient","id":"a","nmae":[]})"),
            "'nmae' is not an element of Patient");
  EXPECT_EQ(refusal(R"({"resourceType":"Patient","id":"a","status":"x"})"),
            "'status' is not an element of Patient");
}

TEST(Validation, NamesAMandatoryElementThatIsMissing) {
  EXPECT_EQ(refusal(R"({"resourceType":"Observation","id":"o","status":"final"})"),
            "Observation.code is missing");
  EXPECT_EQ(refusal(R"({"resourceType":"MedicationRequest","id":"m","status":"active",)"
                    R"("intent":"order","subject":{}})"),
            "MedicationRequest.medication[x] is missing");
}

}  // namespace
}  // namespace sluice::rest
