// The rule files of the tool that the language is of, from the folder
// SLUICE_SHARED/suites/de-identification, which is not part of the repository. What is expected is
// derived by hand from the tool's documentation.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "deid_support.h"

namespace sluice::deid {
namespace {

using testing::HasSubstr;

class Suite : public testing::Test {
 protected:
  void SetUp() override {
    const char* shared = std::getenv("SLUICE_SHARED");
    if (shared == nullptr) GTEST_SKIP() << "SLUICE_SHARED names no folder with the rule files";
    folder_ = std::filesystem::path(shared) / "suites" / "de-identification";
  }
  std::shared_ptr<const Deidentification> rules(const char* name) {
    return rules_of(*read_file(folder_ / name), "test", fhirpath::Strictness::kLenient);
  }
  std::filesystem::path folder_;
};

constexpr std::string_view kPatient =
    R"({"resourceType":"Patient","id":"p1","meta":{"lastUpdated":"2024-02-26T10:00:00Z"},)"
    R"("text":{"status":"generated","div":"<div>x</div>"},"extension":[{"url":"u","valueCode":"x"}],)"
    R"("identifier":[{"system":"s","value":"MRN"}],"name":[{"use":"official","family":"Doe"}],)"
    R"("telecom":[{"value":"1"}],"gender":"female","birthDate":"1980-05-17",)"
    R"("address":[{"line":["1 Main"],"city":"Ada","state":"OH","postalCode":"45810","country":"US"}],)"
    R"("maritalStatus":{"coding":[{"system":"m","code":"M","display":"Married"}],"text":"M"},)"
    R"("generalPractitioner":[{"reference":"Practitioner/d","display":"Dr"}]})";

TEST_F(Suite, AMisspeltElementOfBothFilesIsRefusedUnlessLenient_F01) {
  for (const char* name : {"safe-harbor-sample.json", "fixed-offset-sample.json"})
    EXPECT_THAT(refusal(*read_file(folder_ / name)), HasSubstr("fhirPathRules[22].path: "))
        << "HealthcareService.notAvaliable";
}

TEST_F(Suite, FixedOffsetMovesDatesByAWeekAndKeepsWhatItNames_F01) {
  EXPECT_EQ(
      applied(rules("fixed-offset-sample.json"), kPatient),
      R"-({"resourceType":"Patient","id":"dd88524249c25ad0df4f4303d9660ba7476828a9fadb5c7aa82ebc5b)-"
      R"-(8c3ef02b","meta":{"lastUpdated":"2024-03-04T00:00:00Z","security":[{"system":"http://ter)-"
      R"-(minology.hl7.org/CodeSystem/v3-ObservationValue","code":"REDACTED","display":"redacted"})-"
      R"-(,{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"ABSTRED",)-"
      R"-("display":"abstracted"},{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationV)-"
      R"-(alue","code":"CRYTOHASH","display":"cryptographic hash function"},{"code":"PERTURBED","d)-"
      R"-(isplay":"exact value is replaced with another exact value"}]},"identifier":[{"system":"s)-"
      R"-("}],"name":[{"use":"official"}],"gender":"female","birthDate":"1980-05-24","address":[{")-"
      R"-(state":"OH","postalCode":"45800","country":"US"}],"maritalStatus":{"coding":[{"system":")-"
      R"-(m"}]},"generalPractitioner":[{"reference":"Practitioner/6fde80bbd22570ceb5c5a258331fdb65)-"
      R"-(073ea62f96ebe6fc1bfdfa0644d8210b"}]})-");
}

TEST_F(Suite, SafeHarborSampleMovesDatesByResource_F01) {
  const auto sample = rules("safe-harbor-sample.json");
  const std::string made = applied(sample, kPatient);
  EXPECT_THAT(made, HasSubstr(R"("name":[{"use":"official"}])"));
  EXPECT_THAT(made, HasSubstr(R"("address":[{"state":"OH","postalCode":"45800","country":"US"}])"));
}

TEST_F(Suite, AgesAndValuesAreTreatedAsTheFilesSay_F01) {
  const auto sample = rules("fixed-offset-sample.json");
  EXPECT_EQ(
      without_meta(applied(
          sample, R"({"resourceType":"Observation","status":"final","code":{"coding":)"
                  R"([{"system":"http://loinc.org","code":"1-1","display":"x"}],"text":"y"},)"
                  R"("effectiveDateTime":"2024-02-25T10:11:12.500+01:00",)"
                  R"("valueQuantity":{"value":1},"referenceRange":[{"text":"z"}],)"
                  R"("component":[{"code":{"text":"c"},"valueString":"v"}],)"
                  R"("note":[{"text":"n"}]})")),
      R"({"resourceType":"Observation","status":"final","code":{"coding":)"
      R"([{"system":"http://loinc.org"}]},"effectiveDateTime":"2024-03-03T00:00:00.000+01:00"})");
  EXPECT_EQ(
      without_meta(applied(
          sample, R"({"resourceType":"Organization","identifier":[{"value":"npi"}],)"
                  R"("name":"Ada Clinic","address":[{"city":"Ada","postalCode":"45810"}],)"
                  R"("contact":[{"telecom":[{"value":"1"}],"address":{"postalCode":"03601"}}]})")),
      R"({"resourceType":"Organization","identifier":[{"value":"npi"}],)"
      R"("name":"Ada Clinic","address":[{"city":"Ada","postalCode":"45810"}],)"
      R"("contact":[{"address":{"postalCode":"00000"}}]})");
}

}  // namespace
}  // namespace sluice::deid
