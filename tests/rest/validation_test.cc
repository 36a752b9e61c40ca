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

fhir::IncomingResource view_with(std::string_view path) {
  return fhir::ResourceReader()
      .read(R"({"resourceType":"ViewDefinition","id":"v","status":"draft","resource":"Patient",)"
            R"("select":[{"column":[{"name":"id","path":"id"},{"name":"family","path":")" +
            std::string(path) + R"("}]}]})")
      .value();
}

TEST(Validation, AViewThatDoesNotCompileIsRefusedWithItsPlace_E01) {
  EXPECT_TRUE(validate(view_with("name.family.first()")));
  const auto outcome = validate(view_with("name.famly"));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::kUnprocessable);
  EXPECT_EQ(outcome.error().message,
            "ViewDefinition: select[0].column[1].path: FHIRPath: HumanName has no element 'famly' "
            "(at character 6)");
  EXPECT_EQ(validate(view_with("name.family.frist()")).error().kind, ErrorKind::kUnprocessable);
}

TEST(Validation, LenientLetsAViewPassThatDoesNotCompileAndTellsOfIt_E01) {
  const auto view = view_with("name.famly");
  EXPECT_TRUE(validate(view, MemberFilters::kRefused, Leniency::kLenient));
  EXPECT_EQ(
      find_issues(view.tokens(), view.content, view.type),
      std::vector<std::string>{"ViewDefinition: select[0].column[1].path: FHIRPath: HumanName "
                               "has no element 'famly' (at character 6)"});
}

}  // namespace
}  // namespace sluice::rest
