// Coverage, and the Claim and ExplanationOfBenefit of a visit. The three agree on every cent.
#include <fmt/format.h>

#include <algorithm>

#include "sample/chart.h"

namespace sluice::sample {
namespace {

constexpr std::string_view kAdjudication = "http://terminology.hl7.org/CodeSystem/adjudication";
constexpr std::string_view kClaimTypes = "http://terminology.hl7.org/CodeSystem/claim-type";

bool is_institutional(const Visit& visit) {
  return visit.kind == VisitKind::kInpatient || visit.kind == VisitKind::kEmergency;
}

Code claim_type(const Visit& visit) {
  return is_institutional(visit) ? Code{kClaimTypes, "institutional", "Institutional"}
                                 : Code{kClaimTypes, "professional", "Professional"};
}

/// What is allowed, what the patient owes and what is paid of one line.
struct Settlement {
  std::int64_t submitted = 0;
  std::int64_t allowed = 0;
  std::int64_t coinsurance = 0;
  std::int64_t paid = 0;
};

Settlement settle(std::int64_t submitted, int allowed_percent) {
  Settlement line;
  line.submitted = submitted;
  line.allowed = submitted * allowed_percent / 100;
  line.coinsurance = line.allowed / 5;
  line.paid = line.allowed - line.coinsurance;
  return line;
}

void write_adjudication_item(JsonWriter& json, std::string_view code, std::string_view display,
                             std::int64_t cents) {
  json.open_item();
  write_coded(json, "category", {kAdjudication, code, display});
  write_money(json, "amount", cents);
  json.close();
}

void write_adjudications(JsonWriter& json, std::string_view key, const Settlement& line) {
  json.open_array(key);
  write_adjudication_item(json, "submitted", "Submitted Amount", line.submitted);
  write_adjudication_item(json, "eligible", "Eligible Amount", line.allowed);
  write_adjudication_item(json, "copay", "CoPay", line.coinsurance);
  write_adjudication_item(json, "benefit", "Benefit Amount", line.paid);
  json.close_array();
}

void write_diagnosis(JsonWriter& json, const Chart& chart, const Visit& visit) {
  if (!visit.reason) return;
  const ProblemRecord& problem = chart.problems[*visit.reason];
  json.open_array("diagnosis");
  json.open_item();
  json.number("sequence", 1);
  write_reference(json, "diagnosisReference",
                  {Type::kCondition, problem.id.view(), problem.problem->billing.display});
  write_coded_list(json, "type",
                   {"http://terminology.hl7.org/CodeSystem/ex-diagnosistype", "principal",
                    "Principal Diagnosis"});
  json.close();
  json.close_array();
}

void write_claim_care_team(JsonWriter& json, const Visit& visit) {
  json.open_array("careTeam");
  json.open_item();
  json.number("sequence", 1);
  write_reference(json, "provider", reference_to(*visit.practitioner));
  write_coded(
      json, "role",
      {"http://terminology.hl7.org/CodeSystem/claimcareteamrole", "primary", "Primary provider"});
  json.close();
  json.close_array();
}

/// Immunizations and procedures are information that lines point to by number.
void write_supporting_info(JsonWriter& json, const Visit& visit) {
  int sequence = 0;
  for (const Service& service : visit.services) {
    if (service.type != Type::kImmunization) continue;
    if (sequence == 0) json.open_array("supportingInfo");
    json.open_item();
    json.number("sequence", ++sequence);
    write_coded(
        json, "category",
        {"http://terminology.hl7.org/CodeSystem/claiminformationcategory", "info", "Information"});
    write_reference(json, "valueReference", {Type::kImmunization, service.id.view(), {}});
    json.close();
  }
  if (sequence > 0) json.close_array();
}

void write_claim_procedures(JsonWriter& json, const Visit& visit) {
  int sequence = 0;
  for (const Service& service : visit.services) {
    if (service.type != Type::kProcedure) continue;
    if (sequence == 0) json.open_array("procedure");
    json.open_item();
    json.number("sequence", ++sequence);
    write_reference(json, "procedureReference", {Type::kProcedure, service.id.view(), {}});
    json.close();
  }
  if (sequence > 0) json.close_array();
}

void write_item_head(JsonWriter& json, const Visit& visit, std::size_t index) {
  const Service& service = visit.services[index];
  json.number("sequence", static_cast<std::int64_t>(index) + 1);
  if (visit.reason) {
    json.open_array("diagnosisSequence");
    json.number_item(1);
    json.close_array();
  }
  write_concept(json, "productOrService", service.code);
  write_period(json, "servicedPeriod", visit.start, visit.end);
}

void write_encounter_of_item(JsonWriter& json, const Visit& visit, std::size_t index) {
  if (index == 0) write_reference_list(json, "encounter", reference_to(visit));
}

std::int64_t total_of(const Visit& visit) {
  std::int64_t total = 0;
  for (const Service& service : visit.services) total += service.cents;
  return total;
}

void write_claim_resource(Chart& chart, const Visit& visit, const Id& id) {
  const Organization& organization = chart.directory.organization_of(*visit.practitioner);
  ResourceWriter json = chart.files.resource(Type::kClaim, id.view());
  write_meta(json, chart.random, {}, visit.end);
  json.text("status", "active");
  write_coded(json, "type", claim_type(visit));
  json.text("use", "claim");
  write_reference(json, "patient", chart.named_subject());
  write_period(json, "billablePeriod", visit.start, visit.end);
  write_date_time(json, "created", visit.end);
  write_reference(json, "insurer",
                  {Type::kOrganization, chart.payer->id.view(), chart.payer->name});
  write_reference(json, "provider",
                  {Type::kOrganization, organization.id.view(), organization.name});
  write_coded(json, "priority",
              {"http://terminology.hl7.org/CodeSystem/processpriority", "normal", "Normal"});
  write_claim_care_team(json, visit);
  write_supporting_info(json, visit);
  write_diagnosis(json, chart, visit);
  write_claim_procedures(json, visit);
  json.open_array("insurance");
  json.open_item();
  json.number("sequence", 1);
  json.boolean("focal", true);
  write_reference(json, "coverage", {Type::kCoverage, chart.coverage.view(), chart.payer->name});
  json.close();
  json.close_array();
  json.open_array("item");
  for (std::size_t i = 0; i < visit.services.size(); ++i) {
    json.open_item();
    write_item_head(json, visit, i);
    write_money(json, "net", visit.services[i].cents);
    write_encounter_of_item(json, visit, i);
    json.close();
  }
  json.close_array();
  write_money(json, "total", total_of(visit));
}

/// Some payers put the referral into the bill itself.
void write_contained_referral(JsonWriter& json, const Chart& chart, const Visit& visit) {
  json.open_array("contained");
  json.open_item();
  json.text("resourceType", "ServiceRequest");
  json.text("id", "referral");
  json.text("status", "completed");
  json.text("intent", "order");
  write_reference(json, "subject", chart.subject());
  write_reference(json, "requester", reference_to(*chart.doctor));
  write_reference_list(json, "performer", reference_to(*visit.practitioner));
  json.close();
  json.close_array();
}

void write_benefit_items(JsonWriter& json, const Visit& visit, int allowed_percent) {
  json.open_array("item");
  for (std::size_t i = 0; i < visit.services.size(); ++i) {
    json.open_item();
    write_item_head(json, visit, i);
    write_coded(json, "locationCodeableConcept",
                is_institutional(visit)
                    ? Code{"http://terminology.hl7.org/CodeSystem/ex-serviceplace", "21",
                           "Inpatient Hospital"}
                    : Code{"http://terminology.hl7.org/CodeSystem/ex-serviceplace", "19",
                           "Off Campus-Outpatient Hospital"});
    write_money(json, "net", visit.services[i].cents);
    write_encounter_of_item(json, visit, i);
    write_adjudications(json, "adjudication", settle(visit.services[i].cents, allowed_percent));
    json.close();
  }
  json.close_array();
}

void write_benefit_totals(JsonWriter& json, const Visit& visit, int allowed_percent,
                          LocalDay paid_on) {
  Settlement total;
  for (const Service& service : visit.services) {
    const Settlement line = settle(service.cents, allowed_percent);
    total.submitted += line.submitted;
    total.allowed += line.allowed;
    total.coinsurance += line.coinsurance;
    total.paid += line.paid;
  }
  write_adjudications(json, "total", total);
  json.open("payment");
  write_date(json, "date", paid_on);
  write_money(json, "amount", total.paid);
  json.close();
}

void write_benefit(Chart& chart, const Visit& visit, const Id& claim) {
  Random& random = chart.random;
  const Id id = random.id();
  const bool contains_referral = random.chance(250);
  const int allowed_percent = random.between(62, 96);
  const Moment created = visit.end + std::chrono::days(random.between(1, 2));
  ResourceWriter json = chart.files.resource(Type::kExplanationOfBenefit, id.view());
  write_meta(json, random, {}, created);
  if (contains_referral) write_contained_referral(json, chart, visit);
  json.open_array("identifier");
  write_identifier_item(json, "https://sluice.example/claims", claim.view());
  write_identifier_item(json, "https://sluice.example/claim-groups",
                        fmt::format("{:011}", random.next() % 100000000000ULL));
  json.close_array();
  json.text("status", "active");
  write_coded(json, "type", claim_type(visit));
  json.text("use", "claim");
  write_reference(json, "patient", chart.subject());
  write_period(json, "billablePeriod", visit.start, visit.end);
  write_date_time(json, "created", created);
  write_reference(json, "insurer",
                  {Type::kOrganization, chart.payer->id.view(), chart.payer->name});
  write_reference(json, "provider", reference_to(*visit.practitioner));
  if (contains_referral) {
    json.open("referral");
    json.text("reference", "#referral");
    json.close();
  }
  write_reference(json, "claim", {Type::kClaim, claim.view(), {}});
  json.text("outcome", "complete");
  json.text("disposition", "Processed as in network");
  write_claim_care_team(json, visit);
  write_diagnosis(json, chart, visit);
  json.open_array("insurance");
  json.open_item();
  json.boolean("focal", true);
  write_reference(json, "coverage", {Type::kCoverage, chart.coverage.view(), chart.payer->name});
  json.close();
  json.close_array();
  write_benefit_items(json, visit, allowed_percent);
  write_benefit_totals(json, visit, allowed_percent, day_of(created) + std::chrono::days(5));
}

}  // namespace

void write_coverage(Chart& chart) {
  constexpr std::string_view kRelationships =
      "http://terminology.hl7.org/CodeSystem/subscriber-relationship";
  Random& random = chart.random;
  const bool public_plan = chart.payer == &chart.directory.payers()[2];
  const std::string member = fmt::format("M{:09}", random.below(1000000000));
  // Insured with a relative who is a patient too: a resource of two compartments.
  const bool by_relative = random.chance(550) && chart.relative;
  const Person& subscriber = by_relative ? *chart.relative : chart.person;
  ResourceWriter json = chart.files.resource(Type::kCoverage, chart.coverage.view());
  const Moment since{kToday - std::chrono::days(random.between(100, 1500)), chart.person.offset()};
  write_meta(json, random, "us-core-coverage", since);
  json.open_array("identifier");
  write_typed_identifier_item(
      json, {"http://terminology.hl7.org/CodeSystem/v2-0203", "MB", "Member Number"},
      "https://sluice.example/members", member);
  json.close_array();
  json.text("status", chart.person.death ? "cancelled" : "active");
  write_concept(json, "type",
                public_plan ? Code{"http://terminology.hl7.org/CodeSystem/v3-ActCode", "PUBLICPOL",
                                   "public healthcare"}
                            : Code{"http://terminology.hl7.org/CodeSystem/v3-ActCode", "EHCPOL",
                                   "extended healthcare"});
  write_reference(json, "subscriber", {Type::kPatient, subscriber.id.view(), subscriber.display});
  json.text("subscriberId", member);
  write_reference(json, "beneficiary", chart.named_subject());
  write_concept(
      json, "relationship",
      by_relative ? Code{kRelationships, "other", "Other"} : Code{kRelationships, "self", "Self"});
  write_period_from(json, "period", since);
  write_reference_list(json, "payor",
                       {Type::kOrganization, chart.payer->id.view(), chart.payer->name});
  json.open_array("class");
  json.open_item();
  write_concept(json, "type",
                {"http://terminology.hl7.org/CodeSystem/coverage-class", "plan", "Plan"});
  json.text("value", fmt::format("PLAN-{:03}", random.below(40)));
  json.text("name", chart.payer->name);
  json.close();
  json.close_array();
  json.number("order", 1);
}

void write_claim(Chart& chart, const Visit& visit) {
  const Id id = chart.random.id();
  write_claim_resource(chart, visit, id);
  write_benefit(chart, visit, id);
}

}  // namespace sluice::sample
