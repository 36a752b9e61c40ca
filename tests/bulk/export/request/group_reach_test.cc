// R-06: a client that is limited to Groups learns nothing of what its exports could not give it,
// whatever its filters ask.
#include "bulk/export/request/group_reach.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "bulk/export/job/export_job.h"
#include "bulk/export/request/export_patients.h"
#include "bulk/export/request/stored_export.h"
#include "bulk/group/patient_set.h"
#include "export_fixture.h"

namespace sluice::bulk {
namespace {

using Keys = std::set<std::string>;
using Texts = std::vector<std::string>;

std::string group(const std::string& id, const Texts& members) {
  std::string text;
  for (const auto& member : members)
    text += fmt::format(R"({}{{"entity":{{"reference":"{}"}}}})", text.empty() ? "" : ",", member);
  return fmt::format(
      R"({{"resourceType":"Group","id":"{}","type":"person","actual":true,"name":"{}","member":[{}]}})",
      id, id, text);
}

class GroupReachTest : public ExportFixture {
 protected:
  void SetUp() override {
    ExportFixture::SetUp();
    put({group("mine", {"Patient/in", "Group/inner"}), group("inner", {"Patient/nested"}),
         group("second", {"Patient/in2"}), group("other", {"Patient/in", "Patient/out"}),
         patient("in", R"("link":[{"other":{"reference":"Patient/out"},"type":"seealso"}],)"
                       R"("managingOrganization":{"reference":"Organization/of-in"})"),
         patient("nested", R"("link":[{"other":{"reference":"Patient/in2"},"type":"seealso"}])"),
         patient("in2", R"("managingOrganization":{"reference":"Organization/shared"})"),
         patient("out", R"("managingOrganization":{"reference":"Organization/of-out"})"),
         named("Organization", "of-in", R"("partOf":{"reference":"Organization/parent"})"),
         named("Organization", "parent"), named("Organization", "of-out"),
         named("Organization", "shared"),
         // Refers to a member's Organization, and is referred to by nobody.
         named("Organization", "child", R"("partOf":{"reference":"Organization/of-in"})"),
         observation("in", "Patient/in", R"("performer":[{"reference":"Practitioner/of-in"}])"),
         observation("out", "Patient/out",
                     R"("performer":[{"reference":"Practitioner/of-out"},)"
                     R"({"reference":"Practitioner/of-in"}],)"
                     R"("hasMember":[{"reference":"Observation/in"}])"),
         named("Practitioner", "of-in"), named("Practitioner", "of-out"),
         named("Practitioner", "of-provenance"),
         provenance("of-o", "Observation/in", "of-provenance"),
         provenance("of-hidden", "Observation/out", "of-out")});
  }
  static std::string patient(const std::string& id, const std::string& more) {
    return fmt::format(R"({{"resourceType":"Patient","id":"{}","birthDate":"1970-01-01",{}}})", id,
                       more);
  }
  static std::string named(const std::string& type, const std::string& id,
                           const std::string& more = R"("active":true)") {
    const std::string name = type == "Organization"
                                 ? fmt::format(R"("name":"{}")", id)
                                 : fmt::format(R"("name":[{{"family":"{}"}}])", id);
    return fmt::format(R"({{"resourceType":"{}","id":"{}",{},{}}})", type, id, name, more);
  }
  static std::string observation(const std::string& id, const std::string& subject,
                                 const std::string& more) {
    return fmt::format(
        R"({{"resourceType":"Observation","id":"{}","status":"final","code":{{"text":"x"}},)"
        R"("subject":{{"reference":"{}"}},{}}})",
        id, subject, more);
  }
  static std::string provenance(const std::string& id, const std::string& target,
                                const std::string& who) {
    return fmt::format(
        R"({{"resourceType":"Provenance","id":"{}","recorded":"2020-01-01T00:00:00Z",)"
        R"("target":[{{"reference":"{}"}}],"agent":[{{"who":{{"reference":"Practitioner/{}"}}}}]}})",
        id, target, who);
  }

  ExportRequest request(const std::string& filter, const std::string& group_id = "mine") {
    const auto parsed = parse_export_request(
        {{"_typeFilter", filter, "valueString"},
         {"_type", "Patient,Observation,Provenance,Organization,Practitioner", "valueString"}},
        {ExportLevel::kGroup, false, "http://here/fhir"});
    EXPECT_TRUE(parsed) << parsed.error().message;
    ExportRequest asked = *parsed;
    asked.group_id = group_id;
    return asked;
  }
  /// What passes the filter.
  Keys exported(const std::string& filter, std::optional<GroupLimit> limit) {
    ExportRequest asked = request(filter);
    asked.limits.groups = std::move(limit);
    Keys found = keys(run(asked));
    const std::string type = filter.substr(0, filter.find('?')) + "/";
    std::erase_if(found, [&](const auto& key) { return !key.starts_with(type); });
    return found;
  }
};

TEST_F(GroupReachTest, R06ChainsAndHasSeeWhatTheGroupsExportsCouldGive) {
  struct Case {
    const char* filter;
    Keys all;   // what a client without limits gets
    Keys mine;  // what the one gets that may export Group/mine
  };
  const Keys none;
  const std::vector<Case> cases = {
      {"Patient?_has:Group:member:_id=other", {"Patient/in"}, none},
      {"Patient?_has:Group:member:_id=mine", {"Patient/in"}, {"Patient/in"}},
      {"Patient?_has:Group:member:_id=inner", {"Patient/nested"}, none},
      {"Patient?link:Patient.birthdate=1970-01-01", {"Patient/in", "Patient/nested"}, none},
      {"Patient?organization.name=of-in", {"Patient/in"}, {"Patient/in"}},
      {"Patient?organization:Organization.partof=Organization/parent",
       {"Patient/in"},
       {"Patient/in"}},
      {"Organization?_has:Organization:partof:name=of-in",
       {"Organization/parent"},
       {"Organization/parent"}},
      {"Organization?_has:Organization:partof:name=child", {"Organization/of-in"}, none},
      {"Organization?_has:Patient:organization:birthdate=1970-01-01",
       {"Organization/of-in"},
       {"Organization/of-in"}},
      {"Practitioner?_has:Observation:performer:subject=Patient/out", {"Practitioner/of-in"}, none},
      {"Observation?performer:Practitioner.name=of-in", {"Observation/in"}, {"Observation/in"}},
      {"Observation?_has:Observation:has-member:status=final", {"Observation/in"}, none},
      {"Observation?_has:Provenance:target:recorded=2020", {"Observation/in"}, {"Observation/in"}},
      {"Practitioner?_has:Provenance:agent:recorded=2020",
       {"Practitioner/of-provenance"},
       {"Practitioner/of-provenance"}},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(exported(c.filter, std::nullopt), c.all) << c.filter;
    EXPECT_EQ(exported(c.filter, GroupLimit{{"mine"}}), c.mine) << c.filter;
  }
}

// G-05: whose a Device is counts, not who refers to it.
TEST_F(GroupReachTest, R06ADeviceOfSomebodyElseIsNotInReachByReference) {
  const auto device = [](const std::string& id, const std::string& more) {
    return fmt::format(R"({{"resourceType":"Device","id":"{}","serialNumber":"x"{}}})", id, more);
  };
  const auto uses = [](const std::string& id) {
    return observation("uses-" + id, "Patient/in",
                       fmt::format(R"("device":{{"reference":"Device/{}"}})", id));
  };
  put({device("of-out", R"(,"patient":{"reference":"Patient/out"},"status":"active")"),
       device("of-in", R"(,"patient":{"reference":"Patient/in"},"status":"active")"),
       device("nobodys", R"(,"status":"active")"), uses("of-out"), uses("of-in"), uses("nobodys")});
  const std::string filter = "Observation?device:Device.status=active";
  EXPECT_EQ(
      exported(filter, std::nullopt),
      (Keys{"Observation/uses-of-out", "Observation/uses-of-in", "Observation/uses-nobodys"}));
  EXPECT_EQ(exported(filter, GroupLimit{{"mine"}}),
            (Keys{"Observation/uses-of-in", "Observation/uses-nobodys"}));
}

TEST_F(GroupReachTest, R06AllGroupsOfTheClientAreInReach) {
  const std::string linked = "Patient?link:Patient.birthdate=1970-01-01";
  EXPECT_EQ(exported(linked, GroupLimit{{"mine", "second"}}), Keys{"Patient/nested"});
  EXPECT_EQ(exported("Patient?_has:Group:member:_id=other", GroupLimit{{"mine", "other"}}),
            Keys{"Patient/in"});
  EXPECT_EQ(exported(linked, GroupLimit{{"mine", "nosuch"}}), Keys());
  // Groups that cannot be exported give nothing.
  put({group("ring", {"Group/ring", "Patient/out"})});
  EXPECT_EQ(exported(linked, GroupLimit{{"mine", "ring"}}), Keys());
}

TEST_F(GroupReachTest, R06OnlyWhatTheScopesCoverLeadsToSupportingResources) {
  const std::string filter = "Patient?organization.name=of-in";
  const auto with = [](const char* other) {
    GroupLimit limit{{"mine"}};
    limit.types = {{*fhir::find_resource_type("Organization"), *fhir::find_resource_type(other)}};
    std::sort(limit.types->begin(), limit.types->end());
    return limit;
  };
  EXPECT_EQ(exported(filter, with("Patient")), Keys{"Patient/in"});
  EXPECT_EQ(exported(filter, with("Observation")), Keys());
}

TEST_F(GroupReachTest, R06APatientWhoIsNoMemberIsOneWhoIsNotThere) {
  const auto answer = [&](const Texts& patients, bool limited, bool lenient = false) {
    ExportRequest asked = request("Patient?gender=female");
    asked.patients = patients;
    if (limited) asked.limits.groups = GroupLimit{{"mine"}};
    const auto checked = check_against_store(*store_, asked, store_->last_commit(), lenient);
    return checked ? fmt::format("{}", fmt::join(*asked.patients, ",")) +
                         (asked.skipped.empty() ? "" : "; " + asked.skipped[0])
                   : checked.error().message;
  };
  EXPECT_EQ(answer({"out"}, true), "patient: 1 of 1 are not known: Patient/out");
  EXPECT_EQ(answer({"xxx"}, true), "patient: 1 of 1 are not known: Patient/xxx");
  EXPECT_EQ(answer({"in", "out"}, true, true), "in; patient: 1 of 2 are not known: Patient/out");
  EXPECT_EQ(answer({"in", "xxx"}, true, true), "in; patient: 1 of 2 are not known: Patient/xxx");
  EXPECT_EQ(answer({"in", "nested"}, true), "in,nested");
  EXPECT_EQ(answer({"out"}, false), "patient: 1 of 1 are not members of Group/mine: Patient/out");
}

TEST_F(GroupReachTest, F06OneResourceIsInReachAsExportsAre) {
  const auto in_reach = [&](const std::string& type, const std::string& id, GroupLimit limit,
                            const AccessLimits& access = {}) {
    const auto commit = store_->last_commit();
    const auto filters =
        AccessFilters::compile(access, {.base_url = "http://here/fhir", .now = commit.instant})
            .value();
    const auto record =
        store_->read({*fhir::find_resource_type(type), id}, commit.sequence).value();
    EXPECT_TRUE(record) << type << "/" << id;
    GroupReach reach(*store_, std::move(limit), filters, commit, "http://here/fhir");
    const bool held = reach.holds(*record).value();
    return std::string(held ? "held" : reach.refers_to(*record).value() ? "referred to" : "no");
  };
  const GroupLimit mine{{"mine"}};
  for (const auto& [type, id, expected] : {
           std::tuple("Patient", "in", "held"),
           std::tuple("Patient", "nested", "held"),
           std::tuple("Observation", "in", "held"),
           std::tuple("Group", "mine", "held"),
           std::tuple("Practitioner", "of-in", "referred to"),
           std::tuple("Practitioner", "of-provenance", "referred to"),
           std::tuple("Organization", "of-in", "referred to"),
           std::tuple("Organization", "parent", "referred to"),
           std::tuple("Provenance", "of-o", "referred to"),
           std::tuple("Patient", "out", "no"),
           std::tuple("Patient", "in2", "no"),
           std::tuple("Observation", "out", "no"),
           std::tuple("Group", "inner", "no"),
           std::tuple("Practitioner", "of-out", "no"),
           std::tuple("Organization", "child", "no"),
           std::tuple("Organization", "shared", "no"),
           std::tuple("Provenance", "of-hidden", "no"),
       })
    EXPECT_EQ(in_reach(type, id, mine), expected) << type << "/" << id;
  EXPECT_EQ(in_reach("Patient", "in2", {{"mine", "second"}}), "held");
  EXPECT_EQ(in_reach("Patient", "in", {{"nothing"}}), "no");
  // Only what the scopes cover is in reach, and leads to other resources.
  const auto patient_type = *fhir::find_resource_type("Patient");
  EXPECT_EQ(in_reach("Observation", "in", {{"mine"}, std::vector{patient_type}}), "no");
  AccessLimits none_of_group;
  none_of_group.by_query = {{{fhir::types::kGroup}, {{"_id=other"}}}};
  EXPECT_EQ(in_reach("Patient", "in", mine, none_of_group), "no");
}

// One that is asked several times says of each resource what one of its own would, in whatever
// order, although it reads no further than it has to.
TEST_F(GroupReachTest, F06OneReachAnswersForManyResources) {
  put({R"({"resourceType":"Device","id":"of-out","patient":{"reference":"Patient/out"}})",
       R"({"resourceType":"Device","id":"nobodys"})",
       observation("uses-of-out", "Patient/in", R"("device":{"reference":"Device/of-out"})"),
       observation("uses-nobodys", "Patient/nested",
                   R"("device":{"reference":"Device/nobodys"})")});
  const auto commit = store_->last_commit();
  const AccessFilters filters;
  const std::vector<std::tuple<std::string, std::string, bool>> expected = {
      {"Device", "of-out", false},        {"Practitioner", "of-in", true},
      {"Organization", "of-in", true},    {"Practitioner", "of-out", false},
      {"Device", "nobodys", true},        {"Organization", "parent", true},
      {"Provenance", "of-o", true},       {"Practitioner", "of-provenance", true},
      {"Provenance", "of-hidden", false}, {"Organization", "child", false},
      {"Organization", "shared", false},
  };
  for (std::size_t first = 0; first < expected.size(); ++first) {
    GroupReach reach(*store_, {{"mine"}}, filters, commit, "http://here/fhir");
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto& [type, id, reached] = expected[(first + i) % expected.size()];
      const auto record =
          store_->read({*fhir::find_resource_type(type), id}, commit.sequence).value();
      ASSERT_TRUE(record) << type << "/" << id;
      EXPECT_EQ(reach.refers_to(*record).value(), reached)
          << type << "/" << id << " after " << i << " others";
    }
  }
}

TEST_F(GroupReachTest, F06MembersByUrlAndThoseOfLaterAreNoted) {
  put({group("urls", {"http://here/fhir/Patient/in2", "http://there/fhir/Patient/out"}),
       R"({"resourceType":"Group","id":"later","type":"person","actual":true,"member":[)"
       R"({"entity":{"reference":"Patient/in"},"period":{"start":"2999"}}]})"});
  const auto commit = store_->last_commit();
  const auto is_member = [&](const std::string& group_id, const std::string& patient_id) {
    return has_member(*store_, group_id, {patient_id}, commit, "http://here/fhir").value();
  };
  EXPECT_TRUE(is_member("urls", "in2"));
  EXPECT_FALSE(is_member("urls", "out"));
  EXPECT_FALSE(is_member("later", "in"));
  EXPECT_TRUE(is_member("mine", "nested"));
  EXPECT_FALSE(is_member("mine", "neste"));
}

TEST_F(GroupReachTest, R06WhatIsWrongWithOtherGroupsNamesNone) {
  put({group("mine", {"Patient/in", "Group/secret-a"}), group("secret-a", {"Group/secret-b"}),
       group("secret-b", {"Group/secret-a"}), group("fine", {"Patient/in"})});
  ExportRequest asked = request("Patient?active=true");
  const auto commit = store_->last_commit();
  const auto message = [&](const ExportRequest& of) {
    ExportRequest copy = of;
    const auto checked = check_against_store(*store_, copy, commit, false);
    EXPECT_TRUE(checked.has_error());
    EXPECT_EQ(checked.error().kind, ErrorKind::kInvalid);
    return checked.error().message;
  };
  EXPECT_NE(message(asked).find("Group/secret-a is a member of itself"), std::string::npos);
  asked.limits.groups = GroupLimit{{"fine", "mine"}};
  EXPECT_EQ(message(asked).find("secret"), std::string::npos) << message(asked);
  EXPECT_NE(message(asked).find("Group/mine"), std::string::npos) << message(asked);
  const auto patient_set = read_patient_set(*store_, asked, commit);
  ASSERT_TRUE(patient_set.has_error());
  EXPECT_EQ(patient_set.error().message.find("secret"), std::string::npos);
  // Nor does it come between the client and its other groups.
  ExportRequest other = request("Patient?_has:Group:member:_id=fine", "fine");
  other.limits.groups = GroupLimit{{"fine", "mine"}};
  EXPECT_TRUE(keys(run(other)).contains("Patient/in"));
}

TEST_F(GroupReachTest, TheLimitComesBackFromTheStoredRequest) {
  ExportRequest asked = request("Patient?gender=female");
  EXPECT_FALSE(parse_stored_request(serialize(asked))->limits.groups);
  asked.limits.groups = GroupLimit{{"a", "b"}};
  auto back = parse_stored_request(serialize(asked));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->limits.groups->groups, (Texts{"a", "b"}));
  EXPECT_FALSE(back->limits.groups->types);
  asked.limits.groups->types = {fhir::types::kPatient};
  back = parse_stored_request(serialize(asked));
  EXPECT_EQ(back->limits.groups->types, std::vector{fhir::types::kPatient});
}

}  // namespace
}  // namespace sluice::bulk
