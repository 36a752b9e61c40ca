// G-03: cohorts as jobs: shards, crashes, writers in between; the refresher.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "bulk/export/request/export_patients.h"
#include "bulk/group/cohort_job.h"
#include "bulk/group/cohort_refresher.h"
#include "bulk/group/patient_set.h"
#include "fhir/resource_reader.h"
#include "store/rocksdb/rocksdb_store.h"
#include "temporary_folder.h"
#include "test_clocks.h"

namespace sluice::bulk {
namespace {

using Operation = CohortRequest::Operation;
using Names = std::set<std::string>;

std::string cohort(const std::string& id, const std::vector<std::string>& expressions,
                   const std::string& member = "") {
  std::string filters;
  for (const auto& expression : expressions)
    filters += fmt::format(
        R"({}{{"url":"http://hl7.org/fhir/uv/bulkdata/StructureDefinition/member-filter",)"
        R"("valueExpression":{{"language":"application/x-fhir-query","expression":"{}"}}}})",
        filters.empty() ? "" : ",", expression);
  const std::string members =
      member.empty()
          ? R"("actual":false)"
          : fmt::format(R"("actual":true,"member":[{{"entity":{{"reference":"{}"}}}}])", member);
  return fmt::format(
      R"({{"resourceType":"Group","id":"{}","type":"person","name":"n",{},"modifierExtension":[{}]}})",
      id, members, filters);
}

class CohortTest : public testing::Test {
 protected:
  void SetUp() override {
    open();
    // Enough of them for several parts, in order and across.
    std::vector<std::string> lines;
    for (int i = 0; i < 300; ++i) {
      lines.push_back(fmt::format(R"({{"resourceType":"Patient","id":"p{:03}","gender":"{}"}})", i,
                                  i % 2 == 0 ? "female" : "male"));
      for (int k = 0; k < 3; ++k)
        lines.push_back(fmt::format(
            R"({{"resourceType":"Observation","id":"o{}-{}","status":"{}","code":{{"text":"x"}},)"
            R"("subject":{{"reference":"Patient/p{:03}"}},"performer":[{{"reference":"Patient/p{:03}"}}]}})",
            i, k, i % 3 == 0 ? "final" : "amended", i, (i + 1) % 300));
    }
    put(lines);
    ASSERT_TRUE(store_->compact());
  }
  void TearDown() override { engine_.reset(); }

  void open() {
    engine_.reset();
    store_.reset();
    store_ = store::open_rocksdb_store(folder_.path(), clock_).value();
    jobs_ = std::make_unique<CohortJobs>(*store_, 8u << 10);
    engine_ = std::make_unique<job::Engine>(*store_, clock_, *jobs_, job::EngineOptions());
    ASSERT_TRUE(engine_->start());
  }

  void put(const std::vector<std::string>& lines) {
    fhir::ResourceReader reader;
    std::vector<fhir::IncomingResource> resources;
    for (const auto& line : lines) resources.push_back(reader.read(line).value());
    store::Transaction transaction;
    for (const auto& resource : resources) transaction.puts.push_back(&resource);
    ASSERT_TRUE(store_->write(transaction));
  }

  std::string submit(const CohortRequest& request) {
    return engine_
        ->submit("c",
                 [&](const store::Commit&) -> Result<std::string> { return serialize(request); })
        .value()
        .id;
  }
  job::JobView wait(const std::string& id) {
    while (engine_->view(id).value().job.state == job::JobState::kRunning)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return engine_->view(id).value();
  }
  CohortOutcome run(const CohortRequest& request) {
    const std::string id = submit(request);
    EXPECT_EQ(wait(id).job.state, job::JobState::kDone);
    return cohort_outcome(*store_, id).value();
  }
  CohortRequest create(const std::string& id, const std::vector<std::string>& expressions,
                       const std::string& member = "") {
    CohortRequest request;
    request.group_id = id;
    request.group_json = cohort(id, expressions, member);
    request.version = 0;
    return request;
  }

  Names members(const std::string& group_id) {
    const auto patient_set = read_members(*store_, group_id, store_->last_commit(), {}, {}).value();
    Names names;
    for (std::size_t i = 0; i < patient_set.size(); ++i) names.emplace(patient_set[i]);
    return names;
  }
  /// Whom a cohort chooses, of whatever type.
  Names evaluated(const std::string& group_json) {
    const auto as_of = store_->last_commit();
    const auto read =
        search::read_cohort(group_json, {}, search::Strictness::kWholeProfile).value();
    EXPECT_TRUE(read);
    const auto parts = cohort_parts(*store_, *read, group_json, as_of, {}, {}, 8u << 10).value();
    std::vector<SubjectIds> found(read->filters.size());
    for (const auto& part : parts) {
      const auto step = [](std::uint64_t) { return Result<void>(); };
      const auto ids = matching_subjects(*store_, *read, part, as_of.sequence, step).value();
      found[part.filter].insert(found[part.filter].end(), ids.begin(), ids.end());
    }
    for (auto& ids : found) std::sort(ids.begin(), ids.end());
    const auto members = choose_members(*store_, *read, group_json, found, as_of, {}, {}).value();
    return {members.begin(), members.end()};
  }
  std::uint32_t version(const std::string& id) {
    return store_->read({fhir::types::kGroup, id}, store_->last_commit().sequence)
        .value()
        .value()
        .version;
  }
  static Names patients(const std::function<bool(int)>& wanted) {
    Names names;
    for (int i = 0; i < 300; ++i)
      if (wanted(i)) names.insert(fmt::format("p{:03}", i));
    return names;
  }

  TemporaryFolder folder_;
  ShiftedClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<CohortJobs> jobs_;
  std::unique_ptr<job::Engine> engine_;
};

// An Observation is in the compartments of its subject and of its performer.
TEST_F(CohortTest, ShardsTogetherFindWhomAllFiltersChoose) {
  const std::string id = submit(create("g", {"Observation?status=final", "Patient?gender=female"}));
  const auto view = wait(id);
  ASSERT_EQ(view.job.state, job::JobState::kDone) << view.job.failure;
  EXPECT_GT(engine_->shards(id, {}, 1000).value().size(), 4u);
  const auto expected =
      patients([](int i) { return (i % 3 == 0 || (i + 299) % 300 % 3 == 0) && i % 2 == 0; });
  const auto outcome = cohort_outcome(*store_, id).value();
  EXPECT_EQ(outcome.status, 201);
  EXPECT_EQ(outcome.members, expected.size());
  EXPECT_EQ(members("g"), expected);
}

// Of a base of few patients only theirs is read: also what is stored with another patient. p003's
// Observations are p004's too, p004's own are not final; those of p006 are.
TEST_F(CohortTest, AFewPatientsAreSoughtAndNotAllScanned) {
  for (const auto& [member, expected] :
       {std::pair("p004", Names{"p004"}), std::pair("p005", Names{}),
        std::pair("p006", Names{"p006"}), std::pair("nobody", Names{})}) {
    const std::string group = fmt::format("of-{}", member);
    const std::string id =
        submit(create(group, {"Observation?status=final"}, fmt::format("Patient/{}", member)));
    ASSERT_EQ(wait(id).job.state, job::JobState::kDone);
    // One patient, and the writing.
    EXPECT_EQ(engine_->shards(id, {}, 1000).value().size(), 2u);
    EXPECT_EQ(cohort_outcome(*store_, id).value().status, 201);
    EXPECT_EQ(members(group), expected) << member;
    // The same found at the export.
    put({cohort(group + "-now", {"Observation?status=final"}, fmt::format("Patient/{}", member))});
    EXPECT_EQ(members(group + "-now"), expected) << member;
  }
}

TEST_F(CohortTest, EvaluatedAtTheExportItIsTheSame) {
  put({cohort("g", {"Observation?status=final", "Patient?gender=female"})});
  EXPECT_EQ(members("g"),
            patients([](int i) { return (i % 3 == 0 || (i + 299) % 300 % 3 == 0) && i % 2 == 0; }));
  put({cohort("h", {"Patient?gender=male"}, "Group/g")});
  EXPECT_TRUE(members("h").empty());
  put({cohort("h", {"Patient?_id=p006,p008,p003"}, "Group/g")});
  EXPECT_EQ(members("h"), (Names{"p006"}));
}

// G-03: loaded as it is, but a plain Group it must not seem to be.
TEST_F(CohortTest, AGroupWithAnUnknownModifierIsRefusedWhenItIsExported) {
  put({R"({"resourceType":"Group","id":"m","type":"person","actual":true,"member":[)"
       R"({"entity":{"reference":"Patient/p001"}}],"modifierExtension":[{"url":)"
       R"("http://hl7.org/fhir/uv/bulkdata/StructureDefinition/members-filter"}]})"});
  ExportRequest request;
  request.level = ExportLevel::kGroup;
  request.group_id = "m";
  const auto checked = check_groups(*store_, request, store_->last_commit());
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind, ErrorKind::kUnprocessable);
  EXPECT_NE(checked.error().message.find("members-filter"), std::string::npos);
  EXPECT_FALSE(read_members(*store_, "m", store_->last_commit(), {}, {}));
}

TEST_F(CohortTest, CohortsThatChooseFromEachOtherAreAnError) {
  put({cohort("a", {"Patient?gender=male"}, "Group/b"),
       cohort("b", {"Patient?gender=male"}, "Group/a")});
  const auto read = read_members(*store_, "a", store_->last_commit(), {}, {});
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("member of itself"), std::string::npos);
  EXPECT_EQ(run([&] {
              CohortRequest request;
              request.operation = Operation::kRefresh;
              request.group_id = "a";
              return request;
            }())
                .status,
            422);
}

TEST_F(CohortTest, AVersionThatIsNotThereIsRefusedAndNothingWritten) {
  EXPECT_EQ(run(create("g", {"Patient?gender=male"})).status, 201);
  auto again = create("g", {"Patient?gender=female"});
  EXPECT_EQ(run(again).status, 412);
  again.operation = Operation::kUpdate;
  again.version = 1;
  EXPECT_EQ(run(again).status, 200);
  EXPECT_EQ(run(again).status, 412);
  EXPECT_EQ(version("g"), 2u);
  EXPECT_EQ(members("g").size(), 150u);
}

// The write and the end of its shard are two transactions: a crash between them must not look like
// a condition that failed.
TEST_F(CohortTest, AWriteThatWasDoneIsNotDoneAgain) {
  const std::string id = submit(create("g", {"Patient?gender=male"}));
  ASSERT_EQ(wait(id).job.state, job::JobState::kDone);
  const auto job = engine_->view(id)->job;
  job::Shard last;
  last.phase = 1;
  const auto result = jobs_->run(job, last, {});
  ASSERT_TRUE(result);
  EXPECT_EQ(parse_cohort_outcome(*result)->status, 201);
  EXPECT_EQ(version("g"), 1u);
}

TEST_F(CohortTest, NothingOfAJobStaysWhenItIsForgotten) {
  const std::string id = submit(create("g", {"Patient?gender=male"}));
  wait(id);
  EXPECT_EQ(jobs_->leftovers(), std::vector<std::string>{id});
  ASSERT_TRUE(engine_->remove(id));
  while (!jobs_->leftovers().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_EQ(version("g"), 1u);
}

TEST_F(CohortTest, AJobGoesOnAfterARestart) {
  const std::string id = submit(create("g", {"Observation?status=final"}));
  open();
  EXPECT_EQ(wait(id).job.state, job::JobState::kDone);
  EXPECT_EQ(version("g"), 1u);
  EXPECT_FALSE(members("g").empty());
}

// G-02: who stays through a refresh has been a member all the time.
TEST_F(CohortTest, TheRefresherFindsWhatCameInAndWhatIsDue) {
  put({cohort("g", {"Patient?gender=male"})});
  CohortRefresher refresher(*store_, *engine_, clock_, {std::chrono::seconds(100), {}});
  const auto look_until_version = [&](std::uint32_t wanted) {
    for (int i = 0; i < 30'000 && version("g") != wanted; ++i) {
      ASSERT_TRUE(refresher.look());
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_EQ(version("g"), wanted);
  };
  look_until_version(2);
  const auto stored = [&] {
    std::map<std::string, Instant> found;
    const auto last = store_->last_commit();
    const auto scan = store_->members("g", fhir::types::kPatient, last.sequence).value();
    store::Member member;
    while (scan->next(member).value()) found[std::string(member.id)] = *member.since;
    return found;
  };
  const auto first = stored();
  EXPECT_EQ(first.size(), 150u);
  // Not due yet, whatever changes.
  put({R"({"resourceType":"Patient","id":"p001","gender":"female"})",
       R"({"resourceType":"Patient","id":"p002","gender":"male"})"});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(refresher.look());
  EXPECT_EQ(version("g"), 2u);
  clock_.shift = 101'000;
  look_until_version(3);
  const auto second = stored();
  EXPECT_EQ(second.count("p001"), 0u);
  EXPECT_EQ(second.at("p003"), first.at("p003"));
  EXPECT_GT(second.at("p002"), first.at("p003"));
  // A plain Group by now: no work any more.
  put({R"({"resourceType":"Group","id":"g","type":"person","actual":true})"});
  clock_.shift = 303'000;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(refresher.look());
  EXPECT_EQ(version("g"), 4u);
}

// ---- the compartments of practitioners and devices ----

using Cells = std::vector<std::string>;

Cells split(const std::string& text, char at) {
  Cells cells(1);
  for (const char c : text) {
    if (c == at)
      cells.emplace_back();
    else
      cells.back() += c;
  }
  return cells;
}

// Without the comment and the line of names.
std::vector<Cells> table(const std::string& name) {
  std::ifstream file(std::string(SLUICE_SEARCH_TABLES) + "/" + name);
  std::vector<Cells> rows;
  std::string line;
  for (int number = 0; std::getline(file, line); ++number)
    if (number >= 2) rows.push_back(split(line, '\t'));
  return rows;
}

// `"a":[{"b":[{"reference":"..."}]}]` of "a.b".
std::string at_path(const std::string& path, const std::string& reference) {
  std::string value = fmt::format(R"({{"reference":"{}"}})", reference);
  const auto names = split(path, '.');
  for (auto name = names.rbegin(); name != names.rend(); ++name)
    value = fmt::format("{}\"{}\":[{}]{}", name + 1 == names.rend() ? "" : "{", *name, value,
                        name + 1 == names.rend() ? "" : "}");
  return value;
}

struct Place {
  std::string type;
  std::string path;
};

// G-03: every place of R4's two compartment definitions.
TEST_F(CohortTest, EveryTypeOfACompartmentSpeaksForWhomItNames) {
  std::map<std::pair<std::string, std::string>, std::string> paths;
  for (const auto& row : table("search_parameters.tsv")) paths[{row[0], row[1]}] = row[4];
  std::map<std::string, std::vector<Place>> places;
  std::map<std::string, std::set<std::string>> types;
  for (const auto& row : table("compartments.tsv"))
    for (const auto& parameter : split(row[2], ',')) {
      types[row[0]].insert(row[1]);
      for (const auto& path : split(paths.at({row[1], parameter}), '|'))
        places[row[0]].push_back({row[1], path.substr(0, path.find(':'))});
    }
  EXPECT_EQ(types["Practitioner"].size(), 58u);
  EXPECT_EQ(types["Device"].size(), 32u);
  EXPECT_EQ(types["Patient"].size(), 1u);
  for (const auto& [subject, all] : places) {
    std::vector<std::string> lines;
    std::map<std::string, Names> expected;
    int number = 0;
    for (const auto& [type, path] : all) {
      const auto add = [&, type = type, path = path](const std::string& reference,
                                                     std::string_view tag) {
        lines.push_back(fmt::format(
            R"({{"resourceType":"{}","id":"r{}","meta":{{"tag":[{{"code":"{}"}}]}},{}}})", type,
            number, tag, at_path(path, reference)));
      };
      const auto id = fmt::format("s{}", ++number);
      lines.push_back(fmt::format(R"({{"resourceType":"{}","id":"{}"}})", subject, id));
      add(fmt::format("{}/{}/_history/3", subject, id), subject);
      expected[type].insert(id);
      // What does not match, is of another type, of another server, or not there.
      ++number;
      lines.push_back(fmt::format(R"({{"resourceType":"{}","id":"s{}"}})", subject, number));
      add(fmt::format("{}/s{}", subject, number), "other");
      ++number;
      add(fmt::format("PractitionerRole/s{}", number - 1), subject);
      ++number;
      add(fmt::format("http://elsewhere.example/{}/s{}", subject, number - 2), subject);
      ++number;
      add(fmt::format("{}/absent", subject), subject);
    }
    put(lines);
    const auto type_of_group = subject == "Patient"  ? "person"
                               : subject == "Device" ? "device"
                                                     : "practitioner";
    for (const auto& [type, ids] : expected) {
      auto text = cohort("x", {fmt::format("{}?_tag={}", type, subject)});
      text.replace(text.find("person"), 6, type_of_group);
      EXPECT_EQ(evaluated(text), ids) << subject << " by " << type;
    }
  }
}

}  // namespace
}  // namespace sluice::bulk
