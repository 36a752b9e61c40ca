// A patient's visits: when and why they happen, the Encounter and the Condition of each, and which
// other resources follow. The medicine is simple, but what follows
// from a problem refers to it.
#include <algorithm>

#include "sample/chart.h"

namespace sluice::sample {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

constexpr int kYearsOfRecords = 12;
constexpr std::string_view kActCodes = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
constexpr std::string_view kClinicalStatus =
    "http://terminology.hl7.org/CodeSystem/condition-clinical";
constexpr std::string_view kVerificationStatus =
    "http://terminology.hl7.org/CodeSystem/condition-ver-status";

struct VisitForm {
  Code act;
  Code type;
  int cents;
};

VisitForm form_of(const Visit& visit) {
  switch (visit.kind) {
    case VisitKind::kWellness:
      return {{kActCodes, "AMB", "ambulatory"},
              visit.age < 18
                  ? Code{kSnomed, "410620009", "Well child visit (procedure)"}
                  : Code{kSnomed, "162673000", "General examination of patient (procedure)"},
              12916};
    case VisitKind::kFollowUp:
      return {{kActCodes, "AMB", "ambulatory"},
              {kSnomed, "390906007", "Follow-up encounter (procedure)"},
              9880};
    case VisitKind::kEmergency:
      return {{kActCodes, "EMER", "emergency"},
              {kSnomed, "50849002", "Emergency room admission (procedure)"},
              88450};
    case VisitKind::kInpatient:
      return {{kActCodes, "IMP", "inpatient encounter"},
              {kSnomed, "183452005", "Emergency hospital admission (procedure)"},
              1125000};
    case VisitKind::kPhone:
      return {{kActCodes, "VR", "virtual"},
              {kSnomed, "185317003", "Telephone encounter (procedure)"},
              4100};
    case VisitKind::kSymptom:
      break;
  }
  return {{kActCodes, "AMB", "ambulatory"},
          {kSnomed, "185345009", "Encounter for symptom (procedure)"},
          10750};
}

const Problem* pick_problem(std::span<const Problem> problems, int age, Random& random) {
  // A few tries: very young patients fit few problems.
  for (int i = 0; i < 6; ++i) {
    const Problem& problem = random.pick(problems);
    if (age >= problem.age_min && age <= problem.age_max) return &problem;
  }
  return nullptr;
}

std::optional<std::size_t> chronic_problem(const Chart& chart, Random& random) {
  std::vector<std::size_t> known;
  for (std::size_t i = 0; i < chart.problems.size(); ++i)
    if (chart.problems[i].chronic && !chart.problems[i].abated) known.push_back(i);
  if (known.empty()) return std::nullopt;
  return random.pick(known);
}

bool has_problem(const Chart& chart, const Problem* problem) {
  return std::any_of(
      chart.problems.begin(), chart.problems.end(),
      [&](const ProblemRecord& record) { return record.problem == problem && !record.abated; });
}

/// Decides what the visit is about and enters a new problem into the chart.
void choose_reason(Chart& chart, Visit& visit) {
  Random& random = chart.random;
  const std::uint32_t occasion = random.below(100);
  if (occasion < (visit.age < 18 ? 55U : 30U)) return;
  if (occasion < 70) {
    visit.reason = chronic_problem(chart, random);
    const bool fresh = !visit.reason || (chart.problems.size() < 6 && random.chance(180));
    const Problem* problem = fresh ? pick_problem(chronic_problems(), visit.age, random) : nullptr;
    if (problem != nullptr && !has_problem(chart, problem)) {
      visit.reason = chart.problems.size();
      visit.onset = true;
      chart.problems.push_back({random.id(), problem, true, visit.start, std::nullopt});
    }
    if (!visit.reason) return;
    visit.kind = !visit.onset && random.chance(150) ? VisitKind::kPhone : VisitKind::kFollowUp;
    return;
  }
  const Problem* problem = pick_problem(acute_problems(), visit.age, random);
  if (problem == nullptr) return;
  visit.kind = problem->setting == Setting::kInpatient   ? VisitKind::kInpatient
               : problem->setting == Setting::kEmergency ? VisitKind::kEmergency
                                                         : VisitKind::kSymptom;
  visit.reason = chart.problems.size();
  visit.onset = true;
  const Moment abated = visit.start + days(random.between(6, 40));
  chart.problems.push_back({random.id(), problem, false, visit.start,
                            day_of(abated) < kToday ? std::optional(abated) : std::nullopt});
}

void set_end(Visit& visit, Random& random) {
  switch (visit.kind) {
    case VisitKind::kEmergency:
      visit.end = visit.start + minutes(random.between(70, 420));
      return;
    case VisitKind::kInpatient:
      visit.end = visit.start + hours(random.between(30, 160));
      return;
    default:
      visit.end = visit.start + minutes(random.between(2, 6) * 10);
  }
}

void write_onset(JsonWriter& json, const ProblemRecord& record, Random& random) {
  const std::uint32_t precision = random.below(100);
  if (!record.chronic || precision >= 12) {
    write_date_time(json, "onsetDateTime", record.onset);
    return;
  }
  // What patients remember: a month or a year.
  std::string day;
  append_date(day, day_of(record.onset));
  json.text("onsetDateTime", std::string_view(day).substr(0, precision < 6 ? 4 : 7));
}

void write_condition(Chart& chart, const Visit& visit) {
  const ProblemRecord& record = chart.problems[*visit.reason];
  ResourceWriter json = chart.files.resource(Type::kCondition, record.id.view());
  write_meta(json, chart.random, "us-core-condition", visit.end);
  const bool resolved = record.abated.has_value();
  write_coded(
      json, "clinicalStatus",
      {kClinicalStatus, resolved ? "resolved" : "active", resolved ? "Resolved" : "Active"});
  const bool sure = !chart.random.chance(40);
  write_coded(json, "verificationStatus",
              {kVerificationStatus, sure ? "confirmed" : "provisional",
               sure ? "Confirmed" : "Provisional"});
  write_coded_list(json, "category",
                   {"http://terminology.hl7.org/CodeSystem/condition-category",
                    record.chronic ? "problem-list-item" : "encounter-diagnosis",
                    record.chronic ? "Problem List Item" : "Encounter Diagnosis"});
  write_concept(json, "code", record.problem->code, record.problem->billing);
  write_reference(json, "subject", chart.subject());
  write_reference(json, "encounter", reference_to(visit));
  write_onset(json, record, chart.random);
  if (record.abated) write_date_time(json, "abatementDateTime", *record.abated);
  write_date_time(json, "recordedDate", visit.start);
  write_reference(json, "recorder", reference_to(*visit.practitioner));
  if (chart.random.chance(15)) write_reference(json, "asserter", chart.named_subject());
}

void write_encounter_reason(JsonWriter& json, const ProblemRecord& record) {
  write_concept_list(json, "reasonCode", record.problem->code);
  json.open_array("diagnosis");
  json.open_item();
  write_reference(json, "condition",
                  {Type::kCondition, record.id.view(), record.problem->code.display});
  write_coded(json, "use",
              {"http://terminology.hl7.org/CodeSystem/diagnosis-role", "billing", "Billing"});
  json.number("rank", 1);
  json.close();
  json.close_array();
}

void write_visit_period(JsonWriter& json, const Visit& visit) {
  if (visit.in_progress)
    write_period_from(json, "period", visit.start);
  else
    write_period(json, "period", visit.start, visit.end);
}

void write_encounter(Chart& chart, const Visit& visit, const VisitForm& form) {
  const Organization& organization = chart.directory.organization_of(*visit.practitioner);
  ResourceWriter json = chart.files.resource(Type::kEncounter, visit.id.view());
  write_meta(json, chart.random, "us-core-encounter", visit.end);
  json.text("status", visit.in_progress ? "in-progress" : "finished");
  json.open("class");
  json.text("system", form.act.system);
  json.text("code", form.act.code);
  json.text("display", form.act.display);
  json.close();
  write_concept_list(json, "type", form.type);
  write_reference(json, "subject", chart.named_subject());
  json.open_array("participant");
  json.open_item();
  write_coded_list(
      json, "type",
      {"http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "PPRF", "primary performer"});
  write_reference(json, "individual", reference_to(*visit.practitioner));
  json.close();
  json.close_array();
  write_visit_period(json, visit);
  if (visit.reason) write_encounter_reason(json, chart.problems[*visit.reason]);
  if (visit.kind == VisitKind::kInpatient && !visit.in_progress) {
    json.open("hospitalization");
    write_concept(json, "dischargeDisposition",
                  {"http://terminology.hl7.org/CodeSystem/discharge-disposition", "home", "Home"});
    json.close();
  }
  json.open_array("location");
  json.open_item();
  const bool ward = visit.kind == VisitKind::kInpatient;
  write_reference(json, "location", {Type::kLocation, organization.locations[ward ? 1 : 0].view()});
  json.close();
  json.close_array();
  write_reference(json, "serviceProvider",
                  {Type::kOrganization, organization.id.view(), organization.name});
}

void do_checkup(Chart& chart, Visit& visit) {
  Random& random = chart.random;
  const auto vaccines_today = random.below(visit.age < 7 ? 4 : 3);
  for (std::uint32_t i = 0; i < vaccines_today; ++i) {
    const Vaccine& vaccine = i == 0 ? vaccines().front() : random.pick(vaccines());
    if (visit.age >= vaccine.age_min && visit.age <= vaccine.age_max)
      write_immunization(chart, visit, vaccine);
  }
  if (visit.age < 18) return;
  if (random.chance(450)) write_panel(chart, visit, random.pick(panels()));
  if (random.chance(300)) write_procedure(chart, visit, treatments()[7]);
  if (random.chance(350)) write_procedure(chart, visit, treatments()[8]);
  if (visit.age >= 50 && random.chance(120))
    write_procedure(chart, visit, treatments()[random.chance(500) ? 5 : 6]);
}

void treat(Chart& chart, Visit& visit) {
  Random& random = chart.random;
  const Problem& problem = *chart.problems[*visit.reason].problem;
  if (problem.drug >= 0 && (visit.onset || random.chance(700)))
    write_prescription(chart, visit, static_cast<std::size_t>(problem.drug));
  if (problem.second_drug >= 0 && random.chance(300))
    write_prescription(chart, visit, static_cast<std::size_t>(problem.second_drug));
  if (visit.kind == VisitKind::kPhone) return;
  if (problem.procedure >= 0 && (visit.onset || random.chance(200))) {
    const Treatment& treatment = treatments()[static_cast<std::size_t>(problem.procedure)];
    write_procedure(chart, visit, treatment);
    if (treatment.code.display.find("X-ray") != std::string_view::npos)
      write_imaging_report(chart, visit, treatment);
  }
  if (problem.panel >= 0 && (visit.onset || random.chance(550)))
    write_panel(chart, visit, panels()[static_cast<std::size_t>(problem.panel)]);
  if (problem.test >= 0 && random.chance(800))
    write_single_test(chart, visit, single_tests()[static_cast<std::size_t>(problem.test)]);
  if (problem.care_plan >= 0 && visit.onset)
    write_care_plan(chart, visit, plans()[static_cast<std::size_t>(problem.care_plan)]);
}

void write_visit(Chart& chart, Visit& visit) {
  Random& random = chart.random;
  visit.id = random.id();
  choose_reason(chart, visit);
  set_end(visit, random);
  visit.practitioner = random.chance(700)
                           ? chart.doctor
                           : &chart.directory.any_practitioner(chart.person.index, random);
  const VisitForm form = form_of(visit);
  visit.services.push_back({form.type, form.cents, Type::kEncounter, visit.id});
  write_encounter(chart, visit, form);
  if (visit.onset) write_condition(chart, visit);
  if (visit.kind != VisitKind::kPhone) write_vital_signs(chart, visit);
  if (visit.kind == VisitKind::kWellness) do_checkup(chart, visit);
  if (visit.reason) treat(chart, visit);
  const bool hospital = visit.kind == VisitKind::kInpatient || visit.kind == VisitKind::kEmergency;
  if (hospital || random.chance(280)) write_document(chart, visit);
  if (!visit.in_progress) write_claim(chart, visit);
}

}  // namespace

void write_visits(Chart& chart) {
  const Person& person = chart.person;
  Random& random = chart.random;
  // No visit is planned into the last days, so that each of them can end.
  const LocalDay last = (person.death ? day_of(*person.death) : kToday) - days(9);
  const LocalDay first = std::max(person.birth + days(3), last - days(365 * kYearsOfRecords));
  const int span = static_cast<int>((last - first).count());
  if (span < 1) return;
  const int age = person.age_on(last);
  const int wanted = 6 + random.bell(0, 12) + age / 12;
  const int count = std::clamp(std::min(wanted, span / 25), 1, 40);
  const bool in_hospital_now = !person.death && random.chance(15);
  for (int i = 0; i < count; ++i) {
    // Each visit somewhere in its own part of the time.
    const int from = span * i / count;
    const int to = std::max(from, span * (i + 1) / count - 1);
    Visit visit;
    const int day = random.between(from, to);
    const int minute = random.between(16, 67) * 15;
    const int second = random.between(0, 59);
    visit.start =
        Moment{first + days(day) + minutes(minute) + std::chrono::seconds(second), person.offset()};
    visit.age = person.age_on(day_of(visit.start));
    visit.in_progress = in_hospital_now && i == count - 1;
    write_visit(chart, visit);
  }
}

}  // namespace sluice::sample
