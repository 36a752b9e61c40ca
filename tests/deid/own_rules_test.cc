// Our own rule sets. The proof that they leave nothing (F-04): a marked value is planted in every
// element of every type of R4, one at a time, and nothing marked comes out.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "deid_support.h"
#include "fhir/resource_type.h"
#include "fhirpath/model.h"

namespace sluice::deid {
namespace {

using fhirpath::TypeId;
using fhirpath::TypeKind;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kMark = "Zebulon";

std::shared_ptr<const Deidentification> own(OwnRules rules, std::string_view view = "test") {
  const auto key = test_key();
  return *Deidentification::of_own(rules, &key, view);
}

std::string harbored(std::string_view line, const Context& context = {}) {
  return without_meta(applied(own(OwnRules::kSafeHarbor), line, context));
}
std::string moved(std::string_view line, const Context& context = {}) {
  return without_meta(applied(own(OwnRules::kShiftedDates), line, context));
}

// ---- the proof ----

/// Every element of a type down to `depth` levels, each in a resource that has it alone, marked in
/// every way in which its type can be written.
class Planter {
 public:
  using Visit = std::function<void(const std::string& path, const std::string& line)>;
  explicit Planter(Visit visit) : visit_(std::move(visit)) {}

  std::size_t all() {
    for (const auto resource : fhir::all_resource_types()) {
      const auto type = fhirpath::find_fhir_type(fhir::type_name(resource));
      // ViewDefinition is stored too, and is no type of R4.
      if (!type) continue;
      name_ = fhir::type_name(resource);
      members(*type, name_, "{\"resourceType\":\"" + name_ + "\",", "}", kDepth);
    }
    return count_;
  }

 private:
  // A reference within an element of an element of an element, and what an Extension holds.
  static constexpr int kDepth = 7;

  void members(TypeId type, const std::string& path, const std::string& before,
               const std::string& after, int depth) {
    for (const auto& row : fhirpath::row_of(type).elements()) {
      for (const TypeId each : row.types()) {
        std::string key(row.name);
        if (row.is_choice) {
          key += fhirpath::row_of(each).name;
          auto& first = key[row.name.size()];
          if (first >= 'a' && first <= 'z') first = static_cast<char>(first - 32);
        }
        element(type, key, each, row.repeats, path + "." + key, before, after, depth);
      }
    }
    plant(path + ".unknown", before + "\"unknown\":\"" + std::string(kMark) + "\"" + after);
    plant(path + ".unknown{}",
          before + "\"unknown\":[{\"x\":\"" + std::string(kMark) + "\"}]" + after);
  }

  void element(TypeId parent, const std::string& key, TypeId type, bool repeats,
               const std::string& path, const std::string& before, const std::string& after,
               int depth) {
    const std::string open = before + "\"" + key + "\":" + (repeats ? "[" : "");
    const std::string close = (repeats ? "]" : "") + after;
    const std::string mark = "\"" + std::string(kMark) + "\"";
    const auto& row = fhirpath::row_of(type);
    const bool is_value = row.kind == TypeKind::kPrimitive || row.kind == TypeKind::kSystem;
    // Codes are what the proof leaves out: of a `code` it asks that no text gets through.
    const bool is_code = row.name == "code";
    for (const std::string& text :
         {std::string(kMark), "http://" + std::string(kMark) + ".example/x",
          "Patient/" + std::string(kMark), "urn:oid:" + std::string(kMark),
          "2020-01-01T" + std::string(kMark), std::string(kMark) + " of Ada",
          "#" + std::string(kMark)})
      if (!is_code || text.find(' ') != std::string::npos)
        plant(path, open + "\"" + text + "\"" + close);
    plant(path + " as an object", open + "{\"x\":" + mark + "}" + close);
    const std::string item = is_code ? "\"" + std::string(kMark) + " of Ada\"" : mark;
    plant(path + " as an array", open + "[[" + item + "]]" + close);
    plant("_" + path, before + "\"_" + key + "\":" + (repeats ? "[" : "") + "{\"id\":" + mark +
                          ",\"extension\":[{\"url\":\"u\",\"valueString\":" + mark + "}]}" + close);
    if (is_value) return;
    if (type == fhirpath::known_types().resource || row.name == "DomainResource") {
      plant(path,
            open + "{\"resourceType\":\"Patient\",\"name\":[{\"family\":" + mark + "}]}" + close);
      plant(path, open + "{\"resourceType\":" + mark + ",\"status\":" + mark + "}" + close);
      return;
    }
    // Types that hold each other end here; each type is gone into once below another, and what an
    // Extension holds once.
    if (type == fhirpath::known_types().extension) parent = type;
    if (depth == 0 || !seen_.insert({parent, key, type}).second) return;
    members(type, path, open + "{", "}" + close, depth - 1);
  }

  void plant(const std::string& path, const std::string& line) {
    ++count_;
    visit_(path, line);
  }

  Visit visit_;
  std::string name_;
  std::set<std::tuple<TypeId, std::string, TypeId>> seen_;
  std::size_t count_ = 0;
};

void nothing_marked_comes_out(OwnRules set) {
  const auto rules = own(set);
  Transform transform(rules);
  fhir::JsonTokens tokens;
  Context context;
  context.now = test_now();
  std::map<std::string, std::string> wrong;
  std::size_t passed = 0;
  Planter planter([&](const std::string& path, const std::string& line) {
    ASSERT_TRUE(tokens.read(line)) << line;
    const auto made = transform.apply(tokens, context);
    // An error is told to the operator: it names nothing of the resource either.
    const std::string told = made ? std::string(*made) : made.error().message + made.error().detail;
    passed += made.has_value() ? 1 : 0;
    if (told.find(kMark) != std::string::npos || (made && !is_line(*made)))
      wrong.emplace(path, told);
  });
  const std::size_t planted = planter.all();
  EXPECT_GT(planted, 50'000u);
  EXPECT_GT(passed, 10'000u);
  for (const auto& [path, line] : wrong) ADD_FAILURE() << path << ": " << line.substr(0, 300);
}

TEST(SafeHarbor, LeavesNothingMarkedInAnyElementOfAnyType_F04) {
  nothing_marked_comes_out(OwnRules::kSafeHarbor);
}

TEST(ShiftedDates, LeaveNothingMarkedInAnyElementOfAnyType_F04) {
  nothing_marked_comes_out(OwnRules::kShiftedDates);
}

/// What the allow-list names can be read from it, without the code that reads it.
TEST(SafeHarbor, LeavesNumbersAndTruthOfNamedElementsAlone_F04) {
  EXPECT_EQ(harbored(R"({"resourceType":"Patient","multipleBirthInteger":2,"active":true,"x":7})"),
            R"({"resourceType":"Patient","multipleBirthInteger":2,"active":true})");
  EXPECT_EQ(harbored(R"({"resourceType":"Observation","status":"final","valueInteger":95,)"
                     R"("valueString":"95"})"),
            R"({"resourceType":"Observation","status":"final"})")
      << "a number without its unit can be an age";
}

// ---- the kinds of identifiers ----

TEST(SafeHarbor, KeepsOfAPatientWhatIdentifiesNobody_F04) {
  EXPECT_EQ(
      harbored(
          R"({"resourceType":"Patient","meta":{"versionId":"3","lastUpdated":"2024-01-01T00:00:00Z",)"
          R"("source":"s","profile":["p"]},"text":{"status":"generated","div":"<div/>"},)"
          R"("extension":[{"url":"u","valueString":"x"}],"identifier":[{"value":"MRN"}],)"
          R"("name":[{"family":"Doe"}],"telecom":[{"value":"1"}],"gender":"female",)"
          R"("birthDate":"1980-05-17","deceasedDateTime":"2020-02-03T04:05:06Z",)"
          R"("address":[{"line":["1 Main"],"city":"Ada","state":"OH","postalCode":"45810-1234",)"
          R"("country":"US"}],"photo":[{"data":"QUJD"}],"contact":[{"name":{"family":"x"}}],)"
          R"("maritalStatus":{"coding":[{"system":)"
          R"("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M",)"
          R"("display":"Married"}],"text":"Married"}})"),
      R"({"resourceType":"Patient","gender":"female","birthDate":"1980","deceasedDateTime":"2020",)"
      R"("address":[{"state":"OH","postalCode":"458","country":"US"}],)"
      R"("maritalStatus":{"coding":[{"system":)"
      R"("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M"}]}})");
}

TEST(SafeHarbor, PoolsAgesAbove89_F04) {
  EXPECT_EQ(
      harbored(R"({"resourceType":"Patient","id":"","birthDate":"1936-12-31","active":true})"),
      harbored(R"({"resourceType":"Patient","id":"","active":true})"))
      << "some who were born in that year are 90";
  EXPECT_THAT(harbored(R"({"resourceType":"Patient","birthDate":"1937-01-01"})"),
              HasSubstr(R"("birthDate":"1937")"));
  const auto age = [](std::string_view quantity) {
    const std::string made =
        harbored(R"({"resourceType":"Condition","onsetAge":)" + std::string(quantity) + "}");
    return made.substr(std::string_view(R"({"resourceType":"Condition","onsetAge":)").size());
  };
  EXPECT_EQ(age(R"({"value":89,"system":"http://unitsofmeasure.org","code":"a"})"),
            R"({"value":89,"system":"http://unitsofmeasure.org","code":"a"}})");
  EXPECT_EQ(age(R"({"value":94,"system":"http://unitsofmeasure.org","code":"a"})"),
            R"({"value":90,"comparator":">=","system":"http://unitsofmeasure.org","code":"a"}})");
  EXPECT_EQ(
      age(R"({"value":1100,"system":"http://unitsofmeasure.org","code":"mo"})"),
      R"({"value":1080,"comparator":">=","system":"http://unitsofmeasure.org","code":"mo"}})");
  EXPECT_EQ(age(R"({"value":94,"unit":"years"})"), R"({"value":90,"comparator":">="}})");
  EXPECT_EQ(age(R"({"value":94})"), R"({"value":90,"comparator":">="}})");
  EXPECT_EQ(harbored(R"({"resourceType":"Observation","valueQuantity":{"value":94,"unit":"yr"}})"),
            R"({"resourceType":"Observation","valueQuantity":{"value":90,"comparator":">="}})")
      << "ages come as observations too";
  EXPECT_EQ(harbored(R"({"resourceType":"Observation","valueQuantity":{"value":94,"unit":"kg",)"
                     R"("system":"http://unitsofmeasure.org","code":"kg"}})"),
            R"({"resourceType":"Observation","valueQuantity":{"value":94,)"
            R"("system":"http://unitsofmeasure.org","code":"kg"}})");
}

TEST(SafeHarbor, KeepsThreeDigitsOfZipCodesThatManyShare_F04) {
  const auto code = [](std::string_view text) {
    const std::string made =
        harbored(R"({"resourceType":"Patient","address":[{"use":"home","postalCode":")" +
                 std::string(text) + "\"}]}");
    const auto begin = made.find("postalCode\":\"");
    return begin == std::string::npos ? std::string()
                                      : made.substr(begin + 13, made.size() - begin - 17);
  };
  EXPECT_EQ(code("98101"), "981");
  EXPECT_EQ(code("98101-1234"), "981");
  EXPECT_EQ(code("03601"), "000");
  EXPECT_EQ(code("89301"), "000");
  EXPECT_EQ(code("SW1A 1AA"), "") << "of other countries nothing is known";
  EXPECT_EQ(code("9810"), "");
}

TEST(SafeHarbor, DropsCodesOfSystemsThatAreNoTerminologies_F04) {
  EXPECT_EQ(
      harbored(R"({"resourceType":"Condition","code":{"coding":[)"
               R"({"system":"http://snomed.info/sct","code":"44054006","display":"Diabetes"},)"
               R"({"system":"http://hospital.example/problems","code":"JohnDoe"},)"
               R"({"code":"JohnDoe"},{"system":"http://snomed.info/sct","code":"1 |John Doe|"}],)"
               R"("text":"John's"}})"),
      R"({"resourceType":"Condition","code":{"coding":[)"
      R"({"system":"http://snomed.info/sct","code":"44054006"}]}})");
}

TEST(SafeHarbor, HashesIdsSoThatReferencesJoin_F05) {
  const auto between = [](const std::string& text, std::string_view begin) {
    const auto at = text.find(begin);
    return at == std::string::npos ? std::string() : text.substr(at + begin.size(), 64);
  };
  const std::string person = harbored(R"({"resourceType":"Patient","id":"123"})");
  const std::string event = harbored(
      R"({"resourceType":"Encounter","id":"123","subject":{"reference":"Patient/123","display":"J"},)"
      R"("serviceProvider":{"reference":"https://a.example/fhir/Patient/123"},)"
      R"("partOf":{"reference":"Encounter?identifier=1"}})");
  const std::string hash = between(person, "\"id\":\"");
  EXPECT_EQ(hash.size(), 64u);
  EXPECT_EQ(between(event, R"("subject":{"reference":"Patient/)"), hash);
  EXPECT_NE(between(event, "\"id\":\""), hash) << "ids of another type are others";
  EXPECT_NE(between(event, R"("serviceProvider":{"reference":"Patient/)"), hash)
      << "and so are those of another server";
  EXPECT_THAT(event, Not(HasSubstr("partOf")));
  EXPECT_THAT(event, Not(HasSubstr("/123\"")));
  EXPECT_THAT(event, Not(HasSubstr("\"123\"")));
  const std::string holder = harbored(
      R"({"resourceType":"Observation","contained":[{"resourceType":"Practitioner",)"
      R"("id":"p","name":[{"text":"x"}],"active":true}],"performer":[{"reference":"#p"}]})");
  EXPECT_EQ(between(holder, R"("resourceType":"Practitioner","id":")"),
            between(holder, R"("performer":[{"reference":"#)"));
  EXPECT_NE(applied(own(OwnRules::kSafeHarbor, "a"), R"({"resourceType":"Patient","id":"123"})"),
            applied(own(OwnRules::kSafeHarbor, "b"), R"({"resourceType":"Patient","id":"123"})"));
}

TEST(SafeHarbor, RefusesWhatCouldChangeTheMeaningAndTypesThatItDoesNotName_F04) {
  EXPECT_THAT(harbored(R"({"resourceType":"Patient","modifierExtension":[{"url":"u"}]})"),
              StartsWith("error: it has modifierExtension"));
  EXPECT_THAT(harbored(R"({"resourceType":"Patient","implicitRules":"http://x"})"),
              StartsWith("error: it has implicitRules"));
  EXPECT_THAT(harbored(R"({"resourceType":"Person","id":"1"})"),
              StartsWith("error: the allow-list does not name this type"));
  EXPECT_THAT(harbored(R"({"resourceType":"Zebra"})"), StartsWith("error: "));
  EXPECT_EQ(harbored(R"({"resourceType":"Observation","status":"final","contained":)"
                     R"([{"resourceType":"Person","active":true}]})"),
            R"({"resourceType":"Observation","status":"final"})");
}

TEST(SafeHarbor, GoesThroughBundlesAndKeepsTheirLinks_F04) {
  const std::string made = harbored(
      R"({"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:1",)"
      R"("resource":{"resourceType":"Patient","gender":"male","name":[{"text":"x"}]},)"
      R"("request":{"method":"POST","url":"Patient?identifier=1"}},)"
      R"({"resource":{"resourceType":"Encounter","subject":{"reference":"urn:uuid:1"}}}]})");
  const auto link = made.find("\"fullUrl\":\"urn:uuid:");
  ASSERT_NE(link, std::string::npos) << made;
  const std::string url = made.substr(link + 11, 45);
  EXPECT_THAT(made, HasSubstr("\"subject\":{\"reference\":\"" + url + "\"}"));
  EXPECT_THAT(made, Not(HasSubstr("request")));
}

TEST(SafeHarbor, WritesTheInstantThatItIsGivenAndNoOther_F05) {
  Context context;
  context.last_updated = *parse_fhir_instant("2026-11-30T00:00:00Z");
  const std::string made = applied(
      own(OwnRules::kSafeHarbor),
      R"({"resourceType":"Patient","active":true,"meta":{"lastUpdated":"2020-01-01T00:00:00Z"}})",
      context);
  EXPECT_THAT(made, HasSubstr(R"("meta":{"lastUpdated":"2026-11-30T00:00:00.000Z","security":[)"));
  EXPECT_THAT(made, Not(HasSubstr("2020-01-01")));
}

// ---- shifted dates ----

std::string date_in(const std::string& line, std::string_view key) {
  const auto at = line.find("\"" + std::string(key) + "\":\"");
  return at == std::string::npos ? "" : line.substr(at + key.size() + 4, 10);
}

TEST(ShiftedDates, KeepIntervalsBetweenTheResourcesOfAPatient_F02) {
  const std::string person =
      moved(R"({"resourceType":"Patient","id":"7","birthDate":"2000-03-01"})");
  const std::string event =
      moved(R"({"resourceType":"Encounter","id":"e","subject":{"reference":"Patient/7"},)"
            R"("period":{"start":"2000-03-01T10:00:00Z","end":"2000-03-31"}})");
  const std::string issued =
      moved(R"({"resourceType":"Observation","subject":{"reference":"Patient/7"},)"
            R"("issued":"2000-03-01T10:00:00Z"})");
  const std::string birth = date_in(person, "birthDate");
  EXPECT_EQ(birth.size(), 10u);
  EXPECT_LT(birth, "2000-03-01") << "back in time, so that nothing lies in the future";
  EXPECT_GE(birth, "1999-03-01");
  EXPECT_EQ(date_in(event, "start"), birth);
  EXPECT_EQ(date_in(issued, "issued"), birth);
  EXPECT_THAT(issued, HasSubstr(birth + "T00:00:00Z"));
  std::set<std::string> others;
  for (int id = 0; id < 9; ++id)
    others.insert(
        date_in(moved(fmt::format(
                    R"({{"resourceType":"Patient","id":"o{}","birthDate":"2000-03-01"}})", id)),
                "birthDate"));
  EXPECT_GT(others.size(), 5u);
}

TEST(ShiftedDates, OfWhatIsNoPatientsAreYears_F02) {
  EXPECT_THAT(
      moved(
          R"({"resourceType":"Practitioner","qualification":[{"period":{"start":"2001-02-03"}}]})"),
      HasSubstr(R"("start":"2001")"));
  Context context;
  context.owner = "7";
  EXPECT_EQ(date_in(moved(R"({"resourceType":"Practitioner","qualification":)"
                          R"([{"period":{"start":"2000-03-01"}}]})",
                          context),
                    "start"),
            date_in(moved(R"({"resourceType":"Patient","id":"7","birthDate":"2000-03-01"})"),
                    "birthDate"))
      << "the store knows owners that the resource does not name";
}

TEST(ShiftedDates, WithoutADayOrOfAgesAbove89Go_F02) {
  EXPECT_THAT(moved(R"({"resourceType":"Patient","id":"7","birthDate":"2000-03","active":true})"),
              Not(HasSubstr("birthDate")));
  EXPECT_THAT(
      moved(R"({"resourceType":"Patient","id":"7","birthDate":"1930-03-01","active":true})"),
      Not(HasSubstr("birthDate")));
}

TEST(OwnRuleSets, NeedAKeyAndAreFoundByTheirNames_F06) {
  EXPECT_EQ(Deidentification::of_own(OwnRules::kSafeHarbor, nullptr, "v").error().message,
            "these rules need a key");
  EXPECT_EQ(find_own_rules("safe-harbor"), OwnRules::kSafeHarbor);
  EXPECT_EQ(find_own_rules("shifted-dates"), OwnRules::kShiftedDates);
  EXPECT_EQ(find_own_rules("other"), std::nullopt);
  EXPECT_THAT(std::string(allow_list_text()), HasSubstr("\nPatient\tid,contained,active,gender,"));
}

}  // namespace
}  // namespace sluice::deid
