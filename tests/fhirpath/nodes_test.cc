// Paths through resources: choices, primitives with extensions, references, FHIR's functions.
#include <gtest/gtest.h>

#include "evaluating.h"

namespace sluice::fhirpath {
namespace {

constexpr std::string_view kPatient =
    R"({"resourceType":"Patient","id":"p","contained":[{"resourceType":"Organization","id":"o",)"
    R"("name":"Org"}],"name":[{"use":"official","family":"A","given":["B","C"],"_given":[null,)"
    R"({"id":"x","extension":[{"url":"u","valueString":"v"}]}]},{"given":["D"]}],)"
    R"("_birthDate":{"extension":[{"url":"time","valueDateTime":"1970-01-01T10:00:00Z"}]},)"
    R"("deceasedBoolean":false,"managingOrganization":{"reference":"#o"},)"
    R"("generalPractitioner":[{"reference":"Practitioner/7/_history/2"}]})";

TEST(Paths, FlattenCollections) {
  EXPECT_EQ(eval("name.given", kPatient), R"("B" "C" "D")");
  EXPECT_EQ(eval("Patient.name.where(use = 'official').given.first()", kPatient), R"("B")");
  EXPECT_EQ(eval("Resource.id", kPatient), R"("p")");
  EXPECT_EQ(eval("name[1].given", kPatient), R"("D")");
  EXPECT_EQ(eval("name.exists(family = 'A' and given.count() = 2)", kPatient), "true");
}

TEST(Paths, ThatTheTypeDoesNotHaveAreErrorsWhenStrict) {
  EXPECT_EQ(eval("name.given1", kPatient),
            "error: FHIRPath: HumanName has no element 'given1' (at character 6)");
  EXPECT_EQ(eval("Encounter.status", kPatient),
            "error: FHIRPath: this is evaluated on Patient, not Encounter (at character 1)");
  EXPECT_EQ(eval("deceasedBoolean", kPatient),
            "error: FHIRPath: Patient has no element 'deceasedBoolean'; write "
            "deceased.ofType(boolean) (at character 1)");
  CompileOptions lenient;
  lenient.strictness = Strictness::kLenient;
  EXPECT_TRUE(outcome("name.given1 | deceasedBoolean", kPatient, lenient).values.empty());
}

TEST(Choices, AreOneElementWithTypes) {
  EXPECT_EQ(eval("deceased", kPatient), "false");
  EXPECT_EQ(eval("deceased is boolean", kPatient), "true");
  EXPECT_EQ(eval("deceased.ofType(dateTime)", kPatient), "{}");
  const std::string_view observation =
      R"({"resourceType":"Observation","valueQuantity":{"value":1.50,"code":"mg",)"
      R"("system":"http://unitsofmeasure.org"},"component":[{"valueCodeableConcept":{"text":"t"}}]})";
  EXPECT_EQ(eval("value.ofType(Quantity).value", observation), "1.50");
  EXPECT_EQ(eval("(value as Quantity).unit", observation), "{}");
  EXPECT_EQ(eval("value = 1.5 'mg'", observation), "true");
  EXPECT_EQ(eval("value > 1 'ug'", observation), "true");
  EXPECT_EQ(eval("component.value.ofType(CodeableConcept).text", observation), R"("t")");
  EXPECT_EQ(eval("(value as Period).unit", observation),
            "error: FHIRPath: Period has no element 'unit' (at character 19)");
}

TEST(Primitives, KeepTheirIdsAndExtensions) {
  EXPECT_EQ(eval("name.given.extension('u').value", kPatient), R"("v")");
  EXPECT_EQ(eval("name.given.where(extension.exists())", kPatient), R"("C")");
  EXPECT_EQ(eval("name.given[1].id", kPatient), R"("x")");
  EXPECT_EQ(eval("birthDate.exists()", kPatient), "true");
  EXPECT_EQ(eval("birthDate.hasValue()", kPatient), "false");
  EXPECT_EQ(eval("birthDate.getValue()", kPatient), "{}");
  EXPECT_EQ(eval("birthDate", kPatient), "null");
  EXPECT_EQ(eval("birthDate.extension('time').value.toDate()", kPatient), R"("1970-01-01")");
  EXPECT_EQ(eval("name.first().family.getValue()", kPatient), R"("A")");
}

TEST(Tree, ChildrenAndDescendants) {
  EXPECT_EQ(eval("name[1].children()", kPatient), R"("D")");
  EXPECT_EQ(eval("children().count()", kPatient), "8");
  EXPECT_EQ(eval("descendants().ofType(Reference).reference", kPatient),
            R"("#o" "Practitioner/7/_history/2")");
  EXPECT_EQ(eval("descendants().where($this is HumanName).count()", kPatient), "2");
}

TEST(References, LeadToWhatIsContained) {
  EXPECT_EQ(eval("managingOrganization.resolve().name", kPatient), R"("Org")");
  EXPECT_EQ(eval("managingOrganization.resolve() is Organization", kPatient), "true");
  EXPECT_EQ(eval("generalPractitioner.resolve()", kPatient), "{}");
  EXPECT_EQ(eval("contained.ofType(Organization).name", kPatient), R"("Org")");
}

TEST(References, LeadToOtherEntriesOfTheirBundle) {
  const std::string_view bundle =
      R"({"resourceType":"Bundle","entry":[{"fullUrl":"urn:uuid:1","resource":)"
      R"({"resourceType":"Patient","id":"a"}},{"resource":{"resourceType":"Observation",)"
      R"("subject":{"reference":"urn:uuid:1"},"performer":[{"reference":"Patient/a"}]}}]})";
  EXPECT_EQ(eval("entry.resource.ofType(Observation).subject.resolve().id", bundle), R"("a")");
  EXPECT_EQ(eval("entry.resource.ofType(Observation).performer.resolve().id", bundle), R"("a")");
}

TEST(Keys, OfResourcesAndReferencesAreTheSame) {
  EXPECT_EQ(eval("getResourceKey()", kPatient), R"("p")");
  EXPECT_EQ(eval("generalPractitioner.getReferenceKey()", kPatient), R"("7")");
  EXPECT_EQ(eval("generalPractitioner.getReferenceKey(Practitioner)", kPatient), R"("7")");
  EXPECT_EQ(eval("generalPractitioner.getReferenceKey(Patient)", kPatient), "{}");
  EXPECT_EQ(eval("managingOrganization.getReferenceKey()", kPatient), "{}");
}

TEST(Equality, OfElementsLooksAtAllThatTheyContain) {
  const std::string_view codes =
      R"({"resourceType":"Observation","code":{"coding":[{"system":"s","code":"a"},)"
      R"({"code":"a","system":"s"},{"system":"s","code":"A"}]}})";
  EXPECT_EQ(eval("code.coding[0] = code.coding[1]", codes), "true");
  EXPECT_EQ(eval("code.coding[0] = code.coding[2]", codes), "false");
  EXPECT_EQ(eval("code.coding[0] ~ code.coding[2]", codes), "true");
  EXPECT_EQ(eval("code.coding.distinct().count()", codes), "2");
}

TEST(UnknownResources, AreReadByTheirNames) {
  EXPECT_EQ(eval("name.first & select.count().toString()",
                 R"({"resourceType":"ViewDefinition","name":{"first":"x"},"select":[1,2]})"),
            R"("x2")");
}

TEST(Repeat, FollowsElementsOfOtherTypes) {
  EXPECT_EQ(eval("repeat(item).linkId",
                 R"({"resourceType":"Questionnaire","item":[{"linkId":"1","item":[{"linkId":"1.1",)"
                 R"("item":[{"linkId":"1.1.1"}]}]},{"linkId":"2"}]})"),
            R"("1" "2" "1.1" "1.1.1")");
}

TEST(Nodes, ValuesAreWrittenOnOneLine) {
  EXPECT_EQ(eval("name",
                 "{\"resourceType\": \"Patient\",\n \"name\": [{\n  \"text\" : \"a  \\\" b\" ,\r\n"
                 "  \"given\": [ \"c\" ]\n }]}"),
            R"-({"text":"a  \" b","given":["c"]})-");
}

TEST(Nodes, TheResourceIsTheInnermostThatIsNotContained) {
  constexpr std::string_view kBundle =
      R"-({"resourceType":"Bundle","entry":[{"resource":{"id":"a","resourceType":"Patient",)-"
      R"-("contained":[{"resourceType":"Organization","id":"o","name":"n"}],"name":[{"text":"x"}]}},)-"
      R"-({"resource":{"resourceType":"Patient","id":"b","name":[{"text":"y"}]}}],"id":"z"})-";
  const Resource resource(kBundle);
  const auto ids = [&](std::string_view path, std::string_view variable) {
    const auto elements = Expression::compile(path).value();
    const auto id = Expression::compile(variable).value();
    std::string text;
    Evaluation evaluation;
    const auto found = evaluation.evaluate(elements, *resource.document).value();
    for (const auto& element : found)
      for (const auto& value : evaluation.evaluate(id, element).value()) text += to_json(value);
    return text;
  };
  EXPECT_EQ(ids("entry.resource.name", "%resource.id"), R"("a""b")");
  EXPECT_EQ(ids("entry.resource.contained.name", "%resource.id"), R"("o")");
  EXPECT_EQ(ids("entry.resource.contained.name", "%rootResource.id"), R"("a")");
  EXPECT_EQ(ids("entry", "%resource.id"), R"("z""z")");
  EXPECT_EQ(ids("id", "%resource.id"), R"("z")");
}

}  // namespace
}  // namespace sluice::fhirpath
