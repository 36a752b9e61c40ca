// CareTeam, CarePlan, Goal, Device, Appointment and Provenance: what surrounds a patient's visits.
#include <fmt/format.h>

#include "sample/chart.h"

namespace sluice::sample {
namespace {

void write_care_team_member(JsonWriter& json, Code role, const Reference& member) {
  json.open_item();
  write_concept_list(json, "role", role);
  write_reference(json, "member", member);
  json.close();
}

Id write_goal(Chart& chart, const Visit& visit, const Plan& plan) {
  const ProblemRecord& problem = chart.problems[*visit.reason];
  const Id id = chart.random.id();
  ResourceWriter json = chart.files.resource(Type::kGoal, id.view());
  write_meta(json, chart.random, "us-core-goal", visit.end);
  json.text("lifecycleStatus", problem.abated ? "completed" : "active");
  write_concept(
      json, "achievementStatus",
      {"http://terminology.hl7.org/CodeSystem/goal-achievement",
       problem.abated ? "achieved" : "in-progress", problem.abated ? "Achieved" : "In Progress"});
  write_text_concept(json, "description", plan.goal);
  write_reference(json, "subject", chart.subject());
  write_date(json, "startDate", day_of(visit.start));
  if (plan.target != nullptr) {
    json.open_array("target");
    json.open_item();
    write_concept(json, "measure", plan.target->code);
    write_quantity(json, "detailQuantity", {plan.target_high, plan.target->digits}, *plan.target);
    write_date(json, "dueDate", day_of(visit.start) + std::chrono::days(365));
    json.close();
    json.close_array();
  }
  write_reference_list(json, "addresses",
                       {Type::kCondition, problem.id.view(), problem.problem->code.display});
  return id;
}

struct AppointmentPlan {
  std::string_view status;
  Moment start;
  bool together = false;  ///< with the relative, a patient as well
};

void write_participant(JsonWriter& json, const Reference& actor, std::string_view status) {
  json.open_item();
  write_reference(json, "actor", actor);
  json.text("required", "required");
  json.text("status", status);
  json.close();
}

void write_appointment(Chart& chart, const AppointmentPlan& plan) {
  Random& random = chart.random;
  const Organization& organization = chart.directory.organization_of(*chart.doctor);
  const int length = random.between(1, 4) * 15;
  const Id id = random.id();
  ResourceWriter json = chart.files.resource(Type::kAppointment, id.view());
  json.text("status", plan.status);
  if (plan.status == "cancelled")
    write_concept(json, "cancelationReason",
                  {"http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason", "pat",
                   "Patient"});
  write_concept_list(json, "serviceType",
                     plan.together ? Code{kSnomed, "51484002", "Family therapy (regime/therapy)"}
                                   : Code{kSnomed, "390906007", "Follow-up encounter (procedure)"});
  json.text("description", plan.together ? "Joint session" : "Control visit");
  write_instant(json, "start", plan.start);
  write_instant(json, "end", plan.start + std::chrono::minutes(length));
  json.number("minutesDuration", length);
  json.open_array("participant");
  const std::string_view status = plan.status == "cancelled" ? "declined" : "accepted";
  write_participant(json, chart.named_subject(), status);
  if (plan.together)
    write_participant(json, {Type::kPatient, chart.relative->id.view(), chart.relative->display},
                      "accepted");
  write_participant(json, reference_to(*chart.doctor), "accepted");
  write_participant(json, {Type::kLocation, organization.locations[0].view(), organization.name},
                    "accepted");
  json.close_array();
}

}  // namespace

void write_care_team(Chart& chart) {
  Random& random = chart.random;
  ResourceWriter json = chart.files.resource(Type::kCareTeam, chart.care_team.view());
  const Moment since{kToday - std::chrono::days(random.between(30, 900)), chart.person.offset()};
  write_meta(json, random, "us-core-careteam", since);
  json.text("status", chart.person.death ? "inactive" : "active");
  json.text("name", fmt::format("Care team of {}", chart.person.display));
  write_reference(json, "subject", chart.named_subject());
  json.open_array("participant");
  write_care_team_member(json, {kSnomed, "116154003", "Patient"}, chart.named_subject());
  write_care_team_member(json, {kSnomed, "446050000", "Primary care physician"},
                         reference_to(*chart.doctor));
  write_care_team_member(json, {kSnomed, "224891009", "Healthcare services"}, chart.organization());
  json.close_array();
  write_reference_list(json, "managingOrganization", chart.organization());
}

void write_care_plan(Chart& chart, const Visit& visit, const Plan& plan) {
  const ProblemRecord& problem = chart.problems[*visit.reason];
  const Id goal = write_goal(chart, visit, plan);
  const Id id = chart.random.id();
  ResourceWriter json = chart.files.resource(Type::kCarePlan, id.view());
  write_meta(json, chart.random, "us-core-careplan", visit.end);
  json.open("text");
  json.text("status", "generated");
  json.text("div", fmt::format("<div xmlns=\"http://www.w3.org/1999/xhtml\">Care plan: {}.</div>",
                               plan.category.display));
  json.close();
  json.text("status", problem.abated ? "completed" : "active");
  json.text("intent", "plan");
  json.open_array("category");
  // US Core wants this one in each, whatever else it is.
  write_concept_item(json, {"http://hl7.org/fhir/us/core/CodeSystem/careplan-category",
                            "assess-plan", "Assessment and Plan of Treatment"});
  write_concept_item(json, plan.category);
  json.close_array();
  write_reference(json, "subject", chart.subject());
  write_reference(json, "encounter", reference_to(visit));
  if (problem.abated)
    write_period(json, "period", visit.start, *problem.abated);
  else
    write_period_from(json, "period", visit.start);
  write_reference_list(json, "careTeam", {Type::kCareTeam, chart.care_team.view(), {}});
  write_reference_list(json, "addresses", {Type::kCondition, problem.id.view(), {}});
  write_reference_list(json, "goal", {Type::kGoal, goal.view(), {}});
  json.open_array("activity");
  for (const Code& activity : plan.activities) {
    json.open_item();
    json.open("detail");
    write_concept(json, "code", activity);
    json.text("status", problem.abated ? "completed" : "in-progress");
    json.close();
    json.close();
  }
  json.close_array();
}

void write_device(Chart& chart) {
  constexpr auto kDevices = std::to_array<Code>({
      {kSnomed, "706004007", "Implantable cardiac pacemaker (physical object)"},
      {kSnomed, "72506001", "Implantable defibrillator, device (physical object)"},
      {kSnomed, "701077002", "Respiratory apnea monitoring system (physical object)"},
  });
  Random& random = chart.random;
  const Id id = random.id();
  const bool has_device = random.chance(chart.person.age_on(kToday) >= 50 ? 160 : 40);
  if (!has_device) return;
  const Code& kind = random.pick(kDevices);
  const std::uint32_t number = random.below(100000000);
  const std::string udi = fmt::format("999999{:08}", number);
  const std::string serial = fmt::format("SN{:08}", random.below(100000000));
  const Moment made{kToday - std::chrono::days(random.between(400, 3000)), chart.person.offset()};
  ResourceWriter json = chart.files.resource(Type::kDevice, id.view());
  write_meta(json, random, "us-core-implantable-device", made);
  json.open_array("udiCarrier");
  json.open_item();
  json.text("deviceIdentifier", udi);
  json.text("carrierHRF", fmt::format("(01){}(21){}", udi, serial));
  json.close();
  json.close_array();
  json.text("status", "active");
  json.text("distinctIdentifier", udi);
  write_date_time(json, "manufactureDate", made);
  json.text("serialNumber", serial);
  json.open_array("deviceName");
  json.open_item();
  json.text("name", kind.display);
  json.text("type", "user-friendly-name");
  json.close();
  json.close_array();
  write_concept(json, "type", kind);
  write_reference(json, "patient", chart.subject());
}

void write_appointments(Chart& chart) {
  constexpr auto kPast = std::to_array<std::string_view>(
      {"fulfilled", "fulfilled", "fulfilled", "noshow", "cancelled"});
  Random& random = chart.random;
  const std::uint32_t count = random.below(3);
  for (std::uint32_t i = 0; i < count; ++i) {
    const bool ahead = !chart.person.death && random.chance(500);
    const int distance = random.between(2, 200);
    const int quarter = random.between(32, 64);
    const LocalDay day = chart.person.death
                             ? day_of(*chart.person.death) - std::chrono::days(distance)
                         : ahead ? kToday + std::chrono::days(distance)
                                 : kToday - std::chrono::days(distance);
    AppointmentPlan plan;
    plan.status = ahead ? "booked" : random.pick(kPast);
    plan.start = Moment{day + std::chrono::minutes(quarter * 15), chart.person.offset()};
    plan.together = random.chance(350) && chart.relative.has_value();
    write_appointment(chart, plan);
  }
}

void write_provenance(Chart& chart) {
  Random& random = chart.random;
  const Id id = random.id();
  if (!random.chance(600)) return;
  ResourceWriter json = chart.files.resource(Type::kProvenance, id.view());
  json.open_array("target");
  write_reference_item(json, chart.subject());
  for (const Id& document : chart.documents)
    write_reference_item(json, {Type::kDocumentReference, document.view(), {}});
  for (const ProblemRecord& problem : chart.problems)
    write_reference_item(json, {Type::kCondition, problem.id.view(), {}});
  json.close_array();
  write_instant(json, "recorded",
                {kToday - std::chrono::days(random.between(1, 300)), chart.person.offset()});
  json.open_array("agent");
  json.open_item();
  write_concept(
      json, "type",
      {"http://terminology.hl7.org/CodeSystem/provenance-participant-type", "author", "Author"});
  write_reference(json, "who", reference_to(*chart.doctor));
  write_reference(json, "onBehalfOf", chart.organization());
  json.close();
  json.close_array();
}

}  // namespace sluice::sample
