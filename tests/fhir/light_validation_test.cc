// I-02: what is refused of a resource by its shape.
#include "fhir/light_validation.h"

#include <gtest/gtest.h>

#include "fhir/resource_reader.h"

namespace sluice::fhir {
namespace {

Result<void> validated(std::string_view json) {
  const auto resource = ResourceReader().read(json).value();
  JsonTokens tokens;
  SLUICE_RETURN_IF_ERROR(tokens.read(resource.content));
  return check_shape(tokens, resource.type);
}

std::string refusal(std::string_view json) {
  const auto outcome = validated(json);
  if (outcome) return "accepted";
  EXPECT_EQ(outcome.error().kind, ErrorKind::kUnprocessable);
  return outcome.error().message;
}

TEST(LightValidation, TakesWhatTheTypeHas) {
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

TEST(LightValidation, NamesAnElementThatTheTypeDoesNotHave) {
  EXPECT_EQ(refusal(R"({"resourceType":"Patient","id":"a","nmae":[]})"),
            "'nmae' is not an element of Patient");
  EXPECT_EQ(refusal(R"({"resourceType":"Patient","id":"a","status":"x"})"),
            "'status' is not an element of Patient");
}

TEST(LightValidation, NamesAMandatoryElementThatIsMissing) {
  EXPECT_EQ(refusal(R"({"resourceType":"Observation","id":"o","status":"final"})"),
            "Observation.code is missing");
  EXPECT_EQ(refusal(R"({"resourceType":"MedicationRequest","id":"m","status":"active",)"
                    R"("intent":"order","subject":{}})"),
            "MedicationRequest.medication[x] is missing");
}

TEST(LightValidation, NamesAnElementWhoseJsonIsOfAnotherKind) {
  const auto of_patient = [](std::string_view members) {
    return refusal(R"({"resourceType":"Patient","id":"a",)" + std::string(members) + "}");
  };
  EXPECT_EQ(of_patient(R"("active":"true")"), "Patient.active is not a boolean");
  EXPECT_EQ(of_patient(R"("active":null)"), "Patient.active is not a boolean");
  EXPECT_EQ(of_patient(R"("birthDate":1990)"), "Patient.birthDate is not a string");
  EXPECT_EQ(of_patient(R"("birthDate":["1990"])"), "Patient.birthDate is not a string");
  EXPECT_EQ(of_patient(R"("multipleBirthInteger":"2")"),
            "Patient.multipleBirthInteger is not a number");
  EXPECT_EQ(of_patient(R"("maritalStatus":"M")"), "Patient.maritalStatus is not an object");
  EXPECT_EQ(of_patient(R"("name":{"family":"x"})"),
            "Patient.name is not an array, each of it an object");
  EXPECT_EQ(of_patient(R"("name":["x"])"), "Patient.name is not an array, each of it an object");
  EXPECT_EQ(of_patient(R"("_birthDate":"x")"), "Patient._birthDate is not an object");
  EXPECT_EQ(of_patient(R"("_name":[])"), "'_name' is not an element of Patient");
  EXPECT_EQ(of_patient(R"("deceased":true)"), "'deceased' is not an element of Patient");
  EXPECT_TRUE(validated(
      R"({"resourceType":"CodeSystem","id":"a","status":"draft","content":"complete","count":7})"));
  // A repeating primitive keeps the places of its extensions.
  EXPECT_TRUE(
      validated(R"({"resourceType":"Claim","id":"c","status":"active","type":{},"use":"claim",)"
                R"("patient":{},"created":"2020","provider":{},"priority":{},"insurance":[]})"));
  EXPECT_TRUE(validated(R"({"resourceType":"Library","id":"l","status":"draft","type":{},)"
                        R"("subjectReference":{},"relatedArtifact":[null]})"));
  EXPECT_TRUE(validated(
      R"({"resourceType":"PlanDefinition","id":"p","status":"draft","library":["x",null],"_library":[null,{}]})"));
}

TEST(LightValidation, NamesAReferenceThatCanBeNone) {
  const auto with = [](std::string_view text) {
    return refusal(R"({"resourceType":"Observation","id":"o","status":"final","code":{},)"
                   R"("performer":[{"display":"d"},{"reference":")" +
                   std::string(text) + R"("}]})");
  };
  for (const char* good : {"Patient/1", "Patient/1/_history/2", "#inner", "urn:uuid:1-2",
                           "http://a.example/fhir/Patient/1"})
    EXPECT_EQ(with(good), "accepted") << good;
  const std::string why =
      "Observation.performer.reference is neither a URL nor a Type/id of R4 nor a #id";
  for (const char* bad : {"", "Patient", "Patient/", "Patient/a_b", "Patent/1", "/Patient/1",
                          "Patient/1/2", "Patient/1/_history/", "Patient?identifier=a|b",
                          "Patient?identifier=http://a|b", "http:", "http://a b", "1:x"})
    EXPECT_EQ(with(bad), why) << bad;
}

TEST(LightValidation, LooksAtReferencesOnly) {
  // Elements of the same name that are uris.
  EXPECT_TRUE(validated(
      R"({"resourceType":"DetectedIssue","id":"d","status":"final","reference":"see page 3"})"));
  EXPECT_TRUE(validated(
      R"({"resourceType":"Immunization","id":"i","status":"completed","vaccineCode":{},)"
      R"("patient":{},"occurrenceString":"x","education":[{"reference":"see page 3"}]})"));
  EXPECT_EQ(
      refusal(R"({"resourceType":"Patient","id":"a","contained":[{"resourceType":"Group",)"
              R"("member":[{"entity":{"reference":"nobody"}}]}]})"),
      "Patient.contained.member.entity.reference is neither a URL nor a Type/id of R4 nor a #id");
}

TEST(LightValidation, TellsEveryFault) {
  const char* const json =
      R"({"resourceType":"Observation","id":"a","statsu":"final","status":7,"subject":{"reference":"no one"}})";
  const auto resource = ResourceReader().read(json).value();
  const auto faults = find_validation_issues(resource.tokens(), resource.type);
  ASSERT_EQ(faults.size(), 4u);
  EXPECT_NE(faults[0].find("'statsu' is not an element"), std::string::npos);
  EXPECT_NE(faults[1].find("Observation.status is not a string"), std::string::npos);
  EXPECT_NE(faults[2].find("Observation.code is missing"), std::string::npos);
  EXPECT_EQ(faults[3].find("no one"), std::string::npos) << "the content is nobody's business";
  const auto right = ResourceReader().read(R"({"resourceType":"Patient","id":"a"})").value();
  EXPECT_TRUE(find_validation_issues(right.tokens(), types::kPatient).empty());
}

TEST(LightValidation, TellsNoMoreFaultsThanItsLimit) {
  std::string json = R"({"resourceType":"Patient","id":"a")";
  for (int i = 0; i < 100; ++i) json += ",\"x" + std::to_string(i) + "\":1";
  const auto resource = ResourceReader().read(json + "}").value();
  EXPECT_EQ(find_validation_issues(resource.tokens(), types::kPatient).size(), kFaultsMax);
}

}  // namespace
}  // namespace sluice::fhir
