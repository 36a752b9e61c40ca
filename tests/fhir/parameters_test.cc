#include "fhir/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::fhir {
namespace {

std::string of(std::string_view entry) {
  return R"({"resourceType":"Parameters","parameter":[)" + std::string(entry) + "]}";
}

std::string message_of(std::string_view json) {
  const auto read = read_parameters(json);
  if (read) return "";
  EXPECT_EQ(read.error().kind, ErrorKind::kInvalid);
  return read.error().message;
}

/// "kind=value" of the only parameter, or "error".
std::string value_of(std::string_view member) {
  const auto read = read_parameters(of(R"({"name":"n",)" + std::string(member) + "}"));
  if (!read) return "error";
  EXPECT_EQ(read->size(), 1u);
  EXPECT_EQ(read->at(0).name, "n");
  return read->at(0).kind + "=" + read->at(0).value;
}

TEST(Parameters, KeepsOrderAndRepetitions) {
  const auto read = read_parameters(of(
      R"({"name":"_type","valueString":"Patient"},{"valueInstant":"2026-01-01T00:00:00Z","name":"_since"},)"
      R"({"name":"_type","valueString":"Observation"})"));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 3u);
  EXPECT_EQ(read->at(0).value, "Patient");
  EXPECT_EQ(read->at(1).name, "_since");
  EXPECT_EQ(read->at(1).kind, "valueInstant");
  EXPECT_EQ(read->at(2).value, "Observation");
}

TEST(Parameters, AbsentAndEmptyListsAreEmpty) {
  for (const char* json :
       {R"({"resourceType":"Parameters"})", R"({"parameter":[],"resourceType":"Parameters"})",
        R"({"resourceType":"Parameters","id":"1","meta":{"profile":[]},"language":"en"})"}) {
    const auto read = read_parameters(json);
    ASSERT_TRUE(read) << json;
    EXPECT_TRUE(read->empty());
  }
}

TEST(Parameters, UnderstandsEveryKindOfValue) {
  for (const std::string kind :
       {"valueString", "valueInstant", "valueCode", "valueUri", "valueUrl", "valueCanonical",
        "valueDate", "valueDateTime", "valueId", "valueInteger64"}) {
    EXPECT_EQ(value_of("\"" + kind + "\":\"12\""), kind + "=12");
  }
  EXPECT_EQ(value_of(R"("valueString":"a\u00e4\"\/")"), "valueString=a\xC3\xA4\"/");
  EXPECT_EQ(value_of(R"("valueBoolean":true)"), "valueBoolean=true");
  EXPECT_EQ(value_of(R"("valueBoolean" : false )"), "valueBoolean=false");
  EXPECT_EQ(value_of(R"("valueInteger":-12)"), "valueInteger=-12");
  EXPECT_EQ(value_of(R"("valueUnsignedInt":0)"), "valueUnsignedInt=0");
  EXPECT_EQ(value_of(R"("valuePositiveInt":1)"), "valuePositiveInt=1");
  EXPECT_EQ(value_of(R"("valueInteger64":9007199254740993)"), "valueInteger64=9007199254740993");
  EXPECT_EQ(value_of(R"("valueDecimal":1.50)"), "valueDecimal=1.50");
  EXPECT_EQ(value_of(R"("valueReference":{"reference":"Patient/1","display":"x"})"),
            "valueReference=Patient/1");
  EXPECT_EQ(value_of(R"("valueCoding":{"system":"s","code":"c"})"), "valueCoding=c");
}

TEST(Parameters, RefusesValuesOfTheWrongForm) {
  for (const char* member : {R"("valueString":1)",
                             R"("valueString":null)",
                             R"("valueString":{})",
                             R"("valueBoolean":"true")",
                             R"("valueBoolean":1)",
                             R"("valueBoolean":null)",
                             R"("valueInteger":"1")",
                             R"("valueInteger":1.0)",
                             R"("valueInteger":1e2)",
                             R"("valueDecimal":"1")",
                             R"("valueDecimal":true)",
                             R"("valueInteger64":"1.5")",
                             R"("valueInteger64":"")",
                             R"("valueReference":"Patient/1")",
                             R"("valueReference":{})",
                             R"("valueReference":{"display":"x"})",
                             R"("valueReference":{"reference":1})",
                             R"("valueReference":{"reference":"a","reference":"b"})",
                             R"("valueCoding":{"system":"s"})",
                             R"("valueCoding":[])",
                             R"("valueAddress":{})",
                             R"("valueQuantity":{"value":1})",
                             R"("value":"x")",
                             R"("valuestring":"x")"}) {
    EXPECT_EQ(value_of(member), "error") << member;
  }
}

TEST(Parameters, NamesTheEntryThatIsWrong) {
  EXPECT_EQ(message_of(of(R"({"name":"a","valueString":"x"},7)")),
            "Parameters.parameter[1]: not an object");
  EXPECT_EQ(message_of(of(R"({"valueString":"x"})")), "Parameters.parameter[0]: it has no name");
  EXPECT_EQ(message_of(of(R"({"name":"","valueString":"x"})")),
            "Parameters.parameter[0]: it has no name");
  EXPECT_EQ(message_of(of(R"({"name":1,"valueString":"x"})")),
            "Parameters.parameter[0]: its name is not a string");
  EXPECT_EQ(message_of(of(R"({"name":"a","name":"b","valueString":"x"})")),
            "Parameters.parameter[0] 'a': it has two names");
  EXPECT_EQ(message_of(of(R"({"name":"a"})")), "Parameters.parameter[0] 'a': it has no value");
  EXPECT_EQ(message_of(of(R"({"valueString":"x","valueCode":"x","name":"a"})")),
            "Parameters.parameter[0] 'a': it has two values");
  EXPECT_EQ(message_of(of(R"({"valueString":"x","valueString":"x","name":"a"})")),
            "Parameters.parameter[0] 'a': it has two values");
  EXPECT_EQ(message_of(of(R"({"name":"a","resource":{}})")),
            "Parameters.parameter[0] 'a': 'resource' is not supported");
  EXPECT_EQ(message_of(of(R"({"name":"a","part":[]})")),
            "Parameters.parameter[0] 'a': 'part' is not supported");
  EXPECT_EQ(message_of(of(R"({"name":"a","valueString":"x","modifierExtension":[]})")),
            "Parameters.parameter[0] 'a': 'modifierExtension' is not supported");
  EXPECT_EQ(message_of(of(R"({"name":"a","valueQuantity":{}})")),
            "Parameters.parameter[0] 'a': valueQuantity is not supported");
  EXPECT_EQ(message_of(of(R"({"name":"a","valueInteger":1.5})")),
            "Parameters.parameter[0] 'a': valueInteger has a wrong value");
}

TEST(Parameters, ExtensionsAndIdsOfAnEntryAreSkipped) {
  EXPECT_EQ(value_of(R"("id":"1","extension":[{"url":"x"}],"_valueString":{},"valueString":"x")"),
            "valueString=x");
}

// Nothing is silently ignored: a list under a wrong name must not be an export without filters.
TEST(Parameters, RefusesUnknownRootMembers) {
  EXPECT_EQ(message_of(R"({"resourceType":"Parameters","parameters":[]})"),
            "Parameters: 'parameters' is not an element of it");
  EXPECT_EQ(message_of(R"({"resourceType":"Parameters","parameter":[],"parameter":[]})"),
            "Parameters: two members parameter");
}

TEST(Parameters, RefusesWhatIsNoParameters) {
  EXPECT_EQ(message_of(R"({"resourceType":"Patient"})"),
            "resourceType is 'Patient', not Parameters");
  EXPECT_EQ(message_of("{}"), "the body has no resourceType, Parameters is wanted");
  EXPECT_EQ(message_of(R"({"resourceType":"Parameters","parameter":{}})"),
            "Parameters.parameter is not an array");
  EXPECT_EQ(message_of(""), "not JSON: nothing but white space");
  EXPECT_EQ(message_of("[]"), "not a JSON object");
  EXPECT_THAT(message_of(R"({"resourceType":"Parameters")"), testing::StartsWith("not JSON: "));
}

TEST(Parameters, TheirNumberIsBounded_R01) {
  std::string list;
  for (std::size_t i = 0; i < kParametersMax; ++i) list += R"({"name":"a","valueId":"b"},)";
  list.pop_back();
  const auto of_list = [](const std::string& text) {
    return read_parameters(R"({"resourceType":"Parameters","parameter":[)" + text + "]}");
  };
  EXPECT_EQ(of_list(list)->size(), 200'000u);
  const auto refused = of_list(list + R"(,{"name":"a","valueId":"b"})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kTooLarge);
}

TEST(NestedParameters, HaveResourcesAsTheyStandAndPartsOfParts) {
  const auto read = read_nested_parameters(R"({"resourceType":"Parameters","parameter":[
      {"name":"resource","resource":{"resourceType":"Patient", "n":1.50}},
      {"name":"subject","part":[{"name":"name","valueString":"a"},
                                {"name":"deep","part":[{"name":"x","valueBoolean":true}]}]},
      {"name":"_format","valueCode":"csv"}]})");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 3u);
  EXPECT_EQ((*read)[0].resource, R"({"resourceType":"Patient", "n":1.50})");
  EXPECT_EQ((*read)[0].value.kind, "");
  ASSERT_EQ((*read)[1].parts.size(), 2u);
  EXPECT_EQ((*read)[1].parts[0].value.value, "a");
  EXPECT_EQ((*read)[1].parts[1].parts.front().value.name, "x");
  EXPECT_EQ((*read)[2].value.value, "csv");
}

TEST(NestedParameters, NameTheEntryThatIsWrong) {
  const auto problem = [](const std::string& entry) {
    const auto read = read_nested_parameters(
        R"({"resourceType":"Parameters","parameter":[{"name":"a","valueString":"b"},)" + entry +
        "]}");
    return read ? std::string("none") : read.error().message;
  };
  EXPECT_EQ(problem(R"({"name":"s","resource":{},"valueString":"x"})"),
            "Parameters.parameter[1] 's': it has two values");
  EXPECT_EQ(problem(R"({"name":"s","resource":[]})"),
            "Parameters.parameter[1] 's': its resource is not an object");
  EXPECT_EQ(problem(R"({"name":"s","part":{}})"),
            "Parameters.parameter[1] 's': its part is not an array");
  EXPECT_EQ(problem(R"({"name":"s","part":[{"name":"p"}]})"),
            "Parameters.parameter[1] 'p': it has no value");
}

// What takes no resources refuses them.
TEST(Parameters, HaveNoResourcesAndParts) {
  for (const char* more : {R"("resource":{})", R"("part":[])"})
    EXPECT_FALSE(read_parameters(
        std::string(R"({"resourceType":"Parameters","parameter":[{"name":"a",)") + more + "}]}"));
}

}  // namespace
}  // namespace sluice::fhir
