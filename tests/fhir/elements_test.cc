// P-06: _elements.
#include "fhir/elements.h"

#include <gtest/gtest.h>

namespace sluice::fhir {
namespace {

ResourceType type(std::string_view name) {
  return find_resource_type(name).value();
}

ElementsSelection selection(const std::vector<std::string>& values) {
  return ElementsSelection::parse(values,
                                  {all_resource_types().begin(), all_resource_types().end()})
      .value();
}

std::string projected(const std::vector<std::string>& values, std::string_view type_of_line,
                      std::string_view line) {
  ElementsProjector projector(selection(values), type(type_of_line));
  std::string out = "before|";
  const auto result = projector.project(line, out);
  if (!result) return "error: " + result.error().message;
  EXPECT_TRUE(out.starts_with("before|"));
  return out.substr(7);
}

std::string parse_error(const std::vector<std::string>& values,
                        const std::vector<ResourceType>& types) {
  const auto parsed = ElementsSelection::parse(values, types);
  if (parsed) return "";
  EXPECT_EQ(parsed.error().kind, ErrorKind::kInvalid);
  return parsed.error().message;
}

#define SUBSETTED                                                             \
  R"({"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue",)" \
  R"("code":"SUBSETTED"})"

TEST(Elements, UnknownElementsAreInvalid) {
  const std::vector<ResourceType> types = {type("Patient"), type("Observation")};
  EXPECT_EQ(parse_error({"id", "Patient.name", "value", "Observation.valueQuantity"}, types), "");
  EXPECT_EQ(parse_error({"id", "nosuch"}, types),
            "_elements: 'nosuch' is not a root element of any requested type");
  EXPECT_EQ(parse_error({"Patient.nosuch"}, types),
            "_elements: 'Patient.nosuch' is not a root element of Patient");
  EXPECT_EQ(parse_error({"Patient.name.family"}, types),
            "_elements: 'Patient.name.family' is not a root element of Patient");
  EXPECT_EQ(parse_error({"Martian.id"}, types),
            "_elements: 'Martian.id' does not begin with a resource type");
  for (const char* value : {"", ".", "Patient.", ".id", "Patient", "name.family", " id", "ID",
                            "_birthDate", "value[x]", "doseQuantity"}) {
    EXPECT_NE(parse_error({value}, types), "") << value;
  }
  EXPECT_NE(parse_error({"clinicalStatus"}, types), "") << "of neither type";
  EXPECT_EQ(parse_error({"Condition.clinicalStatus"}, types), "") << "of its own type";
}

TEST(Elements, ASelectionAppliesToTheTypesItNames) {
  EXPECT_TRUE(selection({"id"}).applies_to(type("Patient")));
  EXPECT_TRUE(selection({"birthDate"}).applies_to(type("Observation")));
  EXPECT_TRUE(selection({"Patient.id"}).applies_to(type("Patient")));
  EXPECT_FALSE(selection({"Patient.id"}).applies_to(type("Observation")));
  EXPECT_FALSE(selection({}).applies_to(type("Patient")));
}

TEST(Elements, KeepsMandatoryAndSelectedElements) {
  EXPECT_EQ(
      projected(
          {"id", "subject"}, "Observation",
          R"({"resourceType":"Observation","id":"1","meta":{"versionId":"1"},"text":{"div":"{\"}"},"status":"final","code":{"text":"}]"},"subject":{"reference":"Patient/1"},"valueString":"x"})"),
      R"({"resourceType":"Observation","id":"1","meta":{"versionId":"1","tag":[)" SUBSETTED
      R"(]},"status":"final","code":{"text":"}]"},"subject":{"reference":"Patient/1"}})");
}

TEST(Elements, KeepsTheSourcesBytesAndOrder) {
  EXPECT_EQ(
      projected(
          {"value", "component"}, "Observation",
          R"({ "component" : [ { "a" : 1.50 } , {} ] , "valueQuantity":{"value":1.50E+1},"x":1, "id" : "1" , "status" : "final" ,"meta" : { "versionId" : "1" } , "resourceType":"Observation" })"),
      R"({"component" : [ { "a" : 1.50 } , {} ],"valueQuantity":{"value":1.50E+1},"id" : "1","status" : "final","meta" : { "versionId" : "1" ,"tag":[)" SUBSETTED
      R"(]},"resourceType":"Observation"})");
}

TEST(Elements, ChoicesAreSelectedByBaseOrByType) {
  const std::string_view line =
      R"({"resourceType":"Observation","id":"1","meta":{"a":1},"status":"final","code":{},"effectiveDateTime":"2020","valueQuantity":{"value":1}})";
  EXPECT_NE(projected({"value"}, "Observation", line).find("valueQuantity"), std::string::npos);
  EXPECT_NE(projected({"valueQuantity"}, "Observation", line).find("valueQuantity"),
            std::string::npos);
  EXPECT_EQ(projected({"valueString"}, "Observation", line).find("valueQuantity"),
            std::string::npos);
  EXPECT_EQ(projected({"value"}, "Observation", line).find("effective"), std::string::npos);
}

TEST(Elements, MandatoryChoicesStayWhateverTheirType) {
  for (const char* medication : {R"("medicationReference":{"reference":"Medication/1"})",
                                 R"("medicationCodeableConcept":{"text":"x"})"}) {
    EXPECT_EQ(projected({"id"}, "MedicationRequest",
                        R"({"resourceType":"MedicationRequest","id":"1","meta":{"a":1},)" +
                            std::string(medication) + R"(,"note":[]})"),
              R"({"resourceType":"MedicationRequest","id":"1","meta":{"a":1,"tag":[)" SUBSETTED
              "]}," +
                  std::string(medication) + "}");
  }
}

TEST(Elements, SiblingsOfAPrimitiveStayWithIt) {
  const std::string_view line =
      R"({"resourceType":"Patient","id":"1","meta":{"a":1},"_birthDate":{"id":"b"},"birthDate":"2000","gender":"male","_gender":{"id":"g"},"_active":{}})";
  EXPECT_EQ(projected({"birthDate"}, "Patient", line),
            R"({"resourceType":"Patient","id":"1","meta":{"a":1,"tag":[)" SUBSETTED
            R"(]},"_birthDate":{"id":"b"},"birthDate":"2000"})");
  EXPECT_EQ(projected({"Patient.active", "Practitioner.gender"}, "Patient", line),
            R"({"resourceType":"Patient","id":"1","meta":{"a":1,"tag":[)" SUBSETTED
            R"(]},"_active":{}})");
}

TEST(Elements, ReferencesToContainedResourcesGoWithThem_P06) {
  const auto of = [](const std::vector<std::string>& values, const std::string& members) {
    const std::string out = projected(
        values, "Observation",
        R"({"resourceType":"Observation","id":"1","meta":{"tag":[)" SUBSETTED
        R"(]},"status":"final","code":{},)" +
            members +
            R"(,"contained":[{"resourceType":"Patient","id":"p","managingOrganization":{"reference":"#"}}]})");
    const std::string before = R"({"resourceType":"Observation","id":"1","meta":{"tag":[)" SUBSETTED
                               R"(]},"status":"final","code":{},)";
    EXPECT_TRUE(out.starts_with(before)) << out;
    return out.substr(std::min(before.size(), out.size()));
  };
  constexpr const char* kMasked =
      R"({"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]})";
  EXPECT_EQ(of({"subject"}, R"("subject":{"reference":"#p"})"),
            R"("subject":)" + std::string(kMasked) + "}");
  EXPECT_EQ(of({"subject"}, R"("subject":{"reference":"#p","display":"x"})"),
            R"("subject":{"display":"x"}})");
  EXPECT_EQ(of({"subject"}, R"("subject":{"display":"x","reference":"#p"})"),
            R"("subject":{"display":"x"}})");
  EXPECT_EQ(of({"subject"}, R"("subject":{"type":"Patient","reference":"\u0023p","display":"x"})"),
            R"("subject":{"type":"Patient","display":"x"}})");
  EXPECT_EQ(of({"performer"},
               R"("performer":[{"reference":"#p"},{"reference":"Patient/1"},{"reference":"#"}])"),
            R"("performer":[)" + std::string(kMasked) +
                R"(,{"reference":"Patient/1"},{"reference":"#"}]})");
  EXPECT_EQ(of({"note"}, R"("note":[{"text":"\"reference\":\"#p\""}])"),
            R"("note":[{"text":"\"reference\":\"#p\""}]})");
  // Whoever takes the contained resources along keeps the references.
  EXPECT_TRUE(of({"subject", "contained"}, R"("subject":{"reference":"#p"})")
                  .starts_with(R"("subject":{"reference":"#p"},"contained":[)"));
}

TEST(Elements, TheTagIsAddedOnce) {
  const auto with_meta = [](std::string_view meta) {
    const std::string out =
        projected({"id"}, "Patient",
                  R"({"resourceType":"Patient","id":"1","meta":)" + std::string(meta) + "}");
    constexpr std::string_view kBefore = R"({"resourceType":"Patient","id":"1","meta":)";
    EXPECT_TRUE(out.starts_with(kBefore)) << out;
    return out.substr(kBefore.size(), out.size() - kBefore.size() - 1);
  };
  EXPECT_EQ(with_meta("{}"), R"({"tag":[)" SUBSETTED "]}");
  EXPECT_EQ(with_meta(R"({"tag":[]})"), R"({"tag":[)" SUBSETTED "]}");
  EXPECT_EQ(with_meta(R"({"tag":[ ],"x":1})"), R"({"tag":[ )" SUBSETTED R"(],"x":1})");
  EXPECT_EQ(with_meta(R"({"tag":[{"code":"a"}]})"), R"({"tag":[{"code":"a"},)" SUBSETTED "]}");
  EXPECT_EQ(with_meta(R"({"tag":[)" SUBSETTED "]}"), R"({"tag":[)" SUBSETTED "]}");
  constexpr std::string_view kEscaped =
      R"({"t\u0061g":[1,{"code":"SUBSETTED","system":"http:\/\/terminology.hl7.org\/CodeSystem\/v3-ObservationValue"}]})";
  EXPECT_EQ(with_meta(kEscaped), kEscaped);
  EXPECT_EQ(with_meta(R"({"tag":[{"system":"other","code":"SUBSETTED"}]})"),
            R"({"tag":[{"system":"other","code":"SUBSETTED"},)" SUBSETTED "]}");
  // Security labels of the same system are no tags.
  EXPECT_EQ(with_meta(R"({"security":[)" SUBSETTED "]}"),
            R"({"security":[)" SUBSETTED R"(],"tag":[)" SUBSETTED "]}");
  EXPECT_EQ(with_meta(R"({"tag":null,"x":1})"), R"({"tag":[)" SUBSETTED R"(],"x":1})");
  EXPECT_EQ(with_meta(R"({"tag":{"a":[]}})"), R"({"tag":[)" SUBSETTED "]}");
}

TEST(Elements, AResourceWithoutMetaIsMarkedToo) {
  EXPECT_EQ(projected({"id"}, "Patient", R"({"resourceType":"Patient","id":"1","gender":"male"})"),
            R"({"resourceType":"Patient","id":"1","meta":{"tag":[)" SUBSETTED "]}}");
  EXPECT_EQ(projected({"id"}, "Patient", "{}"), R"({"meta":{"tag":[)" SUBSETTED "]}}");
}

TEST(Elements, KeysWithEscapesAreUnderstood) {
  EXPECT_EQ(projected({"gender"}, "Patient", R"({"g\u0065nder":"male","m\u0065ta":{},"x":1})"),
            R"({"g\u0065nder":"male","m\u0065ta":{"tag":[)" SUBSETTED "]}}");
}

TEST(Elements, TypesThatTheSelectionDoesNotNameStayWhole) {
  const std::string line = R"({"resourceType":"Observation","id":"1","x":[1]})";
  EXPECT_EQ(projected({"Patient.id"}, "Observation", line), line);
}

TEST(Elements, ALineTheStoreWouldNotWriteIsCorrupt) {
  for (const char* line : {"", "x", "[]", "{", R"({"a")", R"({"a":)", R"({"a":1)", R"({"a":1,)",
                           R"({"a":1,})", R"({"a" 1})", R"({"a":1}})", R"({"a":1} x)",
                           R"({"a":[1})", R"({"a":{"b":1})", R"({"meta":1})", R"({"a":1 "b":2})"}) {
    ElementsProjector projector(selection({"id"}), type("Patient"));
    std::string out;
    const auto result = projector.project(line, out);
    ASSERT_FALSE(result) << line;
    EXPECT_EQ(result.error().kind, ErrorKind::kCorrupt) << line;
  }
}

// What is negated must not look as if it were not.
TEST(Elements, WhatChangesTheMeaningStays) {
  EXPECT_EQ(
      projected(
          {"id"}, "Observation",
          R"({"resourceType":"Observation","id":"1","meta":{},"implicitRules":"r","modifierExtension":[{"url":"not"}],"status":"final","code":{},"issued":"x"})"),
      R"({"resourceType":"Observation","id":"1","meta":{"tag":[)" SUBSETTED
      R"(]},"implicitRules":"r","modifierExtension":[{"url":"not"}],"status":"final","code":{}})");
}

std::string summarized(Summary summary, std::string_view type, std::string_view line) {
  ElementsProjector projector(summary, find_resource_type(type).value());
  std::string out;
  EXPECT_TRUE(projector.project(line, out));
  return out;
}

TEST(Summaries, ASummaryHasTheElementsThatTheStandardMarksAndMandatoryOnes) {
  const std::string tag =
      R"("meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]})";
  EXPECT_EQ(
      summarized(Summary::kTrue, "Observation",
                 R"({"resourceType":"Observation","id":"o","meta":{},"text":{},"language":"de",)"
                 R"("implicitRules":"x","status":"final","_status":{"id":"1"},"category":[],)"
                 R"("code":{},"valueQuantity":{"value":1.50},"note":[],"referenceRange":[]})"),
      R"({"resourceType":"Observation","id":"o",)" + tag +
          R"(,"implicitRules":"x","status":"final","_status":{"id":"1"},"code":{},)"
          R"("valueQuantity":{"value":1.50}})");
  // Mandatory, but no part of the standard's summary.
  EXPECT_EQ(summarized(Summary::kTrue, "Provenance",
                       R"({"resourceType":"Provenance","meta":{},"agent":[{}],"policy":["x"]})"),
            R"({"resourceType":"Provenance",)" + tag + R"(,"agent":[{}]})");
}

TEST(Summaries, TextIsTheNarrativeWithWhatIsMandatory) {
  const std::string line =
      R"({"resourceType":"Observation","id":"o","meta":{"tag":[]},"text":{"div":"d"},)"
      R"("status":"final","code":{},"issued":"i"})";
  const std::string coding =
      R"({"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"})";
  EXPECT_EQ(summarized(Summary::kText, "Observation", line),
            R"({"resourceType":"Observation","id":"o","meta":{"tag":[)" + coding +
                R"(]},"text":{"div":"d"},"status":"final","code":{}})");
  EXPECT_EQ(summarized(Summary::kData, "Observation", line),
            R"({"resourceType":"Observation","id":"o","meta":{"tag":[)" + coding +
                R"(]},"status":"final","code":{},"issued":"i"})");
}

}  // namespace
}  // namespace sluice::fhir
