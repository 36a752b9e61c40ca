#include "sample/terminology.h"

#include <array>

namespace sluice::sample {
namespace {

constexpr Code snomed(std::string_view code, std::string_view display) {
  return {kSnomed, code, display};
}
constexpr Code icd10(std::string_view code, std::string_view display) {
  return {kIcd10, code, display};
}

// Positions in kDrugs, kTreatments, kPlans; panels and single tests stand in terminology_tests.cc.
enum DrugIndex : int {
  kLisinopril,
  kAmlodipine,
  kMetformin,
  kAtorvastatin,
  kSimvastatin,
  kAlbuterol,
  kFluticasone,
  kFluticasoneSalmeterol,
  kIbuprofen,
  kNaproxen,
  kIron,
  kWarfarin,
  kMetoprolol,
  kAspirin,
  kClopidogrel,
  kSertraline,
  kLevothyroxine,
  kAlendronate,
  kOmeprazole,
  kLoratadine,
  kAmoxicillin,
  kAugmentin,
  kPenicillin,
  kAcetaminophen,
  kInsulin,
};
enum TreatmentIndex : int {
  kSpirometry,
  kChestXRay,
  kSuture,
  kImmobilization,
  kAppendectomy,
  kColonoscopy,
  kMammography,
  kDepressionScreening,
  kMedicationReconciliation,
  kThroatCulture,
  kBehavioralTherapy,
  kElectrocardiogram,
  kEchocardiogram,
  kCoronaryIntervention,
  kUrineCulture,
  kPlainXRay,
  kPulmonaryRehabilitation,
};
enum PlanIndex : int {
  kHypertensionPlan,
  kDiabetesPlan,
  kLipidPlan,
  kAsthmaPlan,
  kMusculoskeletalPlan,
  kWoundPlan,
};
enum PanelIndex : int { kBasic, kComprehensive, kLipids, kBlood };
enum TestIndex : int { kHba1c, kThyrotropin, kAlbuminRatio, kFiltration };

constexpr std::array kDrugs = std::to_array<Drug>({
    {{kRxNorm, "314076", "lisinopril 10 MG Oral Tablet"},
     "Take 1 tablet by mouth once daily",
     "tablet",
     1,
     1,
     1250},
    {{kRxNorm, "197361", "Amlodipine 5 MG Oral Tablet"},
     "Take 1 tablet by mouth once daily in the morning",
     "tablet",
     1,
     1,
     990},
    {{kRxNorm, "860975", "24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet"},
     "Take 1 tablet by mouth twice daily with meals",
     "tablet",
     1,
     2,
     1875},
    {{kRxNorm, "617311", "atorvastatin 40 MG Oral Tablet"},
     "Take 1 tablet by mouth at bedtime",
     "tablet",
     1,
     1,
     2240},
    {{kRxNorm, "312961", "Simvastatin 20 MG Oral Tablet"},
     "Take 1 tablet by mouth in the evening",
     "tablet",
     1,
     1,
     1410},
    {{kRxNorm, "2123111", "NDA020503 200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler"},
     "2 puffs every 4 to 6 hours as needed for wheezing",
     "inhaler",
     2,
     4,
     5495},
    {{kRxNorm, "895994", "120 ACTUAT Fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler"},
     "2 puffs twice daily; rinse the mouth after use",
     "inhaler",
     2,
     2,
     19850},
    {{kRxNorm, "896209",
      "60 ACTUAT Fluticasone propionate 0.25 MG/ACTUAT / salmeterol 0.05 MG/ACTUAT Dry Powder "
      "Inhaler"},
     "1 inhalation twice daily, \"open, click, breathe\"",
     "inhaler",
     1,
     2,
     31200},
    {{kRxNorm, "310965", "Ibuprofen 200 MG Oral Tablet"},
     "Take 2 tablets by mouth every 6 hours as needed for pain; not more than 6 a day",
     "tablet",
     2,
     3,
     650},
    {{kRxNorm, "849574", "Naproxen sodium 220 MG Oral Tablet"},
     "Take 1 tablet by mouth every 12 hours as needed",
     "tablet",
     1,
     2,
     720},
    {{kRxNorm, "310325", "ferrous sulfate 325 MG Oral Tablet"},
     "Take 1 tablet by mouth daily on an empty stomach",
     "tablet",
     1,
     1,
     480},
    {{kRxNorm, "855332", "Warfarin Sodium 5 MG Oral Tablet"},
     "Take 1 tablet by mouth once daily; INR as scheduled",
     "tablet",
     1,
     1,
     1130},
    {{kRxNorm, "866412", "24 HR metoprolol succinate 100 MG Extended Release Oral Tablet"},
     "Take 1 tablet by mouth once daily",
     "tablet",
     1,
     1,
     1720},
    {{kRxNorm, "243670", "aspirin 81 MG Oral Tablet"},
     "Take 1 tablet by mouth once daily",
     "tablet",
     1,
     1,
     310},
    {{kRxNorm, "309362", "Clopidogrel 75 MG Oral Tablet"},
     "Take 1 tablet by mouth once daily",
     "tablet",
     1,
     1,
     1660},
    {{kRxNorm, "312941", "sertraline 50 MG Oral Tablet"},
     "Take 1 tablet by mouth every morning",
     "tablet",
     1,
     1,
     1580},
    {{kRxNorm, "966222", "Levothyroxine Sodium 0.075 MG Oral Tablet"},
     "Take 1 tablet by mouth 30 minutes before breakfast",
     "tablet",
     1,
     1,
     1290},
    {{kRxNorm, "904419", "Alendronic acid 10 MG Oral Tablet"},
     "Take 1 tablet by mouth with plain water; remain upright for 30 minutes",
     "tablet",
     1,
     1,
     2970},
    {{kRxNorm, "198051", "omeprazole 20 MG Delayed Release Oral Capsule"},
     "Take 1 capsule by mouth before breakfast",
     "capsule",
     1,
     1,
     1345},
    {{kRxNorm, "665078", "Loratadine 5 MG Chewable Tablet"},
     "Chew 1 tablet once daily in season",
     "tablet",
     1,
     1,
     875},
    {{kRxNorm, "308182", "Amoxicillin 250 MG Oral Capsule"},
     "Take 1 capsule by mouth 3 times daily for 10 days",
     "capsule",
     1,
     3,
     1120},
    {{kRxNorm, "562251", "Amoxicillin 250 MG / Clavulanate 125 MG Oral Tablet"},
     "Take 1 tablet by mouth 3 times daily for 7 days",
     "tablet",
     1,
     3,
     2480},
    {{kRxNorm, "834102", "Penicillin V Potassium 500 MG Oral Tablet"},
     "Take 1 tablet by mouth twice daily for 10 days",
     "tablet",
     1,
     2,
     1015},
    {{kRxNorm, "313782", "Acetaminophen 325 MG Oral Tablet"},
     "Take 2 tablets by mouth every 6 hours as needed for fever or pain",
     "tablet",
     2,
     4,
     540},
    {{kRxNorm, "106892",
      "insulin human, isophane 70 UNT/ML / Regular Insulin, Human 30 UNT/ML Injectable Suspension "
      "[Humulin]"},
     "Inject 12 units under the skin twice daily before meals",
     "injection",
     12,
     2,
     14900},
});

constexpr std::array kTreatments = std::to_array<Treatment>({
    {snomed("127783003", "Spirometry (procedure)"), 8450, 20},
    {snomed("399208008", "Plain chest X-ray (procedure)"), 14200, 15},
    {snomed("288086009", "Suture open wound"), 38900, 35},
    {snomed("274474001", "Bone immobilization"), 51375, 45},
    {snomed("80146002", "Excision of appendix (procedure)"), 1284050, 95},
    {snomed("73761001", "Colonoscopy"), 187500, 50},
    {snomed("71651007", "Mammography (procedure)"), 21650, 20},
    {snomed("171207006", "Depression screening"), 3120, 10},
    {snomed("430193006", "Medication Reconciliation (procedure)"), 4975, 15},
    {snomed("117015009", "Throat culture (procedure)"), 2890, 5},
    {snomed("228557008", "Cognitive and behavioral therapy"), 14500, 50},
    {snomed("29303009", "Electrocardiographic procedure"), 6580, 10},
    {snomed("40701008", "Echocardiography (procedure)"), 43200, 40},
    {snomed("415070008", "Percutaneous coronary intervention"), 2965000, 80},
    {snomed("117010004", "Urine culture"), 2745, 5},
    {snomed("168537006", "Plain X-ray (procedure)"), 11830, 15},
    {snomed("15081005", "Pulmonary rehabilitation (regime/therapy)"), 9900, 60},
});

constexpr std::array kChronic = std::to_array<Problem>({
    {snomed("59621000", "Essential hypertension (disorder)"),
     icd10("I10", "Essential (primary) hypertension"), 35, 110, Setting::kOffice, kLisinopril,
     kAmlodipine, kElectrocardiogram, kBasic, -1, kHypertensionPlan},
    {snomed("44054006", "Diabetes mellitus type 2 (disorder)"),
     icd10("E11.9", "Type 2 diabetes mellitus without complications"), 35, 110, Setting::kOffice,
     kMetformin, kInsulin, -1, kComprehensive, kHba1c, kDiabetesPlan},
    {snomed("55822004", "Hyperlipidemia (disorder)"), icd10("E78.5", "Hyperlipidemia, unspecified"),
     30, 110, Setting::kOffice, kAtorvastatin, kSimvastatin, -1, kLipids, -1, kLipidPlan},
    {snomed("195967001", "Asthma (disorder)"),
     icd10("J45.909", "Unspecified asthma, uncomplicated"), 4, 60, Setting::kOffice, kAlbuterol,
     kFluticasone, kSpirometry, -1, -1, kAsthmaPlan},
    {snomed("162864005", "Body mass index 30+ - obesity (finding)"),
     icd10("E66.9", "Obesity, unspecified"), 18, 90, Setting::kOffice, -1, -1, -1, kLipids, kHba1c,
     -1},
    {snomed("239873007", "Osteoarthritis of knee (disorder)"),
     icd10("M17.9", "Osteoarthritis of knee, unspecified"), 50, 110, Setting::kOffice, kNaproxen,
     kIbuprofen, kPlainXRay, -1, -1, kMusculoskeletalPlan},
    {snomed("271737000", "Anemia (disorder)"), icd10("D64.9", "Anemia, unspecified"), 1, 110,
     Setting::kOffice, kIron, -1, -1, kBlood, -1, -1},
    {snomed("49436004", "Atrial fibrillation (disorder)"),
     icd10("I48.91", "Unspecified atrial fibrillation"), 55, 110, Setting::kOffice, kWarfarin,
     kMetoprolol, kElectrocardiogram, kBlood, -1, -1},
    {snomed("53741008", "Coronary arteriosclerosis (disorder)"),
     icd10("I25.10",
           "Atherosclerotic heart disease of native coronary artery without angina pectoris"),
     50, 110, Setting::kOffice, kAspirin, kClopidogrel, kEchocardiogram, kLipids, -1, kLipidPlan},
    {snomed("13645005", "Chronic obstructive pulmonary disease (disorder)"),
     icd10("J44.9", "Chronic obstructive pulmonary disease, unspecified"), 50, 110,
     Setting::kOffice, kFluticasoneSalmeterol, kAlbuterol, kPulmonaryRehabilitation, kBlood, -1,
     kAsthmaPlan},
    {snomed("370143000", "Major depressive disorder (disorder)"),
     icd10("F32.9", "Major depressive disorder, single episode, unspecified"), 14, 100,
     Setting::kOffice, kSertraline, -1, kBehavioralTherapy, -1, -1, -1},
    {snomed("40930008", "Hypothyroidism (disorder)"), icd10("E03.9", "Hypothyroidism, unspecified"),
     25, 110, Setting::kOffice, kLevothyroxine, -1, -1, kBasic, kThyrotropin, -1},
    {snomed("64859006", "Osteoporosis (disorder)"),
     icd10("M81.0", "Age-related osteoporosis without current pathological fracture"), 60, 110,
     Setting::kOffice, kAlendronate, -1, kPlainXRay, -1, -1, kMusculoskeletalPlan},
    {snomed("235595009", "Gastroesophageal reflux disease (disorder)"),
     icd10("K21.9", "Gastro-esophageal reflux disease without esophagitis"), 18, 110,
     Setting::kOffice, kOmeprazole, -1, -1, -1, -1, -1},
    {snomed("446096008", "Perennial allergic rhinitis (disorder)"),
     icd10("J30.89", "Other allergic rhinitis"), 2, 80, Setting::kOffice, kLoratadine, -1, -1, -1,
     -1, -1},
    {snomed("37796009", "Migraine (disorder)"),
     icd10("G43.909", "Migraine, unspecified, not intractable, without status migrainosus"), 12, 70,
     Setting::kOffice, kIbuprofen, -1, -1, -1, -1, -1},
    {snomed("709044004", "Chronic kidney disease (disorder)"),
     icd10("N18.9", "Chronic kidney disease, unspecified"), 55, 110, Setting::kOffice, kLisinopril,
     -1, -1, kComprehensive, kFiltration, -1},
    {snomed("714628002", "Prediabetes (finding)"), icd10("R73.03", "Prediabetes"), 30, 90,
     Setting::kOffice, -1, -1, -1, kBasic, kHba1c, kDiabetesPlan},
    {snomed("24079001", "Atopic dermatitis (disorder)"),
     icd10("L20.9", "Atopic dermatitis, unspecified"), 0, 40, Setting::kOffice, kLoratadine, -1, -1,
     -1, -1, -1},
});

constexpr std::array kAcute = std::to_array<Problem>({
    {snomed("444814009", "Viral sinusitis (disorder)"),
     icd10("J01.90", "Acute sinusitis, unspecified"), 3, 110, Setting::kOffice, kAcetaminophen, -1,
     -1, -1, -1, -1},
    {snomed("195662009", "Acute viral pharyngitis (disorder)"),
     icd10("J02.9", "Acute pharyngitis, unspecified"), 1, 110, Setting::kOffice, kAcetaminophen, -1,
     kThroatCulture, -1, -1, -1},
    {snomed("10509002", "Acute bronchitis (disorder)"),
     icd10("J20.9", "Acute bronchitis, unspecified"), 1, 110, Setting::kOffice, kAlbuterol, -1,
     kChestXRay, -1, -1, -1},
    {snomed("65363002", "Otitis media (disorder)"),
     icd10("H66.90", "Otitis media, unspecified, unspecified ear"), 0, 12, Setting::kOffice,
     kAmoxicillin, -1, -1, -1, -1, -1},
    {snomed("43878008", "Streptococcal sore throat (disorder)"),
     icd10("J02.0", "Streptococcal pharyngitis"), 3, 40, Setting::kOffice, kPenicillin, -1,
     kThroatCulture, -1, -1, -1},
    {snomed("75498004", "Acute bacterial sinusitis (disorder)"),
     icd10("J01.90", "Acute sinusitis, unspecified"), 5, 110, Setting::kOffice, kAugmentin, -1, -1,
     -1, -1, -1},
    {snomed("301011002", "Escherichia coli urinary tract infection"),
     icd10("N39.0", "Urinary tract infection, site not specified"), 12, 110, Setting::kOffice,
     kAugmentin, -1, kUrineCulture, kBlood, -1, -1},
    {snomed("44465007", "Sprain of ankle"),
     icd10("S93.409A", "Sprain of unspecified ligament of unspecified ankle, initial encounter"), 5,
     85, Setting::kEmergency, kIbuprofen, -1, kPlainXRay, -1, -1, kMusculoskeletalPlan},
    {snomed("284551006", "Laceration of foot"),
     icd10("S91.319A", "Laceration without foreign body, unspecified foot, initial encounter"), 3,
     90, Setting::kEmergency, kAcetaminophen, -1, kSuture, -1, -1, kWoundPlan},
    {snomed("283371005", "Laceration of forearm"),
     icd10("S51.819A", "Laceration without foreign body of unspecified forearm, initial encounter"),
     3, 90, Setting::kEmergency, kAcetaminophen, -1, kSuture, -1, -1, kWoundPlan},
    {snomed("65966004", "Fracture of forearm"),
     icd10("S52.90XA", "Unspecified fracture of unspecified forearm, initial encounter"), 4, 95,
     Setting::kEmergency, kIbuprofen, -1, kImmobilization, -1, -1, kMusculoskeletalPlan},
    {snomed("62106007", "Concussion with no loss of consciousness"),
     icd10("S06.0X0A", "Concussion without loss of consciousness, initial encounter"), 5, 80,
     Setting::kEmergency, kAcetaminophen, -1, -1, kBasic, -1, -1},
    {snomed("74400008", "Appendicitis (disorder)"), icd10("K37", "Unspecified appendicitis"), 8, 60,
     Setting::kInpatient, kAugmentin, -1, kAppendectomy, kBlood, -1, kWoundPlan},
    {snomed("233604007", "Pneumonia (disorder)"), icd10("J18.9", "Pneumonia, unspecified organism"),
     1, 110, Setting::kInpatient, kAugmentin, -1, kChestXRay, kBlood, -1, -1},
    {snomed("22298006", "Myocardial infarction (disorder)"),
     icd10("I21.9", "Acute myocardial infarction, unspecified"), 45, 110, Setting::kInpatient,
     kAspirin, kMetoprolol, kCoronaryIntervention, kComprehensive, -1, kLipidPlan},
});

constexpr std::array kVaccines = std::to_array<Vaccine>({
    {{kCvx, "140", "Influenza, seasonal, injectable, preservative free"}, 0, 110, 14052},
    {{kCvx, "20", "DTaP"}, 0, 6, 14052},
    {{kCvx, "10", "IPV"}, 0, 6, 14052},
    {{kCvx, "03", "MMR"}, 1, 6, 14052},
    {{kCvx, "21", "varicella"}, 1, 12, 15820},
    {{kCvx, "08", "Hep B, adolescent or pediatric"}, 0, 18, 9675},
    {{kCvx, "133", "Pneumococcal conjugate PCV 13"}, 0, 2, 23190},
    {{kCvx, "62", "HPV, quadrivalent"}, 11, 26, 25400},
    {{kCvx, "114", "meningococcal MCV4P"}, 11, 23, 16310},
    {{kCvx, "115", "Tdap"}, 11, 64, 7230},
    {{kCvx, "113", "Td (adult) preservative free"}, 19, 110, 5995},
    {{kCvx, "208", "COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose"}, 12, 110, 4000},
    {{kCvx, "121", "zoster"}, 50, 110, 21370},
    {{kCvx, "33", "pneumococcal polysaccharide vaccine, 23 valent"}, 65, 110, 11890},
});

constexpr Code kHives = snomed("247472004", "Wheal (finding)");
constexpr Code kSneezing = snomed("76067001", "Sneezing (finding)");
constexpr Code kAnaphylaxis = snomed("39579001", "Anaphylaxis (disorder)");
constexpr Code kRash = snomed("271807003", "Eruption of skin (disorder)");

constexpr std::array kAllergies = std::to_array<Allergy>({
    {snomed("419474003", "Allergy to mould"), "environment", kSneezing},
    {snomed("232347008", "Dander (animal) allergy"), "environment", kSneezing},
    {snomed("418689008", "Allergy to grass pollen"), "environment", kSneezing},
    {snomed("232350006", "House dust mite allergy"), "environment", kSneezing},
    {snomed("300913006", "Shellfish allergy"), "food", kHives},
    {snomed("91934008", "Allergy to nut"), "food", kAnaphylaxis},
    {snomed("425525006", "Allergy to dairy product"), "food", kHives},
    {snomed("91935009", "Allergy to peanuts"), "food", kAnaphylaxis},
    {snomed("91936005", "Allergy to penicillin"), "medication", kRash},
    {snomed("424213003", "Allergy to bee venom"), "environment", kAnaphylaxis},
});

constexpr std::array kHypertensionActivities =
    std::to_array<Code>({snomed("386463000", "Prescribed activity/exercise education"),
                         snomed("413473000", "Counseling about alcohol consumption"),
                         snomed("1151000175103", "Dietary approaches to stop hypertension diet")});
constexpr std::array kDiabetesActivities = std::to_array<Code>(
    {snomed("160670007", "Diabetic diet"), snomed("229065009", "Exercise therapy")});
constexpr std::array kLipidActivities = std::to_array<Code>(
    {snomed("183301007", "Physical exercises"), snomed("183063000", "Low salt diet education")});
constexpr std::array kAsthmaActivities =
    std::to_array<Code>({snomed("58332002", "Allergy education"),
                         snomed("371605008", "Deep breathing and coughing exercises")});
constexpr std::array kMusculoskeletalActivities = std::to_array<Code>(
    {snomed("266694003", "Heat therapy"), snomed("183051005", "Recommendation to rest")});
constexpr std::array kWoundActivities =
    std::to_array<Code>({snomed("385949008", "Dressing change management"),
                         snomed("439830001", "Behavior to prevent infection")});

}  // namespace

std::span<const Problem> chronic_problems() {
  return kChronic;
}
std::span<const Problem> acute_problems() {
  return kAcute;
}
std::span<const Drug> drugs() {
  return kDrugs;
}
std::span<const Treatment> treatments() {
  return kTreatments;
}
std::span<const Vaccine> vaccines() {
  return kVaccines;
}
std::span<const Allergy> allergies() {
  return kAllergies;
}

std::span<const Plan> plans() {
  static const std::array kPlans = std::to_array<Plan>({
      {snomed("443402002", "Lifestyle education regarding hypertension"), kHypertensionActivities,
       "Keep systolic blood pressure below 130 mm[Hg]", &vital_sign(VitalSign::kSystolic), 130},
      {snomed("698360004", "Diabetes self management plan"), kDiabetesActivities,
       "Hemoglobin A1c total in Blood < 7.0 %", &single_tests()[kHba1c], 70},
      {snomed("736285004", "Hyperlipidemia clinical management plan"), kLipidActivities,
       "LDL cholesterol below 100 mg/dL", &panels()[kLipids].tests[2], 100},
      {snomed("699728000", "Asthma self management"), kAsthmaActivities,
       "Breathing: no night-time symptoms for a month", nullptr, 0},
      {snomed("408869004", "Musculoskeletal care"), kMusculoskeletalActivities,
       "Walk 30 minutes a day with a pain score of at most 3", &vital_sign(VitalSign::kPain), 3},
      {snomed("225358003", "Wound care"), kWoundActivities, "Wound healed without infection",
       nullptr, 0},
  });
  return kPlans;
}

Code dose_form(std::string_view form) {
  constexpr std::string_view kForms = "http://terminology.hl7.org/CodeSystem/v3-orderableDrugForm";
  if (form == "capsule") return {kForms, "CAP", "Capsule"};
  if (form == "inhaler") return {kForms, "MDINHL", "Metered Dose Inhaler"};
  if (form == "injection") return {kForms, "SUSP", "Suspension"};
  return {kForms, "TAB", "Tablet"};
}

}  // namespace sluice::sample
