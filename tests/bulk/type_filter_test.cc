// _typeFilter (P-05): read, kept with the job, and applied as of the export's snapshot.
#include <gtest/gtest.h>

#include "export_fixture.h"

namespace sluice::bulk {
namespace {

using Keys = std::set<std::string>;
using Texts = std::vector<std::string>;

Result<ExportRequest> parse(const Texts& filters, bool lenient = false,
                            const std::string& types = "") {
  std::vector<fhir::Parameter> parameters;
  for (const auto& filter : filters) parameters.push_back({"_typeFilter", filter, "valueString"});
  if (!types.empty()) parameters.push_back({"_type", types, "valueString"});
  return parse_export_request(parameters, {ExportLevel::kPatient, lenient, "http://here/fhir"});
}

class TypeFilterTest : public ExportFixture {
 protected:
  void SetUp() override {
    ExportFixture::SetUp();
    put({R"({"resourceType":"Patient","id":"a","gender":"female"})",
         R"({"resourceType":"Patient","id":"b","gender":"male"})",
         R"({"resourceType":"Practitioner","id":"p"})",
         R"({"resourceType":"Practitioner","id":"q"})", observation("1", "final", "a", "p"),
         observation("2", "amended", "a", "q"), observation("3", "final", "b", "q")});
  }

  static std::string observation(const std::string& id, const std::string& status,
                                 const std::string& patient, const std::string& performer) {
    return R"({"resourceType":"Observation","id":")" + id + R"(","status":")" + status +
           R"(","subject":{"reference":"Patient/)" + patient +
           R"("},"performer":[{"reference":"Practitioner/)" + performer + R"("}]})";
  }

  Keys exported(const Texts& filters, const std::string& types = "") {
    auto request = parse(filters, false, types);
    EXPECT_TRUE(request) << request.error().message;
    return request ? keys(run(*request)) : Keys();
  }
};

TEST(TypeFilter, EveryMistakeIsNamed) {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"Observation?nosuch=1", "nosuch"},    {"Observation?status:below=final", "below"},
      {"Observation?date=soon", "soon"},     {"Observation?_count=3", "_count"},
      {"Observation?_sort=date", "_sort"},   {"Nonsense?status=final", "Nonsense"},
      {"status=final", "status=final"},      {"Observation?", "Observation?"},
      {"Observation", "Observation"},        {"?status=final", "?status=final"},
      {"observation?status=final", "obser"}, {"Patient/a/Observation?status=final", "Patient/a"}};
  for (const auto& [filter, word] : bad) {
    const auto request = parse({filter});
    ASSERT_FALSE(request) << filter;
    EXPECT_NE(request.error().message.find("_typeFilter"), std::string::npos) << filter;
    EXPECT_NE(request.error().message.find(word), std::string::npos) << request.error().message;
  }
}

// P-04
TEST(TypeFilter, ATypeThatIsNotAskedForIsRefusedOrReported) {
  EXPECT_FALSE(parse({"Observation?status=final"}, false, "Patient"));
  const auto lenient = parse({"Observation?status=final"}, true, "Patient");
  ASSERT_TRUE(lenient);
  EXPECT_TRUE(lenient->type_filters.empty());
  EXPECT_EQ(lenient->skipped.size(), 1u);
}

TEST(TypeFilter, LenientHandlingSkipsUnknownParametersNotMistakes) {
  const auto lenient = parse({"Observation?nosuch=1", "Patient?gender=male"}, true);
  ASSERT_TRUE(lenient);
  EXPECT_EQ(lenient->type_filters,
            (std::vector<TypeFilter>{{fhir::types::kPatient, "gender=male"}}));
  ASSERT_EQ(lenient->skipped.size(), 1u);
  EXPECT_NE(lenient->skipped[0].find("nosuch"), std::string::npos);
  EXPECT_FALSE(parse({"Observation?date=soon"}, true));
}

TEST(TypeFilter, CommasSeparateFiltersOnlyBeforeAType) {
  EXPECT_EQ(split_type_filters("Observation?status=final,amended,Patient?gender=male"),
            (Texts{"Observation?status=final,amended", "Patient?gender=male"}));
}

TEST(TypeFilter, AJobKeepsItsFilters) {
  const auto request = parse({"Observation?status=final&code=a%7Cb", "Observation?code=x"});
  ASSERT_TRUE(request);
  const auto stored = parse_stored_request(serialize(*request));
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->type_filters.size(), 2u);
  EXPECT_EQ(stored->type_filters, request->type_filters);
}

TEST_F(TypeFilterTest, LimitsItsOwnTypeAndWhatIsReferredToFromThere) {
  EXPECT_EQ(exported({"Observation?status=amended"}),
            (Keys{"Patient/a", "Patient/b", "Observation/2", "Practitioner/q"}));
  EXPECT_EQ(exported({"Patient?gender=male"}, "Patient,Observation"),
            (Keys{"Patient/b", "Observation/1", "Observation/2", "Observation/3"}));
}

TEST_F(TypeFilterTest, SeveralOfATypeAreAlternatives) {
  EXPECT_EQ(
      exported({"Observation?status=amended", "Observation?patient=Patient/b"}, "Observation"),
      (Keys{"Observation/2", "Observation/3"}));
  EXPECT_EQ(exported({"Observation?status=final&patient=b"}, "Observation"),
            (Keys{"Observation/3"}));
}

TEST_F(TypeFilterTest, OrganizedOutputIsFilteredToo) {
  auto request = parse({"Observation?status=amended"}, false, "Patient,Observation");
  ASSERT_TRUE(request);
  request->organize_by = fhir::types::kPatient;
  Texts lines = run(*request);
  const auto is_header = [](const std::string& line) {
    return line.starts_with(R"({"resourceType":"Parameters")");
  };
  EXPECT_EQ(std::erase_if(lines, is_header), 2u);
  const Keys found = keys(lines);
  EXPECT_TRUE(found.count("Observation/2"));
  EXPECT_FALSE(found.count("Observation/1") || found.count("Observation/3"));
}

// Q-05: what a chain leads to is that of the snapshot, also when the job is done later.
TEST_F(TypeFilterTest, ChainsAndHasSeeTheSnapshot) {
  EXPECT_EQ(exported({"Observation?patient.gender=female"}, "Observation"),
            (Keys{"Observation/1", "Observation/2"}));
  EXPECT_EQ(exported({"Patient?_has:Observation:patient:status=amended"}, "Patient"),
            (Keys{"Patient/a"}));
  const store::Commit before = store_->last_commit();
  put({R"({"resourceType":"Patient","id":"b","gender":"female"})"});
  const auto request = parse({"Observation?patient.gender=female"}, false, "Observation");
  ASSERT_TRUE(request);
  const auto then = ExportFilters::prepare(*store_, *request, before);
  const auto now = ExportFilters::prepare(*store_, *request, store_->last_commit());
  ASSERT_TRUE(then);
  ASSERT_TRUE(now);
  search::Matcher matcher;
  const std::string of_b = observation("3", "final", "b", "q");
  EXPECT_FALSE(*then->pass(matcher, *fhir::find_resource_type("Observation"), of_b));
  EXPECT_TRUE(*now->pass(matcher, *fhir::find_resource_type("Observation"), of_b));
}

// The filter is of the newest version as of the snapshot; _since is asked beside it.
TEST_F(TypeFilterTest, WithSinceBothMustHold) {
  const Instant since = store_->last_commit().instant;
  put({observation("4", "final", "b", "q"), observation("5", "amended", "b", "q")});
  auto request = parse({"Observation?status=amended"}, false, "Observation");
  ASSERT_TRUE(request);
  request->since = since;
  EXPECT_EQ(keys(run(*request)), (Keys{"Observation/5"}));
}

}  // namespace
}  // namespace sluice::bulk
