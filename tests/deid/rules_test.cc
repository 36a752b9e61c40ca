// F-01: the published rule language, method by method. What is expected is derived by hand from the
// documentation of the tool that it is of.
#include <gmock/gmock.h>

#include "base/base64.h"
#include "deid/values.h"
#include "deid_support.h"

namespace sluice::deid {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kPatient =
    R"({"resourceType":"Patient","id":"p1","name":[{"family":"Doe","given":["Jane","Q"]}],)"
    R"("birthDate":"1980-05-17","address":[{"city":"Ada","state":"OH","postalCode":"45810"}]})";

// ---- which rule ----

TEST(Rules, TheFirstThatMatchesWins_F01) {
  EXPECT_EQ(changed(R"({"path":"nodesByType('Address').state","method":"keep"},)"
                    R"-({"path":"nodesByType('Address')","method":"redact"})-",
                    R"({"resourceType":"Patient","address":[{"city":"Ada","state":"OH"}]})"),
            R"({"resourceType":"Patient","address":[{"state":"OH"}]})");
  EXPECT_EQ(changed(R"-({"path":"nodesByType('Address')","method":"redact"},)-"
                    R"({"path":"nodesByType('Address').state","method":"keep"})",
                    R"({"resourceType":"Patient","active":true,"address":[{"state":"OH"}]})"),
            R"({"resourceType":"Patient","active":true})")
      << "a part of what a rule has taken is no later rule's";
}

TEST(Rules, WhatNoRuleNamesStaysByteByByte_F01) {
  constexpr std::string_view line =
      R"({"resourceType":"Observation","id":"o","valueQuantity":{"value":1.50E+0,"unit":"\u00b5g"},)"
      R"("strange":{"x":[null, 1]},"empty":{},"none":[]})";
  EXPECT_EQ(changed(R"({"path":"Patient.name","method":"redact"})", line), line);
  EXPECT_EQ(applied(rules_of(file_of(R"({"path":"Patient.name","method":"redact"})")), line), line)
      << "and has no mark";
}

TEST(Rules, OfATypeAreForItsResourcesOnly_F01) {
  EXPECT_EQ(changed(R"({"path":"Patient.identifier","method":"redact"})",
                    R"({"resourceType":"Person","identifier":[{"value":"1"}]})"),
            R"({"resourceType":"Person","identifier":[{"value":"1"}]})");
  EXPECT_EQ(changed(R"({"path":"Patient","method":"redact"})", kPatient),
            R"({"resourceType":"Patient"})");
  EXPECT_EQ(changed(R"({"path":"Resource.id","method":"redact"})", kPatient).substr(0, 40),
            R"({"resourceType":"Patient","name":[{"fami)");
}

TEST(Rules, NodesByNameAndByTypeGoDownToEveryElement_F01) {
  EXPECT_EQ(
      changed(R"-({"path":"nodesByName('display')","method":"redact"})-",
              R"({"resourceType":"Observation","code":{"coding":[{"code":"1","display":"A"}]},)"
              R"("subject":{"reference":"Patient/1","display":"B"}})"),
      R"({"resourceType":"Observation","code":{"coding":[{"code":"1"}]},)"
      R"("subject":{"reference":"Patient/1"}})");
  EXPECT_EQ(changed(R"-({"path":"nodesByType('Quantity')","method":"redact"})-",
                    R"({"resourceType":"Observation","status":"final","valueQuantity":{"value":1},)"
                    R"("component":[{"valueQuantity":{"value":2},"valueString":"x"}]})"),
            R"({"resourceType":"Observation","status":"final","component":[{"valueString":"x"}]})");
}

TEST(Rules, ChoiceTypesAreNamedWithoutTheirType_F01) {
  constexpr std::string_view rules =
      R"({"path":"Condition.onset as Age","method":"redact"},)"
      R"({"path":"Condition.abatement as string","method":"redact"})";
  EXPECT_EQ(changed(rules, R"({"resourceType":"Condition","onsetAge":{"value":9},"id":"1"})"),
            R"({"resourceType":"Condition","id":"1"})");
  EXPECT_EQ(changed(rules, R"({"resourceType":"Condition","onsetString":"x"})"),
            R"({"resourceType":"Condition","onsetString":"x"})");
  EXPECT_EQ(changed(rules, R"({"resourceType":"Condition","abatementString":"x","id":"1"})"),
            R"({"resourceType":"Condition","id":"1"})");
  EXPECT_EQ(
      changed(R"({"path":"Observation.value","method":"redact"})",
              R"({"resourceType":"Observation","valueString":"x","_valueString":{"id":"y"}})"),
      R"({"resourceType":"Observation"})");
}

TEST(Rules, UnionsAndExpressionsAreEvaluated_F01) {
  constexpr std::string_view line =
      R"({"resourceType":"Patient","telecom":[{"use":"home","value":"1"},{"use":"work","value":"2"}],)"
      R"("name":[{"family":"A"},{"family":"B"}]})";
  EXPECT_EQ(
      changed(R"-({"path":"nodesByType('ContactPoint').where(use='home')","method":"redact"})-",
              line),
      R"({"resourceType":"Patient","telecom":[{"use":"work","value":"2"}],)"
      R"("name":[{"family":"A"},{"family":"B"}]})");
  EXPECT_EQ(
      changed(R"-({"path":"Patient.name.first() | Patient.telecom.value","method":"redact"})-",
              line),
      R"({"resourceType":"Patient","telecom":[{"use":"home"},{"use":"work"}],)"
      R"("name":[{"family":"B"}]})");
  EXPECT_EQ(changed(R"-({"path":"(nodesByType('Observation').value as Quantity).value",)-"
                    R"-("method":"substitute","replaceWith":7})-",
                    R"({"resourceType":"Observation","valueQuantity":{"value":1}})"),
            R"({"resourceType":"Observation","valueQuantity":{"value":7}})");
}

// ---- where ----

TEST(Rules, ContainedResourcesAndEntriesHaveTheRulesOfTheirOwnType_F01) {
  constexpr std::string_view rules =
      R"-({"path":"Patient.name","method":"redact"},{"path":"nodesByType('date')","method":"redact"})-";
  EXPECT_EQ(
      changed(rules, R"({"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"u",)"
                     R"("resource":{"resourceType":"Patient","id":"1","name":[{"text":"x"}]}}]})"),
      R"({"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"u",)"
      R"("resource":{"resourceType":"Patient","id":"1"}}]})");
  EXPECT_EQ(
      changed(rules, R"({"resourceType":"Observation","contained":[{"resourceType":"Patient",)"
                     R"("name":[{"text":"x"}],"birthDate":"1980-01-01","gender":"male"}]})"),
      R"({"resourceType":"Observation","contained":[{"resourceType":"Patient",)"
      R"("gender":"male"}]})");
  EXPECT_EQ(
      changed(
          R"({"path":"DomainResource.contained","method":"redact"})",
          R"({"resourceType":"Observation","id":"1","contained":[{"resourceType":"Patient"}]})"),
      R"({"resourceType":"Observation","id":"1"})");
}

TEST(Rules, MarksAreOnEntriesAndTheirBundleAndNotOnContainedResources_F01) {
  const auto rules = rules_of(file_of(R"({"path":"Patient.name","method":"redact"})"));
  const std::string bundle =
      applied(rules, R"({"resourceType":"Bundle","entry":[{"resource":)"
                     R"({"resourceType":"Patient","name":[{"text":"x"}]}}]})");
  EXPECT_THAT(bundle, StartsWith(R"({"resourceType":"Bundle","meta":{"security":[{"system")"));
  EXPECT_THAT(bundle, HasSubstr(R"({"resourceType":"Patient","meta":{"security":[{"system")"));
  const std::string holder =
      applied(rules, R"({"resourceType":"Observation","contained":[)"
                     R"({"resourceType":"Patient","name":[{"text":"x"}]}]})");
  EXPECT_THAT(holder, HasSubstr(R"("contained":[{"resourceType":"Patient"}])"));
  EXPECT_THAT(holder, StartsWith(R"({"resourceType":"Observation","meta":)"));
}

TEST(Rules, PrimitivesAndTheirExtensionsAreOneElement_F01) {
  constexpr std::string_view line =
      R"({"resourceType":"Patient","birthDate":"1980-05-17","_birthDate":{"id":"b","extension":)"
      R"([{"url":"u","valueString":"secret"}]},"gender":"male"})";
  EXPECT_EQ(changed(R"({"path":"Patient.birthDate","method":"redact"})", line),
            R"({"resourceType":"Patient","gender":"male"})");
  EXPECT_EQ(changed(R"-({"path":"nodesByType('Extension')","method":"redact"})-", line),
            R"({"resourceType":"Patient","birthDate":"1980-05-17","_birthDate":{"id":"b"},)"
            R"("gender":"male"})");
  EXPECT_EQ(changed(R"({"path":"Patient.birthDate.extension","method":"redact"})", line),
            R"({"resourceType":"Patient","birthDate":"1980-05-17","_birthDate":{"id":"b"},)"
            R"("gender":"male"})");
  EXPECT_EQ(
      changed(R"({"path":"Patient.birthDate","method":"substitute","replaceWith":"2000-01-01"})",
              line),
      R"({"resourceType":"Patient","birthDate":"2000-01-01","gender":"male"})")
      << "an extension can say what was replaced";
}

TEST(Rules, NullsKeepThePlacesOfArraysWithExtensions_F01) {
  constexpr std::string_view line = R"({"resourceType":"Patient","name":[{"given":["A",null,"C"],)"
                                    R"("_given":[null,{"extension":[{"url":"u"}]},{"id":"c"}]}]})";
  EXPECT_EQ(changed(R"({"path":"Patient.active","method":"redact"})", line), line);
  EXPECT_EQ(
      changed(R"-({"path":"nodesByType('Extension')","method":"redact"})-", line),
      R"({"resourceType":"Patient","name":[{"given":["A","C"],"_given":[null,{"id":"c"}]}]})");
  EXPECT_EQ(changed(R"({"path":"Patient.name.given.extension","method":"keep"},)"
                    R"({"path":"Patient.name","method":"redact"})",
                    line),
            R"({"resourceType":"Patient","name":[{"_given":[{"extension":[{"url":"u"}]}]}]})");
}

TEST(Rules, KeysWithEscapesAreTheKeysThatTheyMean_F01) {
  EXPECT_EQ(changed(R"({"path":"Patient.birthDate","method":"redact"})",
                    R"({"resourceType":"Patient","birth\u0044ate":"1980-01-01","id":"1"})"),
            R"({"resourceType":"Patient","id":"1"})");
}

// ---- methods ----

TEST(Redact, KeepsPartsOfDatesAgesAndZipCodesWhenToldTo_F01) {
  constexpr std::string_view rules = R"-({"path":"nodesByType('date')","method":"redact"},)-"
                                     R"-({"path":"nodesByType('dateTime')","method":"redact"},)-"
                                     R"-({"path":"nodesByType('Age')","method":"redact"},)-"
                                     R"-({"path":"nodesByType('Address')","method":"redact"})-";
  constexpr std::string_view parts =
      R"("enablePartialDatesForRedact":true,"enablePartialAgesForRedact":true,)"
      R"("enablePartialZipCodesForRedact":true,"restrictedZipCodeTabulationAreas":["036"])";
  EXPECT_EQ(changed(rules, kPatient, parts),
            R"({"resourceType":"Patient","id":"p1","name":[{"family":"Doe","given":["Jane","Q"]}],)"
            R"("birthDate":"1980","address":[{"postalCode":"45800"}]})");
  EXPECT_EQ(
      changed(rules, kPatient),
      R"({"resourceType":"Patient","id":"p1","name":[{"family":"Doe","given":["Jane","Q"]}]})");
  EXPECT_EQ(changed(rules,
                    R"({"resourceType":"Patient","birthDate":"1936-12-01","address":)"
                    R"([{"postalCode":"03601-1234"}]})",
                    parts),
            R"({"resourceType":"Patient","address":[{"postalCode":"00000-0000"}]})")
      << "90 years old today";
  EXPECT_EQ(changed(rules, R"({"resourceType":"Patient","birthDate":"1936-12-02"})", parts),
            R"({"resourceType":"Patient","birthDate":"1936"})")
      << "89 years old until tomorrow";
  EXPECT_EQ(changed(rules,
                    R"({"resourceType":"Condition","onsetAge":{"value":89,"unit":"a"},)"
                    R"("abatementAge":{"value":90},"recordedDate":"2020-02-03T10:11:12Z"})",
                    parts),
            R"({"resourceType":"Condition","onsetAge":{"value":89},"recordedDate":"2020"})");
}

TEST(DateShift, MovesWholeDaysAndEmptiesTimes_F01) {
  constexpr std::string_view rules = R"-({"path":"nodesByType('date')","method":"dateshift"},)-"
                                     R"-({"path":"nodesByType('dateTime')","method":"dateShift"},)-"
                                     R"-({"path":"nodesByType('instant')","method":"dateShift"})-";
  constexpr std::string_view week = R"("dateShiftFixedOffsetInDays":7)";
  EXPECT_EQ(changed(rules, R"({"resourceType":"Patient","birthDate":"1980-12-28"})", week),
            R"({"resourceType":"Patient","birthDate":"1981-01-04"})");
  EXPECT_EQ(
      changed(rules,
              R"({"resourceType":"Observation","effectiveDateTime":"2024-02-25T23:59:01-05:00",)"
              R"("issued":"2024-02-25T10:11:12.345Z","valueTime":"10:11:12"})",
              week),
      R"({"resourceType":"Observation","effectiveDateTime":"2024-03-03T00:00:00-05:00",)"
      R"("issued":"2024-03-03T00:00:00.000Z","valueTime":"10:11:12"})");
  EXPECT_EQ(
      changed(rules,
              R"({"resourceType":"Patient","birthDate":"1930-01-01","deceasedDateTime":"2020-05"})",
              week),
      R"({"resourceType":"Patient"})")
      << "older than 89, and a date without its day";
  EXPECT_EQ(changed(rules, R"({"resourceType":"Patient","deceasedDateTime":"2020-05"})",
                    R"("dateShiftFixedOffsetInDays":7,"enablePartialDatesForRedact":true)"),
            R"({"resourceType":"Patient","deceasedDateTime":"2020"})");
  EXPECT_EQ(
      changed(rules, R"({"resourceType":"Patient","birthDate":"17th of May","id":"1"})", week),
      R"({"resourceType":"Patient","id":"1"})")
      << "what is no date cannot be moved, and does not stay";
}

int days_moved(const std::shared_ptr<const Deidentification>& rules, const std::string& line,
               const Context& context) {
  const std::string made = without_meta(applied(rules, line, context));
  const auto at = made.find("\"birthDate\":\"");
  const auto date = read_date(std::string_view(made).substr(at + 13, 10));
  using namespace std::chrono;
  const sys_days moved = year(date->year) / month(unsigned(date->month)) / unsigned(date->day);
  return static_cast<int>((moved - sys_days(2000y / 1 / 1)).count());
}

TEST(DateShift, OneNumberForEachResourceFileOrFolder_F01) {
  constexpr std::string_view rule = R"({"path":"Patient.birthDate","method":"dateShift"})";
  const auto person = [](int id) {
    return R"({"resourceType":"Patient","id":"p)" + std::to_string(id) +
           R"(","birthDate":"2000-01-01"})";
  };
  for (const std::string scope : {"resource", "file", "folder"}) {
    const auto rules = rules_of(file_of(rule, "\"dateShiftScope\":\"" + scope + "\""));
    Context here;
    here.file_name = "a.ndjson";
    here.folder_name = "x";
    Context other_file = here;
    other_file.file_name = "b.ndjson";
    Context other_folder = here;
    other_folder.folder_name = "y";
    bool differs_by_resource = false;
    bool differs_by_file = false;
    bool differs_by_folder = false;
    for (int id = 0; id < 8; ++id) {
      const int days = days_moved(rules, person(id), here);
      EXPECT_GE(days, -50);
      EXPECT_LE(days, 50);
      EXPECT_EQ(days, days_moved(rules, person(id), here)) << "repetition gives the same";
      differs_by_resource |= days != days_moved(rules, person(id + 1), here);
      differs_by_file |= days != days_moved(rules, person(id), other_file);
      differs_by_folder |= days != days_moved(rules, person(id), other_folder);
    }
    EXPECT_EQ(differs_by_resource, scope == "resource") << scope;
    EXPECT_EQ(differs_by_file, scope == "file") << scope;
    EXPECT_EQ(differs_by_folder, scope == "folder") << scope;
  }
}

TEST(DateShift, OneNumberForAllResourcesOfAPatient_F02) {
  const std::string rules = file_of(R"-({"path":"nodesByType('date')","method":"dateShift"},)-"
                                    R"-({"path":"nodesByType('dateTime')","method":"dateShift"})-",
                                    R"("dateShiftScope":"patient")");
  const auto made = rules_of(rules);
  const std::string person = without_meta(
      applied(made, R"({"resourceType":"Patient","id":"7","birthDate":"2000-03-01"})"));
  const std::string event = without_meta(
      applied(made, R"({"resourceType":"Encounter","id":"e","subject":{"reference":"Patient/7"},)"
                    R"("period":{"start":"2000-03-01"}})"));
  EXPECT_EQ(person.substr(person.find("birthDate") + 12, 10), event.substr(event.size() - 13, 10));
  EXPECT_THAT(event, HasSubstr("\"start\":\""));
}

// Computed with Python: hmac.new(hkdf, b"123", "sha256") where hkdf is RFC 5869 with
// info = "sluice de-identification 1" + len("test") + "test" + len("cryptoHashKey") +
// "cryptoHashKey".
constexpr std::string_view kHashOf123 =
    "b4e83e99c33928032247ab64ae9b435274c473133101f180731a68c7d2a142bb";

TEST(CryptoHash, IsHmacSha256AndOfReferencesTheIdAlone_F01) {
  constexpr std::string_view rules = R"({"path":"Resource.id","method":"cryptoHash"},)"
                                     R"({"path":"nodesByType('Reference').reference",)"
                                     R"("method":"cryptoHash"})";
  const std::string hash(kHashOf123);
  const auto reference = [&](std::string_view text) {
    const std::string made =
        changed(rules, R"({"resourceType":"Observation","subject":{"reference":")" +
                           std::string(text) + "\"}}");
    return made.substr(54, made.size() - 54 - 3);
  };
  EXPECT_EQ(changed(rules, R"({"resourceType":"Patient","id":"123"})"),
            R"({"resourceType":"Patient","id":")" + hash + "\"}");
  EXPECT_EQ(reference("Patient/123"), "Patient/" + hash);
  EXPECT_EQ(reference("https://a.example/fhir/Patient/123/_history/4"),
            "https://a.example/fhir/Patient/" + hash + "/_history/4");
  EXPECT_EQ(reference("#123"), "#" + hash);
  EXPECT_EQ(reference("urn:uuid:123"), "urn:uuid:" + hash);
  EXPECT_EQ(reference("123"), hash) << "where no id is to be seen, all of it";
  EXPECT_EQ(reference("Patient?identifier=123").size(), 64u);
}

TEST(Encrypt, IsAesCbcWithItsVectorInFrontAndRepeats_F01) {
  const auto rules = rules_of(file_of(R"({"path":"Patient.address.city","method":"encrypt"})"));
  const auto city = [&](std::string_view id, std::string_view name) {
    const std::string made =
        without_meta(applied(rules, R"({"resourceType":"Patient","id":")" + std::string(id) +
                                        R"(","address":[{"city":")" + std::string(name) + "\"}]}"));
    const auto begin = made.find("\"city\":\"") + 8;
    return made.substr(begin, made.find('"', begin) - begin);
  };
  const std::string cipher = city("1", "Ada");
  const std::string key = test_key().derive("test", "encryptKey", 32);
  EXPECT_EQ(*decrypt(key, *base64_decode(cipher)), "Ada");
  EXPECT_EQ(base64_decode(cipher)->size(), 32u);
  EXPECT_EQ(cipher, city("1", "Ada"));
  EXPECT_NE(cipher, city("2", "Ada"));
  EXPECT_NE(cipher.substr(0, 21), city("1", "Adb").substr(0, 21)) << "another vector";
  EXPECT_FALSE(decrypt(test_key().derive("other", "encryptKey", 32), *base64_decode(cipher)));
}

TEST(Substitute, PutsInValuesAndObjects_F01) {
  EXPECT_EQ(changed(R"({"path":"nodesByType('Address').city","method":"substitute",)"
                    R"("replaceWith":"example city"})",
                    R"({"resourceType":"Patient","address":[{"city":"Ada"},{"state":"OH"}]})"),
            R"({"resourceType":"Patient","address":[{"city":"example city"},{"state":"OH"}]})");
  EXPECT_EQ(
      changed(R"-({"path":"nodesByType('Address')","method":"substitute",)-"
              R"("replaceWith":{"use":"home","period":{"start":"2000-01-01"}}})",
              R"({"resourceType":"Patient","address":[{"city":"Ada"},{"state":"OH"}]})"),
      R"({"resourceType":"Patient","address":[{"use":"home","period":{"start":"2000-01-01"}},)"
      R"({"use":"home","period":{"start":"2000-01-01"}}]})");
  EXPECT_EQ(changed(R"({"path":"Patient.active","method":"substitute","replaceWith":"true"})",
                    R"({"resourceType":"Patient","active":false})"),
            R"({"resourceType":"Patient","active":true})");
  EXPECT_THAT(
      changed(R"-({"path":"nodesByName('active')","method":"substitute","replaceWith":"x"})-",
              R"({"resourceType":"Patient","active":false})"),
      StartsWith("error: fhirPathRules[0] (substitute): "));
}

TEST(Substitute, KeepsWhatEarlierRulesHaveMade_F01) {
  EXPECT_EQ(
      changed(R"({"path":"nodesByType('Address').state","method":"keep"},)"
              R"({"path":"Patient.address.period.end","method":"keep"},)"
              R"-({"path":"nodesByType('Address')","method":"substitute",)-"
              R"("replaceWith":{"city":"X","state":"ZZ","period":{"start":"2000-01-01"}}})",
              R"({"resourceType":"Patient","address":[{"city":"Ada","state":"OH","district":"d",)"
              R"("period":{"start":"2020-01-01","end":"2021-01-01"}}]})"),
      R"({"resourceType":"Patient","address":[{"state":"OH","period":{"end":"2021-01-01",)"
      R"("start":"2000-01-01"},"city":"X"}]})");
}

TEST(Perturb, AddsNoiseWithinItsSpanRoundedAndRepeated_F01) {
  const auto value = [](std::string_view rule, std::string_view id, std::string_view number) {
    const std::string made =
        changed(rule, R"({"resourceType":"Observation","id":")" + std::string(id) +
                          R"(","valueQuantity":{"value":)" + std::string(number) + "}}");
    const auto begin = made.find("\"value\":") + 8;
    return made.substr(begin, made.find('}', begin) - begin);
  };
  constexpr std::string_view fixed =
      R"({"path":"Observation.value as Quantity","method":"perturb",)"
      R"("span":6,"rangeType":"fixed","roundTo":1})";
  constexpr std::string_view share =
      R"({"path":"Observation.value as Quantity","method":"perturb",)"
      R"("span":0.2,"rangeType":"proportional"})";
  std::set<std::string> values;
  for (int id = 0; id < 20; ++id) {
    const std::string text = value(fixed, std::to_string(id), "100");
    EXPECT_EQ(text, value(fixed, std::to_string(id), "100"));
    EXPECT_GE(std::stod(text), 97);
    EXPECT_LE(std::stod(text), 103);
    EXPECT_EQ(text.find('.') + 2, text.size()) << text;
    values.insert(text);
    const double near = std::stod(value(share, std::to_string(id), "50.00"));
    EXPECT_GE(near, 45);
    EXPECT_LE(near, 55);
  }
  EXPECT_GT(values.size(), 10u);
  EXPECT_EQ(
      changed(R"({"path":"Observation.value as integer","method":"perturb","span":0,"roundTo":3})",
              R"({"resourceType":"Observation","valueInteger":7,"status":"final"})"),
      R"({"resourceType":"Observation","valueInteger":7,"status":"final"})");
}

TEST(Generalize, TakesTheFirstCaseThatHolds_F01) {
  constexpr std::string_view bands =
      R"({"path":"Observation.value.ofType(Quantity).value","method":"generalize","cases":{)"
      R"("$this>=0 and $this<20":"20","$this<60":"($this div 10)*10"}})";
  const auto value = [&](std::string_view number) {
    return changed(bands, R"({"resourceType":"Observation","valueQuantity":{"value":)" +
                              std::string(number) + R"(,"unit":"a"}})");
  };
  EXPECT_EQ(value("18.5"),
            R"({"resourceType":"Observation","valueQuantity":{"value":20,"unit":"a"}})");
  EXPECT_EQ(value("47"),
            R"({"resourceType":"Observation","valueQuantity":{"value":40,"unit":"a"}})");
  EXPECT_EQ(value("61"), R"({"resourceType":"Observation","valueQuantity":{"unit":"a"}})")
      << "others are redacted unless they are kept";
  EXPECT_EQ(
      changed(
          R"-({"path":"Patient.address.postalCode","method":"generalize","cases":{)-"
          R"-("$this.startsWith('458')":"$this.substring(0,2)+'****'"},"otherValues":"keep"})-",
          R"({"resourceType":"Patient","address":[{"postalCode":"45810"},{"postalCode":"1"}]})"),
      R"({"resourceType":"Patient","address":[{"postalCode":"45****"},{"postalCode":"1"}]})");
  EXPECT_EQ(changed(R"({"path":"Patient.birthDate","method":"generalize","cases":{)"
                    R"("$this >= @1990-01-01 and $this <= @2000-01-01":"@1990"}})",
                    R"({"resourceType":"Patient","birthDate":"1995-05-05"})"),
            R"({"resourceType":"Patient","birthDate":"1990"})");
  EXPECT_EQ(changed(R"({"path":"Patient.communication.language.coding.code","method":"generalize",)"
                    R"-("cases":{"$this in ('en-AU' | 'en-GB')":"'en'"
}})-",
                    R"({"resourceType":"Patient","communication":[{"language":{"coding":)"
                    R"([{"code":"en-GB"},{"code":"de"}]}}]})"),
            R"({"resourceType":"Patient","communication":[{"language":{"coding":)"
            R"([{"code":"en"}]}}]})");
}

}  // namespace
}  // namespace sluice::deid
