// Procedure, Immunization, MedicationRequest and AllergyIntolerance.
#include <fmt/format.h>

#include "sample/chart.h"

namespace sluice::sample {
namespace {

std::string_view prescription_status(bool chronic, Moment written, Random& random) {
  const bool recent = kToday - day_of(written) < std::chrono::days(chronic ? 365 : 14);
  const std::uint32_t kind = random.below(100);
  if (kind < 2) return "entered-in-error";
  if (kind < 5) return "cancelled";
  if (recent) return kind < 8 ? "on-hold" : "active";
  return kind < 30 ? "stopped" : "completed";
}

void write_dosage(JsonWriter& json, const Drug& drug) {
  json.open_array("dosageInstruction");
  json.open_item();
  json.number("sequence", 1);
  json.text("text", drug.dosage);
  json.open("timing");
  json.open("repeat");
  json.number("frequency", drug.per_day);
  json.decimal("period", {10, 1});
  json.text("periodUnit", "d");
  json.close();
  json.close();
  json.boolean("asNeededBoolean", drug.dosage.find("as needed") != std::string_view::npos);
  json.open_array("doseAndRate");
  json.open_item();
  json.open("doseQuantity");
  json.number("value", drug.dose);
  json.close();
  json.close();
  json.close_array();
  json.close();
  json.close_array();
}

void write_dispense_request(JsonWriter& json, const Drug& drug, bool chronic) {
  json.open("dispenseRequest");
  json.number("numberOfRepeatsAllowed", chronic ? 3 : 0);
  json.open("quantity");
  json.number("value", std::int64_t{30} * drug.dose * drug.per_day);
  json.text("unit", drug.form);
  json.close();
  json.open("expectedSupplyDuration");
  json.number("value", 30);
  json.text("unit", "days");
  json.text("system", kUcum);
  json.text("code", "d");
  json.close();
  json.close();
}

}  // namespace

void write_procedure(Chart& chart, Visit& visit, const Treatment& treatment) {
  Random& random = chart.random;
  const Id id = random.id();
  const bool done = !random.chance(25);
  ResourceWriter json = chart.files.resource(Type::kProcedure, id.view());
  write_meta(json, random, "us-core-procedure", visit.end);
  json.text("status", done ? "completed" : "not-done");
  if (!done) write_text_concept(json, "statusReason", "Patient preferred to wait");
  write_concept(json, "code", treatment.code);
  write_reference(json, "subject", chart.subject());
  write_reference(json, "encounter", reference_to(visit));
  if (done) {
    const Moment start = visit.start + std::chrono::minutes(5);
    write_period(json, "performedPeriod", start, start + std::chrono::minutes(treatment.minutes));
  }
  json.open_array("performer");
  json.open_item();
  write_reference(json, "actor", reference_to(*visit.practitioner));
  json.close();
  json.close_array();
  if (visit.reason) {
    const ProblemRecord& problem = chart.problems[*visit.reason];
    write_reference_list(json, "reasonReference",
                         {Type::kCondition, problem.id.view(), problem.problem->code.display});
  }
  if (done) visit.services.push_back({treatment.code, treatment.cents, Type::kProcedure, id});
}

void write_immunization(Chart& chart, Visit& visit, const Vaccine& vaccine) {
  Random& random = chart.random;
  const Id id = random.id();
  const bool done = !random.chance(30);
  const Organization& organization = chart.directory.organization_of(*visit.practitioner);
  ResourceWriter json = chart.files.resource(Type::kImmunization, id.view());
  write_meta(json, random, "us-core-immunization", visit.end);
  json.text("status", done ? "completed" : "not-done");
  if (!done)
    write_concept(
        json, "statusReason",
        {"http://terminology.hl7.org/CodeSystem/v3-ActReason", "PATOBJ", "patient objection"});
  write_concept(json, "vaccineCode", vaccine.code);
  write_reference(json, "patient", chart.subject());
  write_reference(json, "encounter", reference_to(visit));
  write_date_time(json, "occurrenceDateTime", visit.start);
  json.boolean("primarySource", true);
  write_reference(json, "location", {Type::kLocation, organization.locations[0].view()});
  if (!done) return;
  const std::uint32_t lot = random.below(1000000);
  json.text("lotNumber", fmt::format("LOT{:06}", lot));
  write_date(json, "expirationDate",
             day_of(visit.start) + std::chrono::days(random.between(60, 500)));
  const bool left = random.chance(600);
  write_concept(json, "site",
                {"http://terminology.hl7.org/CodeSystem/v3-ActSite", left ? "LA" : "RA",
                 left ? "left arm" : "right arm"});
  visit.services.push_back({vaccine.code, vaccine.cents, Type::kImmunization, id});
}

void write_prescription(Chart& chart, Visit& visit, std::size_t drug_index) {
  Random& random = chart.random;
  const Drug& drug = drugs()[drug_index];
  const ProblemRecord& problem = chart.problems[*visit.reason];
  const Id id = random.id();
  ResourceWriter json = chart.files.resource(Type::kMedicationRequest, id.view());
  write_meta(json, random, "us-core-medicationrequest", visit.end);
  json.text("status", prescription_status(problem.chronic, visit.start, random));
  json.text("intent", "order");
  if (random.chance(250))
    write_reference(
        json, "medicationReference",
        {Type::kMedication, chart.directory.medications()[drug_index].view(), drug.code.display});
  else
    write_concept(json, "medicationCodeableConcept", drug.code);
  write_reference(json, "subject", chart.subject());
  write_reference(json, "encounter", reference_to(visit));
  write_date_time(json, "authoredOn", visit.start);
  write_reference(json, "requester", reference_to(*visit.practitioner));
  write_reference_list(json, "reasonReference", {Type::kCondition, problem.id.view(), {}});
  write_dosage(json, drug);
  write_dispense_request(json, drug, problem.chronic);
}

void write_allergies(Chart& chart) {
  Random& random = chart.random;
  const std::uint32_t kind = random.below(100);
  const std::size_t count = kind < 78 ? 0 : kind < 92 ? 1 : 2;
  const std::size_t first = random.below(static_cast<std::uint32_t>(allergies().size()));
  for (std::size_t i = 0; i < count; ++i) {
    const Allergy& allergy = allergies()[(first + i * 3) % allergies().size()];
    const Id id = random.id();
    const bool severe = random.chance(200);
    const Moment recorded{chart.person.birth + std::chrono::days(random.between(20, 1500)),
                          chart.person.offset()};
    const Moment shown = day_of(recorded) < kToday ? recorded : Moment{kToday, recorded.offset};
    ResourceWriter json = chart.files.resource(Type::kAllergyIntolerance, id.view());
    write_meta(json, random, "us-core-allergyintolerance", shown);
    write_concept(
        json, "clinicalStatus",
        {"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "active", "Active"});
    write_concept(json, "verificationStatus",
                  {"http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
                   "confirmed", "Confirmed"});
    json.text("type", "allergy");
    json.open_array("category");
    json.text_item(allergy.category);
    json.close_array();
    json.text("criticality", severe ? "high" : "low");
    write_concept(json, "code", allergy.code);
    write_reference(json, "patient", chart.subject());
    write_date_time(json, "recordedDate", shown);
    write_reference(json, "recorder", reference_to(*chart.doctor));
    json.open_array("reaction");
    json.open_item();
    write_concept_list(json, "manifestation", allergy.reaction);
    json.text("severity", severe ? "severe" : "mild");
    json.close();
    json.close_array();
  }
}

}  // namespace sluice::sample
