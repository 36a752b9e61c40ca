// The resources one by one: what R4 demands of each type, and the cases that exist on purpose so
// that a server has something to stumble over.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "sample_folder.h"

namespace sluice::sample::testing {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

const std::vector<object>& all_of(const std::string& type) {
  return fifty_patients_parsed().at(type);
}

/// A choice like "medication[x]" is there in any of its forms.
bool has_element(const object& resource, const std::string& name) {
  const std::size_t choice = name.find("[x]");
  if (choice == std::string::npos) return resource.contains(name);
  return std::any_of(resource.begin(), resource.end(), [&](const auto& member) {
    return member.key().substr(0, choice) == name.substr(0, choice) && member.key().size() > choice;
  });
}

// From the R4 (4.0.1) definitions: elements of the root with a minimum of one.
const std::map<std::string, std::vector<std::string>> kMandatory = {
    {"AllergyIntolerance", {"patient", "clinicalStatus", "verificationStatus"}},
    {"Appointment", {"status", "participant"}},
    {"Binary", {"contentType"}},
    {"CarePlan", {"status", "intent", "subject"}},
    {"Claim", {"status", "type", "use", "patient", "created", "provider", "priority", "insurance"}},
    {"Condition", {"subject"}},
    {"Coverage", {"status", "beneficiary", "payor"}},
    {"DiagnosticReport", {"status", "code"}},
    {"DocumentReference", {"status", "content"}},
    {"Encounter", {"status", "class"}},
    {"ExplanationOfBenefit",
     {"status", "type", "use", "patient", "created", "insurer", "provider", "outcome",
      "insurance"}},
    {"Goal", {"lifecycleStatus", "description", "subject"}},
    {"Group", {"type", "actual"}},
    {"Immunization", {"status", "vaccineCode", "patient", "occurrence[x]"}},
    {"MedicationRequest", {"status", "intent", "medication[x]", "subject"}},
    {"Observation", {"status", "code"}},
    {"Procedure", {"status", "subject"}},
    {"Provenance", {"target", "recorded", "agent"}},
    {"RelatedPerson", {"patient"}},
};

// The required bindings of the codes at the root.
const std::map<std::string, std::map<std::string, std::set<std::string>>> kCodes = {
    {"Appointment",
     {{"status",
       {"proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow"}}}},
    {"CarePlan",
     {{"status", {"draft", "active", "on-hold", "revoked", "completed"}},
      {"intent", {"proposal", "plan", "order", "option"}}}},
    {"Claim", {{"status", {"active", "cancelled"}}, {"use", {"claim"}}}},
    {"Coverage", {{"status", {"active", "cancelled", "draft"}}}},
    {"DiagnosticReport", {{"status", {"registered", "partial", "preliminary", "final"}}}},
    {"DocumentReference", {{"status", {"current", "superseded", "entered-in-error"}}}},
    {"Encounter", {{"status", {"planned", "in-progress", "finished", "cancelled"}}}},
    {"ExplanationOfBenefit",
     {{"status", {"active", "cancelled"}},
      {"use", {"claim"}},
      {"outcome", {"queued", "complete", "error", "partial"}}}},
    {"Goal", {{"lifecycleStatus", {"proposed", "planned", "active", "completed"}}}},
    {"Group", {{"type", {"person"}}}},
    {"Immunization", {{"status", {"completed", "entered-in-error", "not-done"}}}},
    {"MedicationRequest",
     {{"status",
       {"active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft"}},
      {"intent", {"proposal", "plan", "order"}}}},
    {"Observation",
     {{"status",
       {"registered", "preliminary", "final", "amended", "corrected", "entered-in-error"}}}},
    {"Patient", {{"gender", {"male", "female", "other", "unknown"}}}},
    {"Procedure", {{"status", {"completed", "not-done"}}}},
};

TEST(SampleResources, HaveEveryMandatoryElement) {
  for (const auto& [type, names] : kMandatory)
    for (const object& resource : all_of(type))
      for (const std::string& name : names)
        EXPECT_TRUE(has_element(resource, name)) << type << "." << name;
}

TEST(SampleResources, UseOnlyCodesOfTheRequiredBindings) {
  for (const auto& [type, elements] : kCodes)
    for (const object& resource : all_of(type))
      for (const auto& [name, codes] : elements)
        EXPECT_TRUE(codes.contains(std::string(resource.at(name).as_string())))
            << type << "." << name << " " << resource.at(name);
}

// Of HL7's code systems, the codes that are used here: another one is looked up before it is added.
const std::map<std::string, std::set<std::string>> kTerminology = {
    {"adjudication", {"benefit", "copay", "eligible", "submitted"}},
    {"allergyintolerance-clinical", {"active"}},
    {"allergyintolerance-verification", {"confirmed"}},
    {"appointment-cancellation-reason", {"pat"}},
    {"claim-type", {"institutional", "pharmacy", "professional"}},
    {"claimcareteamrole", {"primary"}},
    {"claiminformationcategory", {"info"}},
    {"condition-category", {"encounter-diagnosis", "problem-list-item"}},
    {"condition-clinical", {"active", "resolved"}},
    {"condition-ver-status", {"confirmed", "provisional"}},
    {"coverage-class", {"plan"}},
    {"data-absent-reason", {"unknown"}},
    {"diagnosis-role", {"billing"}},
    {"discharge-disposition", {"home"}},
    {"ex-diagnosistype", {"principal"}},
    {"ex-serviceplace", {"19", "21"}},
    {"goal-achievement", {"achieved", "in-progress"}},
    {"observation-category", {"laboratory", "social-history", "vital-signs"}},
    {"organization-type", {"pay", "prov"}},
    {"practitioner-role", {"doctor"}},
    {"processpriority", {"normal"}},
    {"provenance-participant-type", {"author"}},
    {"subscriber-relationship", {"other", "self"}},
    {"v2-0074", {"LAB", "RAD"}},
    {"v2-0203", {"DL", "MB", "MR", "SS"}},
    {"v2-0360", {"MD"}},
    {"v3-ActCode", {"AMB", "EHCPOL", "EMER", "IMP", "PUBLICPOL", "VR"}},
    {"v3-ActReason", {"PATOBJ"}},
    {"v3-ActSite", {"LA", "RA"}},
    {"v3-Confidentiality", {"R"}},
    {"v3-MaritalStatus", {"D", "M", "S", "W"}},
    {"v3-ObservationInterpretation", {"H", "L", "N"}},
    {"v3-ParticipationType", {"PPRF"}},
    {"v3-RoleCode", {"CHILD", "FRND", "HU", "OF", "PRN", "SIB", "SPS"}},
    {"v3-orderableDrugForm", {"CAP", "MDINHL", "SUSP", "TAB"}},
};

void check_codes(const value& value) {
  if (const auto* array = value.if_array()) {
    for (const auto& each : *array) check_codes(each);
  } else if (const auto* object = value.if_object()) {
    constexpr std::string_view kHl7 = "http://terminology.hl7.org/CodeSystem/";
    const auto* system = object->if_contains("system");
    if (system != nullptr && system->as_string().starts_with(kHl7)) {
      const auto known = kTerminology.find(system->as_string().c_str() + kHl7.size());
      ASSERT_NE(known, kTerminology.end()) << *system;
      EXPECT_TRUE(known->second.contains(std::string(object->at("code").as_string()))) << *object;
    }
    for (const auto& member : *object) check_codes(member.value());
  }
}

TEST(SampleResources, UseOnlyCodesThatTheirSystemsHave) {
  for (const auto& [type, resources] : fifty_patients_parsed())
    for (const object& resource : resources) check_codes(resource);
}

TEST(SampleResources, FillTheMandatoryElementsBelowTheRoot) {
  for (const object& resource : all_of("DocumentReference"))
    for (const value& content : resource.at("content").as_array()) {
      const object& attachment = content.at("attachment").as_object();
      EXPECT_NE(attachment.contains("data"), attachment.contains("url"));
    }
  for (const object& resource : all_of("Provenance"))
    EXPECT_TRUE(resource.at("agent").as_array()[0].as_object().contains("who"));
  for (const object& resource : all_of("ExplanationOfBenefit"))
    for (const value& item : resource.at("item").as_array()) {
      EXPECT_TRUE(item.as_object().contains("sequence"));
      EXPECT_TRUE(item.as_object().contains("productOrService"));
    }
  // US Core's CarePlan has a category of its own before all others.
  for (const object& resource : all_of("CarePlan")) {
    const object& first =
        resource.at("category").as_array().at(0).at("coding").as_array().at(0).as_object();
    EXPECT_EQ(first.at("system"), "http://hl7.org/fhir/us/core/CodeSystem/careplan-category");
    EXPECT_EQ(first.at("code"), "assess-plan");
    EXPECT_EQ(resource.at("category").as_array().size(), 2u);
  }
  for (const object& resource : all_of("CarePlan"))
    for (const value& activity : resource.at("activity").as_array())
      EXPECT_EQ(activity.at("detail").as_object().contains("status"), true);
}

/// Luhn's check over all digits, the last one included.
bool passes_luhn(const std::string& digits) {
  int sum = 0;
  for (std::size_t from_right = 0; from_right < digits.size(); ++from_right) {
    int digit = digits[digits.size() - 1 - from_right] - '0';
    if (from_right % 2 == 1) digit *= 2;
    sum += digit > 9 ? digit - 9 : digit;
  }
  return sum % 10 == 0;
}

TEST(SampleResources, ProviderNumbersHaveTheirCheckDigit) {
  ASSERT_TRUE(passes_luhn("808401234567893"));  // the example of the standard
  std::size_t seen = 0;
  for (const char* type : {"Practitioner", "Organization"})
    for (const object& resource : all_of(type))
      for (const value& each : resource.at("identifier").as_array()) {
        const object& identifier = each.as_object();
        if (identifier.at("system") != "http://hl7.org/fhir/sid/us-npi") continue;
        const std::string number(identifier.at("value").as_string());
        EXPECT_EQ(number.size(), 10u);
        EXPECT_TRUE(passes_luhn("80840" + number)) << number;
        ++seen;
      }
  EXPECT_GT(seen, 0u);
}

/// An amount of money in cents, from its two written digits.
std::int64_t cents(const value& money) {
  return static_cast<std::int64_t>(money.at("value").to_number<double>() * 100 + 0.5);
}

TEST(SampleResources, AddUpInEveryExplanationOfBenefit) {
  for (const object& resource : all_of("ExplanationOfBenefit")) {
    std::map<std::string, std::int64_t> sums;
    for (const value& item : resource.at("item").as_array())
      for (const value& line : item.at("adjudication").as_array())
        sums[std::string(line.at("category").at("coding").at(0).at("code").as_string())] +=
            cents(line.at("amount"));
    for (const value& total : resource.at("total").as_array())
      EXPECT_EQ(cents(total.at("amount")),
                sums[std::string(total.at("category").at("coding").at(0).at("code").as_string())]);
    EXPECT_EQ(cents(resource.at("payment").at("amount")), sums["benefit"]);
    EXPECT_EQ(sums["eligible"], sums["copay"] + sums["benefit"]);
  }
}

bool any_line_has(const std::string& file, std::string_view text) {
  return fifty_patients().at(file).find(text) != std::string::npos;
}

TEST(SampleResources, CarryBothFormsOfAMedicationAndOfAnAttachment) {
  EXPECT_TRUE(any_line_has("MedicationRequest.ndjson", "\"medicationReference\":{"));
  EXPECT_TRUE(any_line_has("MedicationRequest.ndjson", "\"medicationCodeableConcept\":{"));
  EXPECT_TRUE(any_line_has("DocumentReference.ndjson", "\"url\":\"Binary/"));
  EXPECT_TRUE(any_line_has("DocumentReference.ndjson", "\"data\":\""));
  EXPECT_TRUE(any_line_has("DiagnosticReport.ndjson", "\"presentedForm\":["));
}

TEST(SampleResources, GiveTheOwnerOfEveryBinary) {
  for (const object& resource : all_of("Binary"))
    EXPECT_TRUE(resource.at("securityContext").at("reference").as_string().starts_with("Patient/"));
}

TEST(SampleResources, KeepTrailingZerosInDecimals) {
  EXPECT_TRUE(any_line_has("MedicationRequest.ndjson", "\"period\":1.0,"));
  EXPECT_TRUE(any_line_has("Claim.ndjson", "\"value\":98.80,"));
}

TEST(SampleResources, SometimesBringAMetaOfTheirOwn) {
  std::size_t versions = 0;
  std::size_t profiles = 0;
  std::size_t none = 0;
  for (const object& resource : all_of("Observation")) {
    const auto* meta = resource.if_contains("meta");
    none += meta == nullptr ? 1 : 0;
    versions += meta != nullptr && meta->as_object().contains("versionId") &&
                meta->as_object().contains("lastUpdated");
    profiles += meta != nullptr && meta->as_object().contains("profile");
  }
  EXPECT_GT(versions, 0U);
  EXPECT_GT(profiles, versions);
  EXPECT_GT(none, all_of("Observation").size() / 2);
}

TEST(SampleResources, NamePeopleInSeveralScripts) {
  const auto is_ascii = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  };
  const auto lines = lines_of(fifty_patients().at("Patient.ndjson"));
  const auto foreign = std::count_if(lines.begin(), lines.end(),
                                     [&](std::string_view line) { return !is_ascii(line); });
  EXPECT_GT(foreign, 5);
  EXPECT_LT(foreign, 40);
}

TEST(SampleResources, SometimesBelongToTwoPatients) {
  std::size_t coverages = 0;
  for (const object& resource : all_of("Coverage"))
    coverages +=
        resource.at("subscriber").at("reference") != resource.at("beneficiary").at("reference");
  EXPECT_GT(coverages, 0U);
  EXPECT_LT(coverages, all_of("Coverage").size() / 2);
  std::size_t appointments = 0;
  for (const object& resource : all_of("Appointment")) {
    const array& participants = resource.at("participant").as_array();
    appointments += std::count_if(participants.begin(), participants.end(), [](const value& one) {
                      return one.at("actor").at("reference").as_string().starts_with("Patient/");
                    }) == 2;
  }
  EXPECT_GT(appointments, 0U);
  EXPECT_LT(appointments, all_of("Appointment").size() / 4);
  EXPECT_TRUE(any_line_has("Observation.ndjson", "\"performer\":[{\"reference\":\"Patient/"));
}

TEST(SampleResources, FormGroupsWithKnownIdsAndSizes) {
  std::map<std::string, const array*> members;
  for (const object& resource : all_of("Group"))
    members[std::string(resource.at("id").as_string())] = &resource.at("member").as_array();
  ASSERT_EQ(members.size(), 5U);
  EXPECT_EQ(members.at("all-patients")->size(), 50U);
  EXPECT_EQ(members.at("ten-percent")->size(), 5U);
  EXPECT_EQ(members.at("one-percent")->size(), 1U);
  EXPECT_EQ(members.at("first-five")->size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    std::string first = "Patient/";
    first += all_of("Patient")[i].at("id").as_string();
    EXPECT_EQ((*members.at("first-five"))[i].at("entity").at("reference").as_string(), first);
  }
}

TEST(SampleResources, FormAGroupWhoseMembersCameAndWent) {
  const auto& groups = all_of("Group");
  const auto group = std::find_if(groups.begin(), groups.end(), [](const object& resource) {
    return resource.at("id").as_string() == "with-former-members";
  });
  ASSERT_NE(group, groups.end());
  std::size_t inactive = 0;
  std::size_t ended = 0;
  std::size_t ends_later = 0;
  std::map<std::string, int> memberships;
  for (const value& member : group->at("member").as_array()) {
    const object& one = member.as_object();
    ++memberships[std::string(member.at("entity").at("reference").as_string())];
    inactive += one.contains("inactive") && one.at("inactive").as_bool();
    const auto* period = one.if_contains("period");
    if (period == nullptr || !period->as_object().contains("end")) continue;
    (period->at("end").as_string() < "2026-01-01" ? ended : ends_later) += 1;
  }
  EXPECT_EQ(memberships.size(), 50U);
  EXPECT_GE(inactive, 10U);
  EXPECT_GE(ended, 10U);
  EXPECT_GE(ends_later, 5U);
  EXPECT_TRUE(std::any_of(memberships.begin(), memberships.end(),
                          [](const auto& entry) { return entry.second == 2; }));
}

}  // namespace
}  // namespace sluice::sample::testing
