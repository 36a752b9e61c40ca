// Vital signs and laboratory tests with their units and reference ranges. Apart from terminology.cc
// for its length only.
#include <array>

#include "sample/terminology.h"

namespace sluice::sample {
namespace {

constexpr Code loinc(std::string_view code, std::string_view display) {
  return {kLoinc, code, display};
}

constexpr std::array kVitalSigns = std::to_array<Measure>({
    {loinc("8302-2", "Body height"), "cm", "cm", 1, 1500, 2000},
    {loinc("29463-7", "Body weight"), "kg", "kg", 1, 450, 1100},
    {loinc("39156-5", "Body mass index (BMI) [Ratio]"), "kg/m2", "kg/m2", 2, 1850, 2490},
    {loinc("8867-4", "Heart rate"), "/min", "/min", 0, 60, 100},
    {loinc("9279-1", "Respiratory rate"), "/min", "/min", 0, 12, 20},
    {loinc("8310-5", "Body temperature"), "Cel", "Cel", 1, 361, 374},
    {loinc("2708-6", "Oxygen saturation in Arterial blood"), "%", "%", 0, 95, 100},
    {loinc("72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported"), "{score}",
     "{score}", 0, 0, 4},
    {loinc("8480-6", "Systolic blood pressure"), "mm[Hg]", "mm[Hg]", 0, 100, 130},
    {loinc("8462-4", "Diastolic blood pressure"), "mm[Hg]", "mm[Hg]", 0, 60, 85},
});

constexpr std::array kBasic = std::to_array<Measure>({
    {loinc("2345-7", "Glucose [Mass/volume] in Serum or Plasma"), "mg/dL", "mg/dL", 1, 700, 990},
    {loinc("3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma"), "mg/dL", "mg/dL", 1, 70,
     200},
    {loinc("2160-0", "Creatinine [Mass/volume] in Serum or Plasma"), "mg/dL", "mg/dL", 2, 60, 130},
    {loinc("17861-6", "Calcium [Mass/volume] in Serum or Plasma"), "mg/dL", "mg/dL", 2, 850, 1050},
    {loinc("2951-2", "Sodium [Moles/volume] in Serum or Plasma"), "mmol/L", "mmol/L", 0, 135, 145},
    {loinc("2823-3", "Potassium [Moles/volume] in Serum or Plasma"), "mmol/L", "mmol/L", 2, 350,
     510},
    {loinc("2075-0", "Chloride [Moles/volume] in Serum or Plasma"), "mmol/L", "mmol/L", 0, 98, 107},
    {loinc("2028-9", "Carbon dioxide, total [Moles/volume] in Serum or Plasma"), "mmol/L", "mmol/L",
     1, 230, 290},
});

constexpr std::array kComprehensive = std::to_array<Measure>({
    {loinc("2345-7", "Glucose [Mass/volume] in Serum or Plasma"), "mg/dL", "mg/dL", 1, 700, 990},
    {loinc("2160-0", "Creatinine [Mass/volume] in Serum or Plasma"), "mg/dL", "mg/dL", 2, 60, 130},
    {loinc("2951-2", "Sodium [Moles/volume] in Serum or Plasma"), "mmol/L", "mmol/L", 0, 135, 145},
    {loinc("2823-3", "Potassium [Moles/volume] in Serum or Plasma"), "mmol/L", "mmol/L", 2, 350,
     510},
    {loinc("2885-2", "Protein [Mass/volume] in Serum or Plasma"), "g/dL", "g/dL", 2, 600, 830},
    {loinc("1751-7", "Albumin [Mass/volume] in Serum or Plasma"), "g/dL", "g/dL", 2, 350, 500},
    {loinc("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma"), "mg/dL", "mg/dL", 2, 10,
     120},
    {loinc("6768-6", "Alkaline phosphatase [Enzymatic activity/volume] in Serum or Plasma"), "U/L",
     "U/L", 0, 44, 147},
    {loinc("1742-6", "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma"),
     "U/L", "U/L", 0, 7, 56},
    {loinc("1920-8", "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma"),
     "U/L", "U/L", 0, 10, 40},
});

constexpr std::array kLipids = std::to_array<Measure>({
    {loinc("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma"), "mg/dL", "mg/dL", 0, 125,
     200},
    {loinc("2571-8", "Triglyceride [Mass/volume] in Serum or Plasma"), "mg/dL", "mg/dL", 0, 50,
     150},
    {loinc("18262-6", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by Direct assay"),
     "mg/dL", "mg/dL", 0, 60, 130},
    {loinc("2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma"), "mg/dL", "mg/dL", 0,
     40, 80},
});

constexpr std::array kBlood = std::to_array<Measure>({
    {loinc("6690-2", "Leukocytes [#/volume] in Blood by Automated count"), "10*3/uL", "10*3/uL", 1,
     45, 110},
    {loinc("789-8", "Erythrocytes [#/volume] in Blood by Automated count"), "10*6/uL", "10*6/uL", 2,
     410, 570},
    {loinc("718-7", "Hemoglobin [Mass/volume] in Blood"), "g/dL", "g/dL", 1, 120, 175},
    {loinc("4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count"), "%", "%", 1, 360,
     500},
    {loinc("787-2", "MCV [Entitic volume] by Automated count"), "fL", "fL", 1, 800, 960},
    {loinc("785-6", "MCH [Entitic mass] by Automated count"), "pg", "pg", 1, 270, 330},
    {loinc("786-4", "MCHC [Mass/volume] by Automated count"), "g/dL", "g/dL", 1, 320, 360},
    {loinc("777-3", "Platelets [#/volume] in Blood by Automated count"), "10*3/uL", "10*3/uL", 0,
     150, 400},
});

constexpr std::array kPanels = std::to_array<Panel>({
    {loinc("51990-0", "Basic metabolic panel - Blood"), kBasic},
    {loinc("24323-8", "Comprehensive metabolic 2000 panel - Serum or Plasma"), kComprehensive},
    {loinc("57698-3", "Lipid panel with direct LDL - Serum or Plasma"), kLipids},
    {loinc("58410-2", "CBC panel - Blood by Automated count"), kBlood},
});

constexpr std::array kSingleTests = std::to_array<Measure>({
    {loinc("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood"), "%", "%", 1, 40, 56},
    {loinc("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma"), "m[IU]/L", "m[IU]/L", 2, 40,
     400},
    {loinc("14959-1", "Microalbumin/Creatinine [Mass Ratio] in Urine"), "mg/g", "mg/g", 1, 0, 300},
    {loinc(
         "33914-3",
         "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum or Plasma by "
         "Creatinine-based formula (MDRD)"),
     "mL/min/{1.73_m2}", "mL/min/{1.73_m2}", 0, 60, 120, true},
});

}  // namespace

const Measure& vital_sign(VitalSign sign) {
  return kVitalSigns[static_cast<std::size_t>(sign)];
}
std::span<const Panel> panels() {
  return kPanels;
}
std::span<const Measure> single_tests() {
  return kSingleTests;
}

}  // namespace sluice::sample
