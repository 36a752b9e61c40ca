#include "sample/names.h"

#include <array>

namespace sluice::sample {
namespace {

using Words = std::string_view;

constexpr std::string_view kLanguages = "urn:ietf:bcp:47";

constexpr auto kEnglishFemale =
    std::to_array<Words>({"Alma",  "Beatrix", "Cora",   "Delphine", "Edith", "Flora", "Greta",
                          "Hazel", "Iris",    "Juno",   "Kendra",   "Lydia", "Mabel", "Nora",
                          "Opal",  "Pearl",   "Rowena", "Sylvia",   "Thea",  "Willa"});
constexpr auto kEnglishMale =
    std::to_array<Words>({"Abner", "Basil", "Cedric", "Desmond", "Ezra",   "Felix", "Gideon",
                          "Hugo",  "Ivor",  "Jasper", "Kermit",  "Linus",  "Milo",  "Ned",
                          "Otis",  "Percy", "Rufus",  "Silas",   "Tobias", "Wilbur"});
constexpr auto kEnglishFamily = std::to_array<Words>(
    {"Testerby",      "Samplewright", "Fixtureman", "Mockington",   "Dummerfield", "O'Example",
     "Placeholder",   "Stubbington",  "Fakenham",   "Trialworth",   "Specimen",    "Madeupton",
     "Inventwood",    "Demofield",    "Sandboxer",  "Loremsby",     "Ipsumcroft",  "Pretendley",
     "Notreal-Smith", "Sampleton",    "McFixture",  "Exampleworth", "Testwell",    "Fictionsby"});
constexpr auto kSpanishFemale = std::to_array<Words>(
    {"Inés", "Lucía", "Pilar", "Sofía", "Verónica", "Ximena", "Begoña", "Rocío", "Marisol"});
constexpr auto kSpanishMale = std::to_array<Words>(
    {"Andrés", "Joaquín", "Ramón", "Íñigo", "Ángel", "Tomás", "Nicolás", "Óscar", "Esteban"});
constexpr auto kSpanishFamily = std::to_array<Words>(
    {"Ejemplero", "Muéstrez", "Pruebález", "Ficticiano", "Simulación", "Ensayeña", "Modelíñez"});
constexpr auto kGermanFemale = std::to_array<Words>({"Jördis", "Käthe", "Änne", "Friederike"});
constexpr auto kGermanMale = std::to_array<Words>({"Jürgen", "Götz", "Sönke", "Veit"});
constexpr auto kGermanFamily = std::to_array<Words>(
    {"Mustermann", "Beispielmüller", "Prüfhäuser", "Testgroßmann", "Platzhälter"});
constexpr auto kFrenchFemale = std::to_array<Words>({"Zoé", "Hélène", "Françoise", "Maëlle"});
constexpr auto kFrenchMale = std::to_array<Words>({"Loïc", "Étienne", "Gaël", "François"});
constexpr auto kFrenchFamily =
    std::to_array<Words>({"Échantillon", "D'Exemple", "Fictivère", "Lessai", "Maquettœil"});
constexpr auto kCzechFemale = std::to_array<Words>({"Šárka", "Božena", "Růžena", "Jiřina"});
constexpr auto kCzechMale = std::to_array<Words>({"Jiří", "Řehoř", "Štěpán", "Bořivoj"});
constexpr auto kCzechFamily = std::to_array<Words>({"Vzorek", "Příkladný", "Zkušební", "Ukázka"});
constexpr auto kVietnameseFemale = std::to_array<Words>({"Thị Mẫu", "Ngọc Ánh", "Thùy Dương"});
constexpr auto kVietnameseMale = std::to_array<Words>({"Văn Thử", "Đức Anh", "Quốc Việt"});
constexpr auto kVietnameseFamily = std::to_array<Words>({"Nguyễn Mẫu", "Trần Thử", "Phạm Ví Dụ"});
constexpr auto kGreekFemale = std::to_array<Words>({"Ελένη", "Ασπασία", "Δήμητρα"});
constexpr auto kGreekMale = std::to_array<Words>({"Γιώργος", "Οδυσσέας", "Χαράλαμπος"});
constexpr auto kGreekFamily =
    std::to_array<Words>({"Παραδειγματίδης", "Δοκιμόπουλος", "Υποθετικός"});
constexpr auto kRussianFemale = std::to_array<Words>({"Алёна", "Ксения", "Людмила"});
constexpr auto kRussianMale = std::to_array<Words>({"Пётр", "Фёдор", "Юрий"});
constexpr auto kRussianFamily = std::to_array<Words>({"Примеренко", "Образцовых", "Тестовых"});
constexpr auto kArabicFemale = std::to_array<Words>({"ليلى", "سلمى", "نور"});
constexpr auto kArabicMale = std::to_array<Words>({"عمر", "يوسف", "كريم"});
constexpr auto kArabicFamily = std::to_array<Words>({"التجريبي", "المثالي", "النموذجي"});
constexpr auto kHebrewFemale = std::to_array<Words>({"נועה", "תמר", "שירה"});
constexpr auto kHebrewMale = std::to_array<Words>({"אורי", "דוד", "יואב"});
constexpr auto kHebrewFamily = std::to_array<Words>({"לדוגמה", "ניסיוני", "בדיון"});
constexpr auto kHindiFemale = std::to_array<Words>({"प्रिया", "सुनीता", "कविता"});
constexpr auto kHindiMale = std::to_array<Words>({"अर्जुन", "विक्रम", "रोहित"});
constexpr auto kHindiFamily = std::to_array<Words>({"उदाहरणकर", "नमूनावाला", "परीक्षणे"});
constexpr auto kChineseFemale = std::to_array<Words>({"小美", "静怡", "雨桐"});
constexpr auto kChineseMale = std::to_array<Words>({"小明", "建国", "子轩"});
constexpr auto kChineseFamily = std::to_array<Words>({"样", "测", "例", "虚"});
constexpr auto kJapaneseFemale = std::to_array<Words>({"花子", "さくら", "ユリ"});
constexpr auto kJapaneseMale = std::to_array<Words>({"太郎", "ケン", "一郎"});
constexpr auto kJapaneseFamily = std::to_array<Words>({"見本", "試田", "例山"});
constexpr auto kKoreanFemale = std::to_array<Words>({"하나", "지우", "서연"});
constexpr auto kKoreanMale = std::to_array<Words>({"민준", "도윤", "길동"});
constexpr auto kKoreanFamily = std::to_array<Words>({"견본", "예시", "가상"});

constexpr std::array kPools = std::to_array<NamePool>({
    {{kLanguages, "en-US", "English"},
     kEnglishFemale,
     kEnglishMale,
     kEnglishFamily,
     640,
     false,
     " "},
    {{kLanguages, "es", "Spanish"}, kSpanishFemale, kSpanishMale, kSpanishFamily, 130, false, " "},
    {{kLanguages, "de", "German"}, kGermanFemale, kGermanMale, kGermanFamily, 30, false, " "},
    {{kLanguages, "fr", "French"}, kFrenchFemale, kFrenchMale, kFrenchFamily, 30, false, " "},
    {{kLanguages, "cs", "Czech"}, kCzechFemale, kCzechMale, kCzechFamily, 15, false, " "},
    {{kLanguages, "vi", "Vietnamese"},
     kVietnameseFemale,
     kVietnameseMale,
     kVietnameseFamily,
     20,
     true,
     " "},
    {{kLanguages, "el", "Greek"}, kGreekFemale, kGreekMale, kGreekFamily, 10, false, " "},
    {{kLanguages, "ru", "Russian"}, kRussianFemale, kRussianMale, kRussianFamily, 20, false, " "},
    {{kLanguages, "ar", "Arabic"}, kArabicFemale, kArabicMale, kArabicFamily, 20, false, " "},
    {{kLanguages, "he", "Hebrew"}, kHebrewFemale, kHebrewMale, kHebrewFamily, 10, false, " "},
    {{kLanguages, "hi", "Hindi"}, kHindiFemale, kHindiMale, kHindiFamily, 20, false, " "},
    {{kLanguages, "zh", "Chinese"}, kChineseFemale, kChineseMale, kChineseFamily, 25, true, ""},
    {{kLanguages, "ja", "Japanese"},
     kJapaneseFemale,
     kJapaneseMale,
     kJapaneseFamily,
     15,
     true,
     " "},
    {{kLanguages, "ko", "Korean"}, kKoreanFemale, kKoreanMale, kKoreanFamily, 15, true, " "},
});

constexpr std::array kPlaces = std::to_array<Place>({
    {"Samplebury", "MA", "01999", 421033, -710449, -300},
    {"Fixture Falls", "MA", "02999", 423601, -710589, -300},
    {"Port Example", "NY", "10999", 407128, -740060, -300},
    {"Mockville", "NC", "27999", 357796, -786382, -300},
    {"Lake Testing", "IL", "60999", 418781, -876298, -360},
    {"Dry Run", "TX", "75999", 327767, -967970, -360},
    {"Santa Prueba", "NM", "87999", 356870, -1059378, -420},
    {"Demo Springs", "CO", "80999", 388339, -1048214, -420},
    {"Placeholder Bay", "CA", "94999", 377749, -1224194, -480},
    {"Stubton", "WA", "98999", 476062, -1223321, -480},
    {"Cañón Ficticio", "CA", "92999", 327157, -1171611, -480},
    {"Null Island Village", "ME", "04999", 436591, -702568, 0},
});

constexpr auto kStreets = std::to_array<Words>(
    {"Placeholder Avenue", "Lorem Street", "Ipsum Lane", "Dolor Drive", "Specimen Road",
     "Fixture Court", "Sandbox Way", "Example Boulevard", "Trial Terrace", "Mockingbird Close",
     "Prototype Place", "Rehearsal Row"});
constexpr auto kProviders = std::to_array<Words>(
    {"Sample General Hospital", "Fixture Family Practice", "Testing Valley Medical Center",
     "St. Example's Clinic", "Placeholder Community Health", "Mock River Urgent Care",
     "Demo Heights Pediatrics", "Ipsum Cardiology Associates", "Clínica Santa Prueba",
     "Lorem County Hospital"});
constexpr auto kPayers = std::to_array<Words>(
    {"Sample Mutual Health Plan", "Fixture Federal Benefits", "State Example Assistance",
     "Placeholder Blue Assurance", "Mock & Sons Employer Plan", "Demo Senior Advantage"});
constexpr auto kNicknames = std::to_array<Words>(
    {"Zoe\u0308", "Jose\u0301", "An\u030A\u0323a", "\U0001F98A Fox", "Sunny \u2600\uFE0F",
     "\U0001F469\u200D\U0001F680", "\"Ace\"", "\U00020BB7\u91CE"});

}  // namespace

std::span<const NamePool> name_pools() {
  return kPools;
}
std::span<const Place> places() {
  return kPlaces;
}
std::span<const std::string_view> street_names() {
  return kStreets;
}
std::span<const std::string_view> provider_names() {
  return kProviders;
}
std::span<const std::string_view> payer_names() {
  return kPayers;
}
std::span<const std::string_view> unusual_nicknames() {
  return kNicknames;
}

}  // namespace sluice::sample
