// Observation: vital signs, smoking status and laboratory results, and the DiagnosticReport of a
// panel. Half of all resources are made here.
#include <algorithm>

#include "sample/chart.h"

namespace sluice::sample {
namespace {

constexpr std::string_view kCategories =
    "http://terminology.hl7.org/CodeSystem/observation-category";
constexpr Code kVitalSigns{kCategories, "vital-signs", "Vital Signs"};
constexpr Code kLaboratory{kCategories, "laboratory", "Laboratory"};
constexpr Code kSocialHistory{kCategories, "social-history", "Social History"};
constexpr std::string_view kInterpretations =
    "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";

std::string_view pick_status(Random& random) {
  const std::uint32_t kind = random.below(1000);
  if (kind < 965) return "final";
  if (kind < 980) return "amended";
  if (kind < 990) return "corrected";
  return kind < 996 ? "preliminary" : "entered-in-error";
}

/// Everything before the value.
void write_head(JsonWriter& json, Chart& chart, const Visit& visit, Code category, Code code,
                std::string_view profile) {
  write_meta(json, chart.random, profile, visit.end);
  json.text("status", pick_status(chart.random));
  write_coded_list(json, "category", category);
  write_concept(json, "code", code);
  write_reference(json, "subject", chart.subject());
  write_reference(json, "encounter", reference_to(visit));
  write_date_time(json, "effectiveDateTime", visit.start);
  write_instant(json, "issued", visit.start);
  // Measured by a relative who is a patient too: a resource of two compartments.
  const bool by_relative = chart.random.chance(6);
  if (by_relative && chart.relative)
    write_reference_list(json, "performer",
                         {Type::kPatient, chart.relative->id.view(), chart.relative->display});
  else
    write_reference_list(json, "performer",
                         {Type::kPractitioner, visit.practitioner->id.view(), {}});
}

void write_interpretation(JsonWriter& json, const Measure& measure, int value) {
  Code code{kInterpretations, "N", "Normal"};
  if (value < measure.low) code = {kInterpretations, "L", "Low"};
  if (value > measure.high) code = {kInterpretations, "H", "High"};
  write_coded_list(json, "interpretation", code);
}

void write_limit(JsonWriter& json, std::string_view key, int value, const Measure& measure) {
  json.open(key);
  json.decimal("value", {value, measure.digits});
  json.text("unit", measure.unit);
  json.close();
}

void write_reference_range(JsonWriter& json, const Measure& measure) {
  json.open_array("referenceRange");
  json.open_item();
  write_limit(json, "low", measure.low, measure);
  write_limit(json, "high", measure.high, measure);
  json.close();
  json.close_array();
}

void write_missing(JsonWriter& json) {
  write_concept(json, "dataAbsentReason",
                {"http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown", "Unknown"});
}

void write_vital_sign(Chart& chart, const Visit& visit, VitalSign sign, int value) {
  const Measure& measure = vital_sign(sign);
  const Id id = chart.random.id();
  ResourceWriter json = chart.files.resource(Type::kObservation, id.view());
  write_head(json, chart, visit, kVitalSigns, measure.code, "us-core-vital-signs");
  if (chart.random.chance(8))
    write_missing(json);
  else
    write_quantity(json, "valueQuantity", {value, measure.digits}, measure);
}

void write_blood_pressure(Chart& chart, const Visit& visit) {
  Random& random = chart.random;
  const int systolic = std::max(84, chart.body.systolic + random.bell(-18, 18));
  const int diastolic = systolic * 2 / 3 + random.bell(-7, 5);
  const Id id = random.id();
  ResourceWriter json = chart.files.resource(Type::kObservation, id.view());
  write_head(json, chart, visit, kVitalSigns,
             {kLoinc, "85354-9", "Blood pressure panel with all children optional"},
             "us-core-blood-pressure");
  json.open_array("component");
  json.open_item();
  write_concept(json, "code", vital_sign(VitalSign::kSystolic).code);
  write_quantity(json, "valueQuantity", {systolic, 0}, vital_sign(VitalSign::kSystolic));
  json.close();
  json.open_item();
  write_concept(json, "code", vital_sign(VitalSign::kDiastolic).code);
  write_quantity(json, "valueQuantity", {diastolic, 0}, vital_sign(VitalSign::kDiastolic));
  json.close();
  json.close_array();
}

void write_smoking_status(Chart& chart, const Visit& visit) {
  constexpr auto kStatuses = std::to_array<Code>({
      {kSnomed, "266919005", "Never smoked tobacco (finding)"},
      {kSnomed, "8517006", "Ex-smoker (finding)"},
      {kSnomed, "449868002", "Smokes tobacco daily (finding)"},
  });
  const Id id = chart.random.id();
  ResourceWriter json = chart.files.resource(Type::kObservation, id.view());
  write_head(json, chart, visit, kSocialHistory, {kLoinc, "72166-2", "Tobacco smoking status"},
             "us-core-smokingstatus");
  write_concept(json, "valueCodeableConcept",
                kStatuses[static_cast<std::size_t>(chart.body.smoking)]);
}

void write_body_size(Chart& chart, const Visit& visit) {
  Random& random = chart.random;
  // Children grow in a straight line to their adult height at 18; their body mass index is lower.
  const int age = std::min(visit.age, 18);
  const int height = 520 + (chart.body.adult_height - 520) * age / 18 + random.between(-4, 4);
  const int usual = chart.body.body_mass_index * (60 + 40 * age / 18) / 100;
  const int body_mass_index = usual + random.bell(-120, 120);
  const std::int64_t weight =
      std::int64_t{body_mass_index} * height * height / 10'000'000;  // in 1/10 kg
  write_vital_sign(chart, visit, VitalSign::kHeight, height);
  write_vital_sign(chart, visit, VitalSign::kWeight, static_cast<int>(weight));
  if (visit.age >= 2) write_vital_sign(chart, visit, VitalSign::kBodyMassIndex, body_mass_index);
}

/// Mostly inside the reference range, sometimes up to half its width beyond.
int draw_result(const Measure& test, Random& random) {
  const int width = test.high - test.low;
  const std::uint32_t kind = random.below(100);
  if (kind < 12) return random.between(test.high + 1, test.high + 1 + width / 2);
  if (kind < 18) return random.between(std::max(0, test.low - width / 2), test.low);
  return random.bell(test.low, test.high);
}

/// A test that watches a known problem: outside the range more often than not, on the problem's
/// side.
int draw_watched_result(const Measure& test, Random& random) {
  if (random.chance(350)) return random.bell(test.low, test.high);
  if (test.falls_when_ill) return random.bell(test.low / 4, test.low);
  return random.bell(test.high, test.high + 3 * (test.high - test.low));
}

Id write_result(Chart& chart, const Visit& visit, const Measure& test, int value) {
  Random& random = chart.random;
  const Id id = random.id();
  ResourceWriter json = chart.files.resource(Type::kObservation, id.view());
  write_head(json, chart, visit, kLaboratory, test.code, "us-core-observation-lab");
  if (random.chance(8)) {
    write_missing(json);
  } else {
    write_quantity(json, "valueQuantity", {value, test.digits}, test);
    write_interpretation(json, test, value);
  }
  if (random.chance(20)) {
    json.open_array("note");
    json.open_item();
    json.text("text", "Specimen slightly hemolyzed.\nResult \"as measured\"; repeat if in doubt.");
    json.close();
    json.close_array();
  }
  write_reference_range(json, test);
  return id;
}

/// A number written with an exponent, as laboratories report viral loads.
Id write_viral_load(Chart& chart, const Visit& visit) {
  const Id id = chart.random.id();
  ResourceWriter json = chart.files.resource(Type::kObservation, id.view());
  write_head(json, chart, visit, kLaboratory,
             {kLoinc, "42595-9",
              "Hepatitis B virus DNA [Units/volume] (viral load) in Serum or Plasma by NAA with "
              "probe detection"},
             "us-core-observation-lab");
  json.open("valueQuantity");
  json.verbatim("value", "1.20E+3");
  json.text("unit", "[IU]/mL");
  json.text("system", kUcum);
  json.text("code", "[IU]/mL");
  json.close();
  return id;
}

}  // namespace

void write_vital_signs(Chart& chart, const Visit& visit) {
  Random& random = chart.random;
  const bool checkup = visit.kind == VisitKind::kWellness;
  const bool sick = visit.kind == VisitKind::kSymptom || visit.kind == VisitKind::kEmergency ||
                    visit.kind == VisitKind::kInpatient;
  if (checkup || random.chance(350)) write_body_size(chart, visit);
  if (visit.age >= 3) write_blood_pressure(chart, visit);
  const int child_beats = visit.age < 10 ? (10 - visit.age) * 5 : 0;
  const int heart_rate = chart.body.heart_rate + child_beats + random.bell(-12, sick ? 26 : 12);
  write_vital_sign(chart, visit, VitalSign::kHeartRate, heart_rate);
  const int breaths = random.bell(12, sick ? 24 : 19) + (visit.age < 5 ? 10 : 0);
  write_vital_sign(chart, visit, VitalSign::kRespiratoryRate, breaths);
  if (sick || random.chance(400))
    write_vital_sign(chart, visit, VitalSign::kTemperature, random.bell(361, sick ? 394 : 374));
  if (sick || random.chance(250))
    write_vital_sign(chart, visit, VitalSign::kOxygenSaturation, random.bell(sick ? 90 : 95, 100));
  if (visit.age >= 6 && random.chance(sick ? 800 : 250))
    write_vital_sign(chart, visit, VitalSign::kPain, random.between(0, sick ? 9 : 3));
  if (checkup && visit.age >= 14) write_smoking_status(chart, visit);
}

void write_single_test(Chart& chart, Visit& visit, const Measure& test) {
  const int value = draw_watched_result(test, chart.random);
  const Id id = write_result(chart, visit, test, value);
  visit.services.push_back({test.code, 2150, Type::kObservation, id});
}

void write_panel(Chart& chart, Visit& visit, const Panel& panel) {
  std::vector<Id> results;
  for (const Measure& test : panel.tests) {
    const int value = draw_result(test, chart.random);
    results.push_back(write_result(chart, visit, test, value));
  }
  const bool viral_load = chart.random.chance(10);
  if (viral_load) results.push_back(write_viral_load(chart, visit));
  const Id id = chart.random.id();
  ResourceWriter json = chart.files.resource(Type::kDiagnosticReport, id.view());
  write_meta(json, chart.random, "us-core-diagnosticreport-lab", visit.end);
  json.text("status", "final");
  write_coded_list(json, "category",
                   {"http://terminology.hl7.org/CodeSystem/v2-0074", "LAB", "Laboratory"});
  write_concept(json, "code", panel.code);
  write_reference(json, "subject", chart.subject());
  write_reference(json, "encounter", reference_to(visit));
  write_date_time(json, "effectiveDateTime", visit.start);
  write_instant(json, "issued", visit.end);
  write_reference_list(json, "performer", chart.organization());
  json.open_array("result");
  for (std::size_t i = 0; i < results.size(); ++i)
    write_reference_item(
        json, {Type::kObservation, results[i].view(),
               i < panel.tests.size() ? panel.tests[i].code.display : "Hepatitis B virus DNA"});
  json.close_array();
  visit.services.push_back({panel.code, 6840, Type::kDiagnosticReport, id});
}

}  // namespace sluice::sample
