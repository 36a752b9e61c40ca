// _typeFilter (P-05): read, kept with the job, and applied as of the export's snapshot.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "bulk/export/request/stored_export.h"
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
            (std::vector<TypeFilter>{{*fhir::find_resource_type("Observation"), "_id:missing=true"},
                                     {fhir::types::kPatient, "gender=male"}}));
  ASSERT_EQ(lenient->skipped.size(), 1u);
  EXPECT_NE(lenient->skipped[0].find("nosuch"), std::string::npos);
  EXPECT_FALSE(parse({"Observation?date=soon"}, true));
  EXPECT_FALSE(parse({"Observation?nosuch=1&date=soon"}, true));
}

TEST_F(TypeFilterTest, LenientHandlingNeverWidens_P04) {
  const auto exported = [&](const Texts& filters) {
    auto request = parse(filters, true, "Patient,Observation");
    EXPECT_TRUE(request) << request.error().message;
    EXPECT_FALSE(request->skipped.empty());
    return request ? keys(run(*request)) : Keys();
  };
  const Keys observations = {"Observation/1", "Observation/2", "Observation/3"};
  const auto with = [&](Keys more) {
    more.insert(observations.begin(), observations.end());
    return more;
  };
  // The known part stays.
  EXPECT_EQ(exported({"Patient?gender=female&colour=red"}), with({"Patient/a"}));
  EXPECT_EQ(exported({"Patient?colour=red&gender=female&taste=sweet"}), with({"Patient/a"}));
  EXPECT_EQ(exported({"Patient?gender=female&name:below=x"}), with({"Patient/a"}));
  // Nothing is known: nothing of the type.
  EXPECT_EQ(exported({"Patient?colour=red"}), observations);
  // Alternatives: those that are known.
  EXPECT_EQ(exported({"Patient?colour=red", "Patient?gender=male"}), with({"Patient/b"}));
}

TEST_F(TypeFilterTest, LenientHandlingOfElementsNeverWidens_P06) {
  const auto lenient =
      parse_export_request({{"_elements", "Observation.status,Patient.colour", "valueString"}},
                           {ExportLevel::kPatient, true, "http://here/fhir"});
  ASSERT_TRUE(lenient) << lenient.error().message;
  EXPECT_EQ(lenient->skipped.size(), 1u);
  EXPECT_EQ(lenient->elements, (Texts{"Observation.status", "Patient.id"}));
}

TEST(TypeFilter, CommasSeparateFiltersOnlyBeforeAType) {
  EXPECT_EQ(split_type_filters("Observation?status=final,amended,Patient?gender=male", 100),
            (Texts{"Observation?status=final,amended", "Patient?gender=male"}));
  EXPECT_EQ(split_type_filters("Patient?a=1,Patient?b=2,Patient?c=3", 1),
            (Texts{"Patient?a=1", "Patient?b=2,Patient?c=3"}));
}

// R-01: sixteen million commas are looked at once each. With a look from each comma to the next '?'
// this test would run for days.
TEST(TypeFilter, AListOfCommasCostsWhatItsLengthIs_R01) {
  const std::string commas(16u << 20, ',');
  EXPECT_EQ(split_type_filters("Patient?_id=" + commas, 100).size(), 1u);
  const auto refused = parse({"Patient?_id=" + commas});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kInvalid);
}

TEST(TypeFilter, FiltersAndTheirValuesAreBounded_R01) {
  const auto why = [](const Texts& filters) {
    const auto request = parse(filters);
    return request ? std::string("accepted") : request.error().message;
  };
  EXPECT_EQ(why(Texts(100, "Patient?gender=male")), "accepted");
  EXPECT_EQ(why(Texts(101, "Patient?gender=male")), "there are more than 100 _typeFilter");
  std::string joined = "Patient?gender=male";
  for (int i = 0; i < 100; ++i) joined += ",Patient?gender=male";
  EXPECT_EQ(why({joined}), "there are more than 100 _typeFilter");
  std::string ids = "Patient?_id=p";
  for (int i = 1; i < 20'000; ++i) ids += ",p";
  EXPECT_EQ(why(Texts(5, ids)), "accepted");
  EXPECT_EQ(why({ids, ids, ids, ids, ids, "Patient?gender=male"}),
            "the filters of _typeFilter have more than 100000 values");
  std::string chains = "Observation?subject:Patient.gender=male";
  for (int i = 1; i < 20; ++i) chains += "&subject:Patient.gender=male";
  EXPECT_EQ(why(Texts(5, chains)), "accepted");
  EXPECT_EQ(why(Texts(6, chains)),
            "the filters of _typeFilter have more than 100 chained parameters and _has, each type "
            "counted");
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

// R-01: what a chain refers to may be ten million resources.
TEST_F(TypeFilterTest, TheSearchOfAChainIsStopped_R01) {
  std::vector<std::string> patients;
  for (int i = 0; i < 200; ++i)
    patients.push_back(fmt::format(R"({{"resourceType":"Patient","id":"p{}"}})", i));
  put(patients);
  const auto request = parse({"Observation?patient.gender=female"}, false, "Observation");
  ASSERT_TRUE(request);
  std::stop_source stop;
  stop.request_stop();
  const auto stopped =
      ExportFilters::prepare(*store_, *request, store_->last_commit(), {.stop = stop.get_token()});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
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

// A filter that names ids or patients is not worth reading the whole type for, and finds the same.
class PinnedFilterTest : public TypeFilterTest {
 protected:
  void SetUp() override {
    TypeFilterTest::SetUp();
    std::vector<std::string> lines;
    for (int patient = 0; patient < 30; ++patient) {
      lines.push_back(fmt::format(R"({{"resourceType":"Patient","id":"c{:02}"}})", patient));
      for (int n = 0; n < 20; ++n)
        lines.push_back(fmt::format(
            R"({{"resourceType":"Observation","id":"c{0:02}-{1}","status":"{2}","code":{{"text":"{3}"}},"subject":{{"reference":"Patient/c{0:02}"}},"performer":[{{"reference":"Patient/c{4:02}"}}]}})",
            patient, n, n == 0 ? "final" : "amended", std::string(400, 'x'),
            n == 1 ? patient + 1 : patient));
    }
    lines.push_back(
        R"({"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/c03"}},{"entity":{"reference":"Patient/c05"}}]})");
    put(lines);
    // So that the sizes are known well.
    ASSERT_TRUE(store_->compact());
  }

  struct Found {
    Keys keys;
    std::set<ReadMode> modes;  // of the first phase
  };
  Found found(const Texts& filters, ExportLevel level) {
    auto request = parse(filters, false, "Observation");
    EXPECT_TRUE(request) << request.error().message;
    request->level = level;
    if (level == ExportLevel::kGroup) request->group_id = "g";
    const std::string id = kick_off(*request);
    EXPECT_EQ(wait(id).job.state, job::JobState::kDone);
    Found found{keys(lines_of_kind(id, FileKind::kOutput)), {}};
    const auto shards = engine_->shards(id, {}, 1000);
    for (const auto& shard : *shards) {
      const auto spec = parse_shard_spec(shard.spec);
      for (const auto& segment : spec->segments) {
        if (shard.phase == 0) found.modes.insert(segment.mode);
        EXPECT_NE(segment.why.find("scan "), std::string::npos) << "the operator sees no estimate";
      }
    }
    return found;
  }
};

TEST_F(PinnedFilterTest, P05IdsAreRead) {
  const Texts filters{"Observation?_id=c03-0,c04-0,nothing", "Observation?_id=c05-7&status=amended",
                      "Observation?_id=c05-8&status=final"};
  for (const auto level : {ExportLevel::kSystem, ExportLevel::kPatient}) {
    const auto all = found(filters, level);
    EXPECT_EQ(all.keys, (Keys{"Observation/c03-0", "Observation/c04-0", "Observation/c05-7"}));
    EXPECT_EQ(all.modes, std::set{ReadMode::kFilteredIds});
  }
  const auto group = found(filters, ExportLevel::kGroup);
  EXPECT_EQ(group.keys, (Keys{"Observation/c03-0", "Observation/c05-7"})) << "members only";
}

TEST_F(PinnedFilterTest, P05PatientsAreSought) {
  const Texts filters{"Observation?patient=c03&status=final", "Observation?patient=Patient/c04"};
  Keys expected{"Observation/c03-0"};
  for (int n = 0; n < 20; ++n) expected.insert(fmt::format("Observation/c04-{}", n));
  for (const auto level : {ExportLevel::kSystem, ExportLevel::kPatient}) {
    const auto all = found(filters, level);
    EXPECT_EQ(all.keys, expected);
    EXPECT_EQ(all.modes, std::set{ReadMode::kFilteredPatients});
  }
  // c04 is no member, but c05 is, who performed c04-1.
  EXPECT_EQ(found(filters, ExportLevel::kGroup).keys,
            (Keys{"Observation/c03-0", "Observation/c04-1"}));
  const auto other = found({"Observation?patient=c04"}, ExportLevel::kGroup);
  EXPECT_EQ(other.keys, Keys{"Observation/c04-1"});
  EXPECT_EQ(other.modes, std::set{ReadMode::kFilteredPatients});
  // One that stands with its subject and is linked from its performer is found by the performer.
  for (const auto level : {ExportLevel::kSystem, ExportLevel::kPatient}) {
    const auto linked = found({"Observation?performer=Patient/c04&_id=c03-1",
                               "Observation?performer=Patient/c03,Patient/c04&status=final"},
                              level);
    EXPECT_EQ(linked.keys, (Keys{"Observation/c03-1", "Observation/c03-0", "Observation/c04-0"}));
  }
}

TEST_F(PinnedFilterTest, P05AnAlternativeThatNamesNobodyReadsAll) {
  const auto all =
      found({"Observation?_id=c03-0", "Observation?status=final"}, ExportLevel::kSystem);
  EXPECT_EQ(all.modes, std::set{ReadMode::kScan});
  EXPECT_EQ(all.keys.size(), 30u + 2u);  // and two of the other tests' observations
}

}  // namespace
}  // namespace sluice::bulk
