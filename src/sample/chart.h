// One patient's record while it is generated: what the writers of its resources share. Discarded
// after the patient.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sample/calendar.h"
#include "sample/directory.h"
#include "sample/fhir_writer.h"
#include "sample/ndjson_files.h"
#include "sample/person.h"
#include "sample/random.h"
#include "sample/terminology.h"

namespace sluice::sample {

struct ProblemRecord {
  Id id;
  const Problem* problem = nullptr;
  bool chronic = false;
  Moment onset;
  std::optional<Moment> abated;
};

/// Something a visit is billed for, and the resource that documents it.
struct Service {
  Code code;
  std::int64_t cents = 0;
  std::optional<Type> type;
  Id id;
};

enum class VisitKind : std::uint8_t {
  kWellness,
  kFollowUp,
  kSymptom,
  kEmergency,
  kInpatient,
  kPhone
};

struct Visit {
  Id id;
  VisitKind kind = VisitKind::kWellness;
  Moment start;
  Moment end;
  bool in_progress = false;  ///< has no end yet
  bool onset = false;        ///< the reason was found in this visit
  int age = 0;
  const Practitioner* practitioner = nullptr;
  std::optional<std::size_t> reason;  ///< index into Chart::problems
  std::vector<Service> services;
};

/// What the vital signs wander around.
struct Body {
  int adult_height = 1700;     ///< in mm
  int body_mass_index = 2400;  ///< in 1/100 kg/m2
  int systolic = 120;
  int heart_rate = 72;
  int smoking = 0;  ///< 0 never, 1 former, 2 current
};

struct Chart {
  NdjsonFiles& files;
  const Directory& directory;
  const Person person;
  const std::optional<Person> relative;  ///< another patient, with a smaller number
  Random random;
  const Practitioner* doctor = nullptr;
  const Payer* payer = nullptr;
  Id coverage{};
  Id care_team{};
  Body body{};
  std::vector<ProblemRecord> problems{};
  std::vector<Id> documents{};

  Reference subject() const { return {Type::kPatient, person.id.view(), {}}; }
  Reference named_subject() const { return {Type::kPatient, person.id.view(), person.display}; }
  Reference organization() const {
    const Organization& found = directory.organization_of(*doctor);
    return {Type::kOrganization, found.id.view(), found.name};
  }
};

inline Reference reference_to(const Practitioner& practitioner) {
  return {Type::kPractitioner, practitioner.id.view(), practitioner.display};
}
inline Reference reference_to(const Visit& visit) {
  return {Type::kEncounter, visit.id.view(), {}};
}

// people.cc
void write_patient(Chart& chart, std::uint64_t seed);
void write_related_person(Chart& chart);

// encounters.cc: the visits in order, each with everything that happens in it.
void write_visits(Chart& chart);

// observations.cc
void write_vital_signs(Chart& chart, const Visit& visit);
void write_panel(Chart& chart, Visit& visit, const Panel& panel);
void write_single_test(Chart& chart, Visit& visit, const Measure& test);

// treatments.cc
void write_procedure(Chart& chart, Visit& visit, const Treatment& treatment);
void write_immunization(Chart& chart, Visit& visit, const Vaccine& vaccine);
void write_prescription(Chart& chart, Visit& visit, std::size_t drug);
void write_allergies(Chart& chart);

// care.cc
void write_care_team(Chart& chart);
void write_care_plan(Chart& chart, const Visit& visit, const Plan& plan);
void write_device(Chart& chart);
void write_appointments(Chart& chart);
void write_provenance(Chart& chart);

// documents.cc
void write_document(Chart& chart, const Visit& visit);
void write_imaging_report(Chart& chart, Visit& visit, const Treatment& treatment);

// financial.cc
void write_coverage(Chart& chart);
void write_claim(Chart& chart, const Visit& visit);

}  // namespace sluice::sample
