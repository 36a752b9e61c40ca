// The codes the sample speaks: problems, drugs, laboratory tests, vaccines and so on, with what is
// plausible about them. Apart because it is data, not behaviour.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::sample {

struct Code {
  std::string_view system;
  std::string_view code;
  std::string_view display;
};

inline constexpr std::string_view kSnomed = "http://snomed.info/sct";
inline constexpr std::string_view kLoinc = "http://loinc.org";
inline constexpr std::string_view kRxNorm = "http://www.nlm.nih.gov/research/umls/rxnorm";
inline constexpr std::string_view kCvx = "http://hl7.org/fhir/sid/cvx";
inline constexpr std::string_view kIcd10 = "http://hl7.org/fhir/sid/icd-10-cm";
inline constexpr std::string_view kUcum = "http://unitsofmeasure.org";

/// Something measured: a vital sign or a laboratory test. Values count in the last digit: 1.50 with
/// two digits is 150.
struct Measure {
  Code code;
  std::string_view unit;
  std::string_view ucum;
  int digits;
  int low;   ///< of the reference range
  int high;  ///< of the reference range
  bool falls_when_ill = false;
};

struct Panel {
  Code code;
  std::span<const Measure> tests;
};

struct Drug {
  Code code;
  std::string_view dosage;
  std::string_view form;  ///< a word that dose_form() knows
  int dose;               ///< tablets, puffs, units per time
  int per_day;
  int cents;  ///< a fill of thirty days
};

enum class Setting : std::uint8_t { kOffice, kEmergency, kInpatient };

/// A chronic or acute problem and what usually follows from it. Indexes are into the lists below,
/// -1 for none.
struct Problem {
  Code code;
  Code billing;  ///< ICD-10-CM
  std::uint8_t age_min;
  std::uint8_t age_max;
  Setting setting;
  int drug;
  int second_drug;
  int procedure;
  int panel;
  int test;
  int care_plan;
};

struct Treatment {
  Code code;
  int cents;
  int minutes;
};

struct Vaccine {
  Code code;
  std::uint8_t age_min;
  std::uint8_t age_max;
  int cents;
};

struct Allergy {
  Code code;
  std::string_view category;  ///< AllergyIntolerance.category
  Code reaction;
};

struct Plan {
  Code category;
  std::span<const Code> activities;
  std::string_view goal;
  const Measure* target;  ///< null: the goal has none
  int target_high;
};

std::span<const Problem> chronic_problems();
std::span<const Problem> acute_problems();
std::span<const Drug> drugs();
std::span<const Treatment> treatments();
std::span<const Vaccine> vaccines();
std::span<const Allergy> allergies();
std::span<const Plan> plans();
std::span<const Panel> panels();
std::span<const Measure> single_tests();
Code dose_form(std::string_view form);

/// Vital signs, in the order of VitalSign.
enum class VitalSign : std::uint8_t {
  kHeight,
  kWeight,
  kBodyMassIndex,
  kHeartRate,
  kRespiratoryRate,
  kTemperature,
  kOxygenSaturation,
  kPain,
  kSystolic,
  kDiastolic,
};
const Measure& vital_sign(VitalSign sign);

}  // namespace sluice::sample
