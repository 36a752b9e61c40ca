// What the reader refuses, and what it finds out besides the content.
#include "fhir/resource_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "token_offsets.h"

namespace sluice::fhir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string message_of(std::string_view json, ReaderLimits limits = {}) {
  const auto read = ResourceReader(limits).read(json);
  if (read) return "";
  EXPECT_EQ(read.error().kind, ErrorKind::kInvalid);
  return read.error().message;
}

IncomingResource read(std::string_view json, std::string base_url = {}) {
  auto resource = ResourceReader({}, std::move(base_url)).read(json);
  if (!resource) {
    ADD_FAILURE() << resource.error().message << ": " << json;
    return {};
  }
  return *std::move(resource);
}

std::vector<std::string> names(const std::vector<ResourceId>& ids) {
  std::vector<std::string> out;
  for (const ResourceId& id : ids) out.push_back(std::string(type_name(id.type)) + "/" + id.id);
  return out;
}

TEST(ResourceReader, ReadsTypeAndId) {
  const auto resource = read(R"({"resourceType":"Observation","id":"o-1.A","status":"final"})");
  EXPECT_EQ(type_name(resource.type), "Observation");
  EXPECT_EQ(resource.id, "o-1.A");
  EXPECT_THAT(resource.owners, IsEmpty());
  EXPECT_THAT(resource.supporting, IsEmpty());
}

TEST(ResourceReader, MembersMayStandInAnyOrderAndHaveEscapes) {
  const auto resource = read(
      R"({"subject":{"reference":"Patient\/p\u0031"},"\u0069d":"\u006f1","resource\u0054ype":"Observ\u0061tion"})");
  EXPECT_EQ(type_name(resource.type), "Observation");
  EXPECT_EQ(resource.id, "o1");
  EXPECT_THAT(resource.owners, ElementsAre("p1"));
}

// I-05: limits with clear errors.
TEST(ResourceReader, RefusesWhatIsNotUtf8) {
  EXPECT_EQ(message_of("{\"resourceType\":\"Basic\",\"id\":\"1\",\"x\":\"\xFF\"}"),
            "not valid UTF-8 at byte 38");
}

TEST(ResourceReader, RefusesWhatIsNotJson) {
  EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":"1",})"),
            "not JSON: a key is missing at byte 33");
  EXPECT_EQ(message_of(""), "not JSON: nothing but white space");
  EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":"1)"),
            "not JSON: the string at byte 29 has no end");
}

TEST(ResourceReader, RefusesWhatIsNotAnObject) {
  EXPECT_EQ(message_of(R"([{"resourceType":"Basic","id":"1"}])"), "not a JSON object");
  EXPECT_EQ(message_of("null"), "not a JSON object");
}

TEST(ResourceReader, RefusesSomethingAfterTheObject) {
  EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":"1"} x)"),
            "there is something after the object at byte 34");
  EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":"1"}{"resourceType":"Basic","id":"2"})"),
            "there is something after the object at byte 33");
}

TEST(ResourceReader, RefusesAMissingOrUnknownResourceType) {
  EXPECT_EQ(message_of(R"({"id":"1"})"), "resourceType is missing");
  EXPECT_EQ(message_of(R"({"resourceType":1,"id":"1"})"), "resourceType is not a string");
  EXPECT_EQ(message_of(R"({"resourceType":"Martian","id":"1"})"),
            "resourceType is not a resource type of FHIR R4");
  EXPECT_EQ(message_of(R"({"x":{"resourceType":"Basic"},"id":"1"})"), "resourceType is missing");
}

TEST(ResourceReader, RefusesAMissingOrInvalidId) {
  EXPECT_EQ(message_of(R"({"resourceType":"Basic"})"), "id is missing");
  EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":1})"), "id is not a string");
  EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":null})"), "id is not a string");
  for (const std::string& id : {std::string(), std::string("a_b"), std::string("a b"),
                                std::string(65, 'x'), std::string("\xC3\xA4")}) {
    EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":")" + id + "\"}"),
              "id is not 1 to 64 of A-Z a-z 0-9 '-' and '.'");
  }
  EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":")" + std::string(64, 'x') + "\"}"), "");
}

TEST(ResourceReader, RefusesAKeyTwiceInOneObject) {
  EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":"1","id":"1"})"),
            "a key stands twice in one object, at byte 33");
  EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":"1","a":{"b":1,"c":2,"b":3}})"),
            "a key stands twice in one object, at byte 50");
  EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":"1","a":[{"b":1},{"b":1,"\u0062":3}]})"),
            "a key stands twice in one object, at byte 53");
  EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":"1","longer than 8":1,"longer than 8":2})"),
            "a key stands twice in one object, at byte 51");
  EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":"1","a":{"id":"1"},"b":{"id":"1"}})"), "");
  EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":"1","longer than 8":1,"longer than 9":2})"),
            "");
  EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":"1","":1,"a":1,"a\u0000":2})"), "");
}

TEST(ResourceReader, RefusesAKeyTwiceInALargeObject) {
  const auto with_keys = [](std::size_t count, std::string_view last) {
    std::string json = R"({"resourceType":"Basic","id":"1","extension":{)";
    for (std::size_t i = 0; i < count; ++i) json += "\"key" + std::to_string(i) + "\":1,";
    return json + "\"" + std::string(last) + "\":1}}";
  };
  for (const std::size_t count : {22u, 23u, 24u, 25u, 26u, 1000u, 200000u}) {
    EXPECT_EQ(message_of(with_keys(count, "key")), "") << count;
    EXPECT_THAT(message_of(with_keys(count, "key7")), testing::StartsWith("a key stands twice"))
        << count;
    EXPECT_THAT(message_of(with_keys(count, R"(k\u0065y21)")),
                testing::StartsWith("a key stands twice"))
        << count;
  }
}

TEST(ResourceReader, RefusesWhatIsNestedTooDeeply) {
  const auto nested = [](std::size_t levels) {
    std::string json = R"({"resourceType":"Basic","id":"1")";
    for (std::size_t i = 1; i < levels; ++i) json += R"(,"a":{"b":1)";
    return json + std::string(levels, '}');
  };
  EXPECT_EQ(message_of(nested(100)), "");
  EXPECT_THAT(message_of(nested(101)), testing::StartsWith("nested more than 100 levels deep"));
  ReaderLimits limits;
  limits.depth_max = 5;
  EXPECT_EQ(message_of(nested(5), limits), "");
  EXPECT_THAT(message_of(nested(6), limits), testing::StartsWith("nested more than 5 levels deep"));
}

TEST(ResourceReader, RefusesMetaThatIsNotAnObject) {
  for (const char* meta : {"null", "[]", "[{}]", "1", "\"x\"", "true"}) {
    EXPECT_EQ(message_of(std::string(R"({"resourceType":"Basic","id":"1","meta":)") + meta + "}"),
              "meta is not an object");
  }
}

TEST(ResourceReader, IsLenientWithNullElsewhere) {
  EXPECT_EQ(message_of(R"({"resourceType":"Basic","id":"1","code":null,"subject":null})"), "");
}

TEST(ResourceReader, RefusesWhatIsTooLargeButLetsGroupsGrow) {
  ReaderLimits limits;
  limits.resource_size_max = 100;
  limits.group_size_max = 200;
  const auto sized = [](std::string_view type, std::size_t size) {
    std::string json = R"({"resourceType":")" + std::string(type) + R"(","id":"1","x":")";
    return json + std::string(size - json.size() - 2, 'x') + "\"}";
  };
  ResourceReader reader(limits);
  EXPECT_TRUE(reader.read(sized("Basic", 100)));
  EXPECT_TRUE(reader.read(sized("Group", 200)));
  for (const std::string& json : {sized("Basic", 101), sized("Group", 201), sized("Basic", 300)}) {
    const auto read = reader.read(json);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().kind, ErrorKind::kTooLarge);
  }
  EXPECT_EQ(reader.read(sized("Basic", 101)).error().message, "larger than 100 bytes");
  EXPECT_EQ(reader.read(sized("Group", 201)).error().message, "larger than 200 bytes");
}

TEST(ResourceReader, MessagesDoNotQuoteTheContent) {
  for (const char* json :
       {R"({"resourceType":"Basic","id":"Secret Name"})", R"({"resourceType":"SecretName"})",
        R"({"resourceType":"Basic","id":"1","SecretName":1,"SecretName":2})",
        R"({"resourceType":"Basic","id":"1","a":SecretName})",
        R"({"resourceType":"Basic","id":"1","meta":"SecretName"})"}) {
    EXPECT_THAT(message_of(json), testing::Not(testing::HasSubstr("Secret"))) << json;
  }
}

TEST(ResourceReader, ReadsOnAfterAnError) {
  ResourceReader reader;
  EXPECT_FALSE(reader.read(R"({"resourceType":"Basic","id":"1","a":[{"b":{"b":)"));
  EXPECT_FALSE(reader.read(R"({"resourceType":"Basic","id":"1","a":{"subject":{"x":1,"x":2}}})"));
  const auto read =
      reader.read(R"({"resourceType":"Basic","id":"1","subject":{"reference":"Patient/p"}})");
  ASSERT_TRUE(read);
  EXPECT_THAT(read->owners, ElementsAre("p"));
}

TEST(ResourceReader, UsesTheGivenIdOnlyIfThereIsNone) {
  ResourceReader reader;
  EXPECT_EQ(reader.read(R"({"resourceType":"Basic"})", "given")->id, "given");
  EXPECT_EQ(reader.read(R"({"resourceType":"Basic","id":"own"})", "given")->id, "own");
  EXPECT_FALSE(reader.read(R"({"resourceType":"Basic"})", "not valid"));
  EXPECT_FALSE(reader.read(R"({"resourceType":"Basic"})", ""));
  EXPECT_FALSE(reader.read(R"({"resourceType":"Basic","id":7})", "given"));
}

TEST(ResourceReader, DigestsAreEqualWhenTheContentIs) {
  const auto plain = read(R"({"resourceType":"Basic","id":"1","meta":{"versionId":"1"}})");
  const auto other_version = read(R"({"resourceType":"Basic","id":"1","meta":{"versionId":"2"}})");
  const auto broken_up = read("{\"resourceType\":\"Basic\",\n\"id\":\"1\",\n\"meta\":{}}\n");
  const auto other = read(R"({"resourceType":"Basic","id":"1","meta":{ }})");
  EXPECT_EQ(plain.digest, other_version.digest);
  EXPECT_EQ(plain.digest, broken_up.digest);
  EXPECT_NE(plain.digest, other.digest);
  // printf '{"resourceType":"Basic","id":"1"}' | sha256sum
  const ContentDigest expected = {0x04, 0x4a, 0xdc, 0x92, 0x6e, 0x84, 0x52, 0x62,
                                  0x66, 0xf4, 0x90, 0xcc, 0xae, 0xab, 0x66, 0xc7};
  EXPECT_EQ(read(R"({"resourceType":"Basic","id":"1"})").digest, expected);
}

TEST(ResourceReader, OwnersAreThePatientsOfTheCompartment) {
  EXPECT_THAT(read(R"({"resourceType":"Observation","id":"1","subject":{"reference":"Patient/b"},
      "performer":[{"reference":"Practitioner/x"},{"reference":"Patient/a"},{"reference":"Patient/b"}]})")
                  .owners,
              ElementsAre("a", "b"));
  EXPECT_THAT(read(R"({"resourceType":"Coverage","id":"1","beneficiary":{"reference":"Patient/1"},
      "subscriber":{"reference":"Patient/2"},"policyHolder":{"reference":"Patient/3"},
      "payor":[{"reference":"Patient/4"},{"reference":"Organization/5"}]})")
                  .owners,
              ElementsAre("1", "2", "3", "4"));
  EXPECT_THAT(read(R"({"resourceType":"Appointment","id":"1","participant":[
      {"actor":{"reference":"Patient/z"},"status":"accepted"},
      {"actor":{"reference":"Location/l"},"status":"accepted"},
      {"status":"accepted","actor":{"display":"x","reference":"Patient/y"}}]})")
                  .owners,
              ElementsAre("y", "z"));
  EXPECT_THAT(read(R"({"resourceType":"Provenance","id":"1","target":[{"reference":"Patient/p"},
      {"reference":"Observation/o"}],"agent":[{"who":{"reference":"Patient/q"}}]})")
                  .owners,
              ElementsAre("p"));
}

TEST(ResourceReader, OnlyTheTypesOwnPathsCount) {
  // performer is a path of Observation, performer.actor one of Procedure.
  EXPECT_THAT(read(R"({"resourceType":"Observation","id":"1",
      "performer":[{"actor":{"reference":"Patient/a"}}]})")
                  .owners,
              IsEmpty());
  EXPECT_THAT(read(R"({"resourceType":"Procedure","id":"1",
      "performer":[{"actor":{"reference":"Patient/a"}}]})")
                  .owners,
              ElementsAre("a"));
  EXPECT_THAT(read(R"({"resourceType":"Procedure","id":"1",
      "performer":[{"reference":"Patient/a"}]})")
                  .owners,
              IsEmpty());
  // Not at the root of the resource.
  EXPECT_THAT(read(R"({"resourceType":"Observation","id":"1",
      "contained":[{"resourceType":"Observation","subject":{"reference":"Patient/a"}}],
      "component":[{"subject":{"reference":"Patient/b"}}],
      "extension":[{"url":"x","valueReference":{"reference":"Patient/c"}}],
      "focus":[{"reference":"Patient/d"}]})")
                  .owners,
              IsEmpty());
  // Not references to patients.
  EXPECT_THAT(read(R"({"resourceType":"Observation","id":"1",
      "subject":{"reference":"Group/a"},"performer":[{"reference":"#p"},{"reference":null},
      {"reference":7},{"reference":{"reference":"Patient/x"}},{"display":"Patient/y"},
      {"reference":"urn:uuid:1"},{"reference":"https://other/fhir/Patient/z"}]})")
                  .owners,
              IsEmpty());
}

TEST(ResourceReader, APatientOwnsItselfFirst) {
  EXPECT_THAT(read(R"({"resourceType":"Patient","id":"m"})").owners, ElementsAre("m"));
  EXPECT_THAT(
      read(R"({"resourceType":"Patient","id":"m","link":[{"other":{"reference":"Patient/z"}},
      {"other":{"reference":"Patient/a"}},{"other":{"reference":"Patient/m"}},
      {"other":{"reference":"RelatedPerson/r"}}]})")
          .owners,
      ElementsAre("m", "a", "z"));
}

TEST(ResourceReader, AGroupIsOwnedByNobody) {
  const auto group = read(R"({"resourceType":"Group","id":"g","member":[
      {"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Practitioner/p"}}]})");
  EXPECT_THAT(group.owners, IsEmpty());
  EXPECT_THAT(names(group.supporting), ElementsAre("Practitioner/p"));
}

TEST(ResourceReader, ReferencesBelowTheBaseAreLocal) {
  const auto resource = read(R"({"resourceType":"Observation","id":"1",
      "subject":{"reference":"https://here/fhir/Patient/p/_history/3"},
      "performer":[{"reference":"https://here/fhir/Organization/o"},
                   {"reference":"https://there/fhir/Organization/x"}]})",
                             "https://here/fhir/");
  EXPECT_THAT(resource.owners, ElementsAre("p"));
  EXPECT_THAT(names(resource.supporting), ElementsAre("Organization/o"));
}

// G-05: supporting resources are those outside the compartment, wherever they are referred to.
TEST(ResourceReader, SupportingReferencesAreFoundEverywhere) {
  const auto resource = read(R"({"resourceType":"Encounter","id":"1",
      "contained":[{"resourceType":"Basic","author":{"reference":"Practitioner/contained"}}],
      "extension":[{"url":"x","extension":[{"url":"y","valueReference":{"reference":"Device/d"}}]}],
      "subject":{"reference":"Patient/p"},
      "participant":[{"individual":{"reference":"Practitioner/b"}},
                     {"individual":{"reference":"Practitioner/a"}},
                     {"individual":{"reference":"Practitioner/b"}}],
      "serviceProvider":{"reference":"Organization/o"},
      "diagnosis":[{"condition":{"reference":"Condition/c"}}],
      "location":[{"location":{"reference":"Location/l"}},{"location":{"reference":"#l"}}],
      "reasonReference":[{"reference":"Group/g"},{"reference":"Binary/b"},{"reference":"Bundle/b"}]})");
  EXPECT_THAT(names(resource.supporting),
              ElementsAre("Device/d", "Location/l", "Organization/o", "Practitioner/a",
                          "Practitioner/b", "Practitioner/contained"));
}

// The expressions of the standard, taken apart here by other means than those that made our table.
TEST(ResourceReader, EveryCompartmentPathOfTheStandardCounts) {
  std::ifstream compartment(SLUICE_FHIR_R4 "/patient_compartment.tsv");
  std::ifstream searches(SLUICE_FHIR_R4 "/search_parameters.tsv");
  std::map<std::string, std::string> expressions;  // by "Type param"
  for (std::string line; std::getline(searches, line);) {
    std::istringstream cells(line);
    std::string cell[5];
    for (std::string& each : cell) std::getline(cells, each, '\t');
    expressions[cell[0] + " " + cell[1]] = cell[4];
  }
  std::size_t checked = 0;
  std::string line;
  std::getline(compartment, line);
  while (std::getline(compartment, line)) {
    const std::string type = line.substr(0, line.find('\t'));
    std::istringstream parameters(line.substr(type.size() + 1));
    for (std::string parameter; std::getline(parameters, parameter, ',');) {
      std::istringstream alternatives(expressions.at(type + " " + parameter));
      for (std::string path; std::getline(alternatives, path, '|');) {
        path = path.substr(path.find('.') + 1);
        path = path.substr(0, path.find(".where("));
        path.erase(path.find_last_not_of(" )") + 1);
        std::string value = R"({"reference":"Patient/p"})";
        while (!path.empty()) {  // innermost step first, arrays and single objects in turn
          const std::size_t dot = path.rfind('.');
          const std::string step = dot == std::string::npos ? path : path.substr(dot + 1);
          value = "{\"" + step + "\":" + (++checked % 2 == 0 ? value : "[" + value + "]") + "}";
          path = dot == std::string::npos ? "" : path.substr(0, dot);
        }
        const std::string json = R"({"resourceType":")" + type + R"(","id":"i",)" + value.substr(1);
        const auto owners = read(json).owners;
        if (type == "Group") {
          EXPECT_THAT(owners, IsEmpty());
        } else if (type == "Patient") {
          EXPECT_THAT(owners, ElementsAre("i", "p"));
        } else {
          EXPECT_THAT(owners, ElementsAre("p")) << json;
        }
      }
    }
  }
  EXPECT_GT(checked, 110u);
}

// G-05: the one path that R4's definition does not have.
TEST(ResourceReader, ADeviceIsInTheCompartmentOfItsPatient) {
  const auto device = read(R"({"resourceType":"Device","id":"d","patient":{"reference":"Patient/p"},
      "owner":{"reference":"Organization/o"},"parent":{"reference":"Device/whole"}})");
  EXPECT_THAT(device.owners, ElementsAre("p"));
  // Others come by reference, as far as they have no patient.
  EXPECT_THAT(names(device.supporting), ElementsAre("Device/whole", "Organization/o"));
  EXPECT_THAT(read(R"({"resourceType":"Device","id":"d"})").owners, IsEmpty());
}

TEST(ResourceReader, GivesAResourceThatIsNewAnIdAndLeavesTheOtherBytes) {
  const auto made = [](std::string_view json) {
    return ResourceReader().read_as_new(json, "new").value();
  };
  const auto patient = made(R"( {"id" : "old" ,"resourceType":"Patient","x":1.50} )");
  EXPECT_EQ(patient.id, "new");
  EXPECT_THAT(patient.owners, ElementsAre("new"));
  EXPECT_THAT(patient.content,
              testing::HasSubstr(R"("id" : "new" ,"resourceType":"Patient","x":1.50)"));
  EXPECT_THAT(made(R"({"resourceType":"Patient"})").content, testing::HasSubstr(R"("id":"new")"));
  // Only the root's.
  EXPECT_THAT(made(R"({"resourceType":"Patient","contained":[{"id":"c"}],"id":"old"})").content,
              testing::HasSubstr(R"([{"id":"c"}],"id":"new")"));
  EXPECT_EQ(patient.token_offsets, token_offsets(patient.content));
}

TEST(ResourceReader, ReadsATextOnceWhateverItIsCalled) {
  const std::string text =
      R"({"resourceType":"Patient","id":"a-much-longer-id","active":true,"x":{"id":"c"}})";
  ResourceReader reader;
  const std::size_t before = JsonTokens::texts_read();
  const auto as_new = reader.read_as_new(text, "new").value();
  EXPECT_EQ(JsonTokens::texts_read(), before + 1);
  EXPECT_EQ(as_new.content,
            R"({"resourceType":"Patient","id":"new","active":true,"x":{"id":"c"}})");
  EXPECT_EQ(as_new.token_offsets, token_offsets(as_new.content));
  EXPECT_EQ(as_new.digest, reader.read(as_new.content).value().digest);
  EXPECT_EQ(reader.read_as_new(R"({"resourceType":"Patient","id":"_"})", "new").error().message,
            "id is not 1 to 64 of A-Z a-z 0-9 '-' and '.'");
}

TEST(ResourceReader, ReadsTheSameAgainUnderAnotherIdWithoutFindingItsTokens) {
  ResourceReader reader;
  const auto first = reader.read(R"({"resourceType":"Patient","active":true})", "one").value();
  const std::size_t before = JsonTokens::texts_read();
  const auto second = reader.read_again("two").value();
  EXPECT_EQ(JsonTokens::texts_read(), before);
  EXPECT_EQ(first.content, R"({"resourceType":"Patient","id":"one","active":true})");
  EXPECT_EQ(second.content, R"({"resourceType":"Patient","id":"two","active":true})");
  EXPECT_THAT(second.owners, ElementsAre("two"));
  EXPECT_NE(first.digest, second.digest);
}

TEST(ResourceReader, DropsTokensForALoad) {
  ResourceReader reader({}, {}, ResourceReader::Tokens::kDropped);
  const auto resource = reader.read(R"({"resourceType":"Patient","id":"a"})").value();
  EXPECT_TRUE(resource.token_offsets.empty());
  EXPECT_EQ(resource.tokens().size(), 9u) << "they can be found once more";
  EXPECT_TRUE(with_meta(resource, 1, {}).token_offsets.empty());
}

}  // namespace
}  // namespace sluice::fhir
