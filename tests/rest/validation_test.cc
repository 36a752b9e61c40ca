// I-02: what leniency lets pass of a resource that is written over REST.
#include "rest/validation.h"

#include <gtest/gtest.h>

namespace sluice::rest {
namespace {

TEST(Validation, LenientLetsFaultsOfShapePass) {
  const auto resource = fhir::ResourceReader()
                            .read(R"({"resourceType":"Observation","id":"a","statsu":"final"})")
                            .value();
  EXPECT_FALSE(validate(resource));
  EXPECT_TRUE(validate(resource, MemberFilters::kRefused, Leniency::kLenient));
}

TEST(Validation, LenientIsNotSoWithFiltersOfMembers) {
  const auto group =
      fhir::ResourceReader()
          .read(R"({"resourceType":"Group","id":"g","type":"person","actual":false,)"
                R"("modifierExtension":[{"url":"http://hl7.org/fhir/uv/bulkdata/)"
                R"(StructureDefinition/member-filter","valueExpression":{"language":)"
                R"("application/x-fhir-query","expression":"Patient?gender=male"}}]})")
          .value();
  EXPECT_FALSE(validate(group, MemberFilters::kRefused, Leniency::kLenient));
}

TEST(Validation, AGroupWithAnUnknownModifierIsRefused_G03) {
  const auto group =
      fhir::ResourceReader()
          .read(R"({"resourceType":"Group","id":"g","type":"person","actual":true,)"
                R"("modifierExtension":[{"url":"http://hl7.org/fhir/uv/bulkdata/)"
                R"(StructureDefinition/members-filter","valueString":"Patient?gender=male"}]})")
          .value();
  const auto outcome = validate(group, MemberFilters::kRefused, Leniency::kLenient);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::kUnprocessable);
}

}  // namespace
}  // namespace sluice::rest
