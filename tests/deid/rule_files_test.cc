// F-01, F-03, F-04, F-05, F-06: rule files that are refused and why; the marks, counts and lines
// that rules make.
#include <gmock/gmock.h>

#include "deid_support.h"

namespace sluice::deid {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kPatient =
    R"({"resourceType":"Patient","id":"p1","name":[{"family":"Doe","given":["Jane","Q"]}],)"
    R"("birthDate":"1980-05-17","address":[{"city":"Ada","state":"OH","postalCode":"45810"}]})";

// ---- marks ----

TEST(Marks, SayWhatWasDone_F01) {
  const auto rules = rules_of(file_of(
      R"({"path":"Patient.name","method":"redact"},{"path":"Resource.id","method":"cryptoHash"},)"
      R"({"path":"Patient.address.city","method":"encrypt"},)"
      R"({"path":"Patient.birthDate","method":"dateShift"},)"
      R"({"path":"Patient.address.postalCode","method":"redact"},)"
      R"({"path":"Patient.address.state","method":"substitute","replaceWith":"XX"},)"
      R"({"path":"Patient.gender","method":"generalize","cases":{"true":"'other'"}})",
      R"("enablePartialZipCodesForRedact":true)"));
  const std::string made = applied(
      rules,
      R"({"resourceType":"Patient","id":"1","meta":{"versionId":"1","security":[{"code":"redacted"}]},)"
      R"("gender":"male","name":[{"text":"x"}],"birthDate":"2000-01-01",)"
      R"("address":[{"city":"Ada","state":"OH","postalCode":"45810"}]})");
  constexpr std::string_view system =
      R"({"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":")";
  const std::string v3(system);
  EXPECT_THAT(
      made,
      HasSubstr(
          R"("meta":{"versionId":"1","security":[{"code":"redacted"},)" + v3 +
          R"(ABSTRED","display":"abstracted"},)" + v3 +
          R"(CRYTOHASH","display":"cryptographic hash function"},)" + v3 +
          R"(MASKED","display":"masked"},)" +
          R"({"code":"PERTURBED","display":"exact value is replaced with another exact value"},)" +
          R"({"code":"SUBSTITUTED","display":"exact value is replaced with a predefined value"},)" +
          R"({"code":"GENERALIZED","display":"exact value is replaced with a general value"}]})"));
}

// ---- refusals ----

TEST(RuleFiles, AreRefusedWithThePlace_F01) {
  EXPECT_THAT(refusal(file_of(R"({"path":"Patient.nam","method":"redact"})")),
              StartsWith("fhirPathRules[0].path: "));
  EXPECT_THAT(refusal(file_of(R"({"path":"Patient.nam","method":"redact"})")),
              HasSubstr("Patient has no element 'nam' (at character 9)"));
  EXPECT_THAT(refusal(file_of(R"({"path":"Patient.name","method":"scramble"})")),
              HasSubstr("fhirPathRules[0].method: 'scramble' is no method"));
  EXPECT_THAT(refusal(file_of(R"({"path":"Patient.name","method":"redact","span":1})")),
              HasSubstr("fhirPathRules[0].span: this is not known here"));
  EXPECT_THAT(refusal(file_of(R"-({"path":"nodesByType('Adress')","method":"redact"})-")),
              HasSubstr("there is no type 'Adress'"));
  EXPECT_THAT(refusal(file_of(R"-({"path":"nodesByName('adress')","method":"redact"})-")),
              HasSubstr("no type of R4 has an element 'adress'"));
  EXPECT_THAT(refusal(file_of(R"-({"path":"Patient.name.where(famly='x')","method":"redact"})-")),
              HasSubstr("HumanName has no element 'famly'"));
  EXPECT_THAT(refusal(file_of(R"-({"path":"Patient.name.exists()","method":"redact"})-")),
              HasSubstr("names no element"));
  EXPECT_THAT(
      refusal(file_of(R"({"path":"Patient.name","method":"generalize","cases":{"true":"1"}})")),
      HasSubstr("generalize takes primitive elements only"));
  EXPECT_THAT(
      refusal(file_of(R"({"path":"Patient.name","method":"substitute","replaceWith":"x"})")),
      HasSubstr("the element takes an object"));
  EXPECT_THAT(refusal(file_of(R"-({"path":"Patient.gender","method":"generalize",)-"
                              R"-("cases":{"$this.foo()":"1"}})-")),
              HasSubstr("fhirPathRules[0].cases['$this.foo()']"));
  EXPECT_THAT(
      refusal(file_of(R"({"path":"Patient.name","method":"redact"})", R"("customSettings":{})")),
      HasSubstr("parameters.customSettings: this is not known here"));
  EXPECT_THAT(
      refusal(R"({"fhirVersion":"Stu3","fhirPathRules":[{"path":"Patient","method":"keep"}]})"),
      HasSubstr("only R4"));
  EXPECT_THAT(refusal(R"({"fhirPathRules":[]})"), HasSubstr("fhirPathRules"));
}

TEST(RuleFiles, HoldNoKeys_F06) {
  for (const std::string key : {"dateShiftKey", "cryptoHashKey", "encryptKey"})
    EXPECT_EQ(
        refusal(file_of(R"({"path":"Patient.name","method":"redact"})", "\"" + key + "\":\"123\"")),
        "parameters." + key + ": a rule file holds no keys; leave it empty and name a key file");
  const auto set = read_rules(file_of(R"({"path":"Resource.id","method":"cryptoHash"})"));
  EXPECT_EQ(Deidentification::of_rules(*set, nullptr, "v").error().message,
            "these rules need a key");
  EXPECT_FALSE(KeyFile::of("short"));
  EXPECT_FALSE(KeyFile::of(std::string(64, '0')));
}

TEST(RuleFiles, OfUnknownElementsAreTakenWhenLenient_F01) {
  const std::string file =
      file_of(R"({"path":"HealthcareService.notAvaliable.description","method":"redact"})");
  EXPECT_THAT(refusal(file), HasSubstr("HealthcareService has no element 'notAvaliable'"));
  const auto rules = rules_of(file, "v", fhirpath::Strictness::kLenient);
  EXPECT_EQ(without_meta(applied(rules, R"({"resourceType":"HealthcareService","notAvaliable":)"
                                        R"([{"description":"x","y":1}]})")),
            R"({"resourceType":"HealthcareService","notAvaliable":[{"y":1}]})");
}

TEST(Views, OfOneKeyFileHaveIdsThatCannotBeJoined_F05) {
  const std::string file = file_of(R"({"path":"Resource.id","method":"cryptoHash"})");
  constexpr std::string_view line = R"({"resourceType":"Patient","id":"123"})";
  EXPECT_NE(applied(rules_of(file, "a"), line), applied(rules_of(file, "b"), line));
  EXPECT_EQ(applied(rules_of(file, "a"), line), applied(rules_of(file, "a"), line));
}

TEST(Counts, AreByRule_F04) {
  const auto rules = rules_of(file_of(R"({"path":"Patient.gender","method":"keep"},)"
                                      R"({"path":"Patient.name","method":"redact"},)"
                                      R"({"path":"Resource.id","method":"cryptoHash"})"));
  Transform transform(rules);
  fhir::JsonTokens tokens;
  Context context;
  context.now = test_now();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(tokens.read(kPatient));
    ASSERT_TRUE(transform.apply(tokens, context));
  }
  EXPECT_EQ(transform.counts(), (std::vector<std::uint64_t>{0, 3, 3}));
}

TEST(Lines, AreTokenisedOnceWhateverTheRules_F03) {
  const auto rules = rules_of(file_of(R"-({"path":"nodesByType('date')","method":"redact"},)-"
                                      R"-({"path":"Patient.name.first()","method":"redact"})-"));
  Transform transform(rules);
  fhir::JsonTokens tokens;
  Context context;
  context.now = test_now();
  ASSERT_TRUE(tokens.read(kPatient));
  const std::size_t before = fhir::JsonTokens::texts_read();
  ASSERT_TRUE(transform.apply(tokens, context));
  EXPECT_EQ(fhir::JsonTokens::texts_read(), before);
}

TEST(Lines, WithTwoResourceTypesAreRefused_F04) {
  const auto rules = rules_of(file_of(R"({"path":"Patient.name","method":"redact"})"));
  EXPECT_EQ(applied(rules, R"({"resourceType":"Basic","name":[{"text":"x"}],)"
                           R"("resource\u0054ype":"Patient"})"),
            "error: it has two resourceTypes")
      << "the rules of the first leave what those of the second remove";
  EXPECT_EQ(applied(rules, R"({"resourceType":"Basic","_id":{},"resourceType":"Patient"})"),
            "error: it has two resourceTypes");
}

TEST(Lines, AreOneLineEachWhateverTheyWere) {
  EXPECT_EQ(changed(R"({"path":"Patient.name","method":"redact"})",
                    "{\n \"resourceType\": \"Patient\",\r\n \"id\":\t\"1\",\n \"active\" : true,\n"
                    " \"name\": [ { \"text\": \"x\" } ]\n}"),
            R"({"resourceType":"Patient","id":"1","active":true})");
}

}  // namespace
}  // namespace sluice::deid
