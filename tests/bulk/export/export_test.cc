// Whole exports in one process: compartments, supporting resources, since and until, files, and the
// snapshot while others write.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "bulk/export/request/stored_export.h"
#include "export_fixture.h"

namespace sluice::bulk {
namespace {

using Keys = std::set<std::string>;

std::string observation(const std::string& id, const std::string& patient,
                        const std::string& more = "") {
  return fmt::format(
      R"({{"resourceType":"Observation","id":"{}","status":"final","code":{{"text":"x"}},"subject":{{"reference":"Patient/{}"}}{}}})",
      id, patient, more);
}

std::string simple(const std::string& type, const std::string& id, const std::string& more = "") {
  return fmt::format(R"({{"resourceType":"{}","id":"{}"{}}})", type, id, more);
}

ExportRequest request_for(ExportLevel level, const std::vector<std::string>& types = {}) {
  ExportRequest request;
  request.level = level;
  for (const auto& type : types) request.types.push_back(*fhir::find_resource_type(type));
  std::sort(request.types.begin(), request.types.end());
  return request;
}

class ExportTest : public ExportFixture {
 protected:
  void put_two_patients() {
    put({simple("Patient", "a"), simple("Patient", "b"), simple("Practitioner", "used"),
         simple("Practitioner", "unused"), simple("Organization", "whole"),
         simple("Organization", "part", R"(,"partOf":{"reference":"Organization/whole"})"),
         observation("1", "a", R"(,"performer":[{"reference":"Practitioner/used"}])"),
         observation("2", "b", R"(,"performer":[{"reference":"Organization/part"}])"),
         observation("shared", "a", R"(,"performer":[{"reference":"Patient/b"}])"),
         simple(
             "Group", "g",
             R"(,"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/b"}}])"),
         simple("Binary", "bin", R"(,"contentType":"text/plain")"),
         simple("Device", "unreferenced")});
  }
};

TEST_F(ExportTest, ASystemExportHoldsEverythingOnce) {
  put_two_patients();
  EXPECT_EQ(keys(run(request_for(ExportLevel::kSystem))),
            (Keys{"Patient/a", "Patient/b", "Practitioner/used", "Practitioner/unused",
                  "Organization/whole", "Organization/part", "Observation/1", "Observation/2",
                  "Observation/shared", "Group/g", "Binary/bin", "Device/unreferenced"}));
}

// G-05
TEST_F(ExportTest, APatientExportHoldsCompartmentsAndWhatTheyReferTo) {
  put_two_patients();
  EXPECT_EQ(keys(run(request_for(ExportLevel::kPatient))),
            (Keys{"Patient/a", "Patient/b", "Practitioner/used", "Organization/whole",
                  "Organization/part", "Observation/1", "Observation/2", "Observation/shared",
                  "Group/g"}));
}

// R-01: a hundred thousand patients are read once for all phases and shards, and not kept for
// polls.
TEST_F(ExportTest, R01ItsRequestIsReadOnceForAllItsShards) {
  put_two_patients();
  ExportRequest request = request_for(ExportLevel::kPatient);
  request.patients = {"a"};
  request.type_filters = {{*fhir::find_resource_type("Observation"), "subject=Patient/a"}};
  const std::string id = kick_off(request);
  const job::JobView view = wait(id);
  EXPECT_EQ(view.job.state, job::JobState::kDone);
  EXPECT_GT(engine_->shards(id, {}, 100)->size(), 1u);
  const auto stored = export_request_of(view.job);
  ASSERT_TRUE(stored);
  EXPECT_EQ((*stored)->request.level, ExportLevel::kPatient);
  EXPECT_FALSE((*stored)->request.patients);
  EXPECT_TRUE((*stored)->request.type_filters.empty());
  EXPECT_EQ(view.job.request.reads(), 1u);
}

// G-05: a Device with a patient is that patient's, one without comes when something refers to it.
TEST_F(ExportTest, DevicesComeWithTheirPatientsOrByReference) {
  put_two_patients();
  const auto device = [](const std::string& id, const std::string& patient) {
    return simple("Device", id, fmt::format(R"(,"patient":{{"reference":"Patient/{}"}})", patient));
  };
  const auto about = [](const std::string& id, const std::string& target) {
    return simple(
        "Provenance", id,
        fmt::format(R"(,"target":[{{"reference":"{}"}}],"recorded":"2020-01-01T00:00:00Z",)"
                    R"("agent":[{{"who":{{"display":"x"}}}}])",
                    target));
  };
  put({device("of-a", "a"), device("of-b", "b"), device("unused-of-b", "b"),
       simple("Device", "shared"),
       simple("Procedure", "p",
              R"(,"status":"completed","subject":{"reference":"Patient/b"},"usedReference":[)"
              R"({"reference":"Device/of-a"},{"reference":"Device/of-b"},)"
              R"({"reference":"Device/shared"}])"),
       about("about-a", "Device/of-a"), about("about-b", "Device/of-b"),
       about("about-shared", "Device/shared"), about("about-none", "Device/unreferenced")});
  ExportRequest request = request_for(ExportLevel::kGroup);
  request.group_id = "g";
  const auto of_types = [&](const std::set<std::string>& types) {
    Keys found;
    for (const auto& key : keys(run(request)))
      if (types.contains(key.substr(0, key.find('/')))) found.insert(key);
    return found;
  };
  // Device/of-a is another patient's, whoever refers to it.
  EXPECT_EQ(of_types({"Device", "Provenance"}),
            (Keys{"Device/of-b", "Device/unused-of-b", "Device/shared", "Provenance/about-b",
                  "Provenance/about-shared"}));
  request.associated_provenance = AssociatedProvenance::kRelevant;
  EXPECT_EQ(of_types({"Provenance"}), (Keys{"Provenance/about-b", "Provenance/about-shared"}));
  request.associated_provenance.reset();
  request.types = {*fhir::find_resource_type("Device")};
  EXPECT_EQ(keys(run(request)), (Keys{"Device/of-b", "Device/unused-of-b"}));
  request.types.clear();
  request.organize_by = fhir::types::kPatient;
  auto block = run(request);
  block.erase(block.begin());  // its header
  const Keys in_block = keys(block);
  EXPECT_TRUE(in_block.contains("Device/of-b") && in_block.contains("Device/unused-of-b"));
  EXPECT_FALSE(in_block.contains("Device/of-a") || in_block.contains("Device/shared"));
  EXPECT_EQ(keys(run(request_for(ExportLevel::kPatient, {"Device"}))),
            (Keys{"Device/of-a", "Device/of-b", "Device/unused-of-b"}));
}

// G-05, P-02
TEST_F(ExportTest, ADeviceThatChangedComesWithTheChangesOfItsPatient) {
  put_two_patients();
  const auto device = [](const std::string& id, const std::string& more) {
    return simple("Device", id, more);
  };
  put({device("of-b", R"(,"patient":{"reference":"Patient/b"})"), device("shared", ""),
       simple("Procedure", "p",
              R"(,"status":"completed","subject":{"reference":"Patient/b"},)"
              R"("usedReference":[{"reference":"Device/shared"}])")});
  ExportRequest request = request_for(ExportLevel::kGroup);
  request.group_id = "g";
  request.since = store_->last_commit().instant;
  put({device("of-b", R"(,"patient":{"reference":"Patient/b"},"status":"active")")});
  EXPECT_EQ(keys(run(request)), Keys{"Device/of-b"});
  put({device("shared", R"(,"status":"active")")});
  EXPECT_EQ(keys(run(request)), (Keys{"Device/of-b", "Device/shared"}));
}

// G-04, G-05
TEST_F(ExportTest, AGroupExportHoldsItsMembersOnly) {
  put_two_patients();
  ExportRequest request = request_for(ExportLevel::kGroup);
  request.group_id = "g";
  EXPECT_EQ(keys(run(request)), (Keys{"Patient/b", "Observation/2", "Observation/shared",
                                      "Organization/part", "Organization/whole"}));
  request = request_for(ExportLevel::kGroup, {"Group", "Patient", "Practitioner"});
  request.group_id = "g";
  EXPECT_EQ(keys(run(request)), (Keys{"Patient/b", "Group/g"}));
}

// P-07
TEST_F(ExportTest, PatientsLimitAnExport) {
  put_two_patients();
  ExportRequest request = request_for(ExportLevel::kPatient);
  request.patients = {"a"};
  EXPECT_EQ(keys(run(request)),
            (Keys{"Patient/a", "Observation/1", "Observation/shared", "Practitioner/used"}));
}

TEST_F(ExportTest, UnknownPatientsAndForeignOnesAreRefused) {
  put_two_patients();
  ExportRequest request = request_for(ExportLevel::kPatient);
  request.patients = {"a", "nobody"};
  const auto unknown = check_against_store(*store_, request, store_->last_commit(), false);
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("Patient/nobody"), std::string::npos);
  request = request_for(ExportLevel::kGroup);
  request.group_id = "g";
  request.patients = {"a"};
  const auto foreign = check_against_store(*store_, request, store_->last_commit(), false);
  ASSERT_FALSE(foreign);
  EXPECT_NE(foreign.error().message.find("Patient/a"), std::string::npos);
  request.group_id = "nosuch";
  EXPECT_EQ(check_against_store(*store_, request, store_->last_commit(), false).error().kind,
            ErrorKind::kNotFound);
}

// R-02: a kick-off must not have a thread for as long as it takes to compare all patients.
TEST_F(ExportTest, R02PatientsAreComparedWithScopesWithinBounds) {
  ExportRequest request = request_for(ExportLevel::kPatient);
  request.patients.emplace();
  for (int i = 0; i < 200; ++i) {
    request.patients->push_back(fmt::format("p{:03}", i));
    put({simple("Patient", request.patients->back())});
  }
  int asked = 0;
  query::Bounds bounds;
  bounds.permit = [&]() -> Result<void> {
    ++asked;
    return {};
  };
  const auto check = [&] {
    ExportRequest copy = request;
    return check_against_store(*store_, copy, store_->last_commit(), false, bounds);
  };
  bounds.deadline = std::chrono::steady_clock::time_point();
  EXPECT_TRUE(check()) << "nothing is compared";
  EXPECT_EQ(asked, 0);
  request.limits.by_query = {{{fhir::types::kPatient}, {{"active:not=true"}}}};
  EXPECT_EQ(check().error().kind, ErrorKind::kTimeout);
  bounds.deadline.reset();
  EXPECT_TRUE(check());
  EXPECT_GT(asked, 0);
  bounds.permit = []() -> Result<void> { return Error{ErrorKind::kUnavailable, "no slot"}; };
  EXPECT_EQ(check().error().kind, ErrorKind::kUnavailable);
}

TEST_F(ExportTest, AGroupThatContainsItselfIsAnErrorNotAHang) {
  put({simple("Group", "x",
              R"(,"type":"person","actual":true,"member":[{"entity":{"reference":"Group/y"}}])"),
       simple("Group", "y",
              R"(,"type":"person","actual":true,"member":[{"entity":{"reference":"Group/x"}}])")});
  ExportRequest request = request_for(ExportLevel::kGroup);
  request.group_id = "x";
  const auto checked = check_against_store(*store_, request, store_->last_commit(), false);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind, ErrorKind::kInvalid);
  EXPECT_NE(checked.error().message.find("member of itself"), std::string::npos);
}

TEST_F(ExportTest, NestedGroupsCount) {
  put_two_patients();
  put({simple("Group", "outer",
              R"(,"type":"person","actual":true,"member":[{"entity":{"reference":"Group/g"}}])")});
  ExportRequest request = request_for(ExportLevel::kGroup, {"Patient"});
  request.group_id = "outer";
  EXPECT_EQ(keys(run(request)), (Keys{"Patient/b"}));
}

// P-02, M-01: an export and the next one with _since = its transactionTime miss nothing and overlap
// in nothing, whether the planner reads the change log or everything.
TEST_F(ExportTest, SinceHoldsExactlyWhatChangedAfter) {
  put_two_patients();
  std::vector<std::string> bulk;
  for (int i = 0; i < 5000; ++i) bulk.push_back(observation(fmt::format("old-{}", i), "a"));
  put(bulk);
  const auto first = wait(kick_off(request_for(ExportLevel::kSystem)));
  put({observation("new", "a"),
       observation("2", "b",
                   R"(,"performer":[{"reference":"Organization/part"}],"note":[{"text":"new"}])"),
       simple("Practitioner", "unused", R"(,"active":true)")});
  remove("Observation", "1");
  for (const auto level : {ExportLevel::kSystem, ExportLevel::kPatient}) {
    ExportRequest request = request_for(level);
    request.since = first.job.snapshot.instant;
    Keys expected{"Observation/new", "Observation/2"};
    // Nobody refers to the changed practitioner, so that no patient's data brings it.
    if (level == ExportLevel::kSystem) expected.insert("Practitioner/unused");
    EXPECT_EQ(keys(run(request)), expected);
  }
  // A supporting resource that changed comes with a Patient export although what refers to it is
  // old.
  put({simple("Organization", "whole", R"(,"name":"renamed")")});
  ExportRequest request = request_for(ExportLevel::kPatient);
  request.since = first.job.snapshot.instant;
  EXPECT_EQ(keys(run(request)), (Keys{"Observation/new", "Observation/2", "Organization/whole"}));
}

// P-03: a resource changed after _until does not match, although an older version would.
TEST_F(ExportTest, UntilLooksAtTheNewestVersion) {
  const auto before = put({simple("Patient", "a"), simple("Patient", "b")}).commit;
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  put({simple("Patient", "b", R"(,"active":true)"), simple("Patient", "c")});
  ExportRequest request = request_for(ExportLevel::kSystem);
  request.until = before.instant + std::chrono::milliseconds(1);
  EXPECT_EQ(keys(run(request)), Keys{"Patient/a"});
  request.until = before.instant;
  EXPECT_TRUE(run(request).empty()) << "earlier than, not at";
}

// P-11
TEST_F(ExportTest, FilesKeepToTheirSizes) {
  std::vector<std::string> lines;
  for (int i = 0; i < 400; ++i) lines.push_back(observation(fmt::format("{:04}", i), "a"));
  lines.push_back(observation("large", "a",
                              fmt::format(R"(,"note":[{{"text":"{}"}}])", std::string(5000, 'x'))));
  put(lines);
  ExportRequest request = request_for(ExportLevel::kSystem);
  request.file_size_max = 4000;
  std::string id = kick_off(request);
  wait(id);
  auto files = output_files(id);
  EXPECT_GT(files.size(), 20u);
  for (const auto& file : files)
    EXPECT_TRUE(file.size <= 4000 || file.count == 1) << file.name << " " << file.size;
  request.file_size_max.reset();
  request.file_size_min = 10'000;
  id = kick_off(request);
  wait(id);
  files = output_files(id);
  for (std::size_t i = 0; i + 1 < files.size(); ++i) EXPECT_GE(files[i].size, 10'000u);
}

// M-05
TEST_F(ExportTest, AnEmptyStoreExportsNothing) {
  EXPECT_TRUE(run(request_for(ExportLevel::kSystem)).empty());
  EXPECT_TRUE(run(request_for(ExportLevel::kPatient)).empty());
}

// Large groups are read by scanning, small ones by seeking; both give the same.
TEST_F(ExportTest, SeeksAndScansOfAGroupAgree) {
  std::vector<std::string> lines;
  std::string members;
  Keys expected;
  for (int p = 0; p < 300; ++p) {
    const std::string patient = fmt::format("p{:03}", p);
    lines.push_back(simple("Patient", patient));
    for (int o = 0; o < 20; ++o)
      lines.push_back(observation(
          fmt::format("{}-{}", patient, o), patient,
          fmt::format(R"(,"performer":[{{"reference":"Patient/p{:03}"}}])", (p * 7 + o) % 300)));
  }
  put(lines);
  for (const int every : {1, 2, 100}) {
    members.clear();
    expected.clear();
    std::set<int> in;
    for (int p = 0; p < 300; p += every) {
      in.insert(p);
      members += fmt::format(R"({}{{"entity":{{"reference":"Patient/p{:03}"}}}})",
                             members.empty() ? "" : ",", p);
      expected.insert(fmt::format("Patient/p{:03}", p));
    }
    for (int p = 0; p < 300; ++p)
      for (int o = 0; o < 20; ++o)
        if (in.contains(p) || in.contains((p * 7 + o) % 300))
          expected.insert(fmt::format("Observation/p{:03}-{}", p, o));
    put({simple("Group", "g",
                fmt::format(R"(,"type":"person","actual":true,"member":[{}])", members))});
    ExportRequest request = request_for(ExportLevel::kGroup);
    request.group_id = "g";
    EXPECT_EQ(keys(run(request)), expected) << "every " << every;
  }
}

// M-01: writers change and delete while exports run; each result equals the state at its
// transactionTime, which an independent model replays.
TEST_F(ExportTest, AnExportIsTheStateAtItsTransactionTime) {
  sizes_.shard_size_min = 1 << 16;
  sizes_.shard_size = 1 << 18;
  start();
  constexpr int kPatients = 200;
  // What was written when: id -> (instant, line without meta or empty for deleted), in order.
  std::mutex model_mutex;
  std::map<std::string, std::vector<std::pair<Instant, std::string>>> model;
  const auto write = [&](const std::vector<std::string>& ids, int round) {
    std::vector<std::string> lines;
    for (const auto& id : ids)
      lines.push_back(observation(
          id,
          fmt::format("p{}",
                      (std::hash<std::string>{}(id) + static_cast<std::size_t>(round)) % kPatients),
          fmt::format(R"(,"note":[{{"text":"round {} {}"}}])", round, std::string(200, 'x'))));
    const Instant instant = put(lines).commit.instant;
    const std::lock_guard lock(model_mutex);
    for (std::size_t i = 0; i < ids.size(); ++i)
      model[ids[i]].emplace_back(instant, fmt::format("round {} ", round));
  };
  std::vector<std::string> all;
  for (int i = 0; i < 6000; ++i) all.push_back(fmt::format("o{}", i));
  write(all, 0);

  std::atomic<bool> stop = false;
  std::thread writer([&] {
    std::mt19937 random(7);
    for (int round = 1; !stop; ++round) {
      std::vector<std::string> ids;
      for (int i = 0; i < 50; ++i) ids.push_back(all[random() % all.size()]);
      std::sort(ids.begin(), ids.end());
      ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
      write(ids, round);
      const std::string gone = all[random() % all.size()];
      const Instant instant = remove("Observation", gone).instant;
      const std::lock_guard lock(model_mutex);
      model[gone].emplace_back(instant, "");
    }
  });
  std::vector<std::pair<Instant, std::vector<std::string>>> results;
  for (int i = 0; i < 8; ++i) {
    const std::string id = kick_off(request_for(ExportLevel::kSystem));
    const auto view = wait(id);
    std::vector<std::string> lines;
    for (const auto& file : output_files(id))
      for (auto& line : lines_of(id, file.name)) lines.push_back(std::move(line));
    results.emplace_back(view.job.snapshot.instant, std::move(lines));
  }
  stop = true;
  writer.join();

  for (const auto& [instant, lines] : results) {
    std::map<std::string, std::string> expected;
    for (const auto& [id, versions] : model) {
      std::string text;
      for (const auto& [at, version] : versions)
        if (at <= instant) text = version;
      if (!text.empty()) expected["Observation/" + id] = text;
    }
    std::map<std::string, std::string> found;
    for (const auto& line : lines) {
      fhir::ResourceReader reader;
      const auto resource = reader.read(line);
      ASSERT_TRUE(resource);
      const std::size_t at = line.find("round ");
      EXPECT_TRUE(found
                      .emplace("Observation/" + resource->id,
                               line.substr(at, line.find(' ', at + 6) + 1 - at))
                      .second);
    }
    EXPECT_EQ(found, expected);
  }
}

}  // namespace
}  // namespace sluice::bulk
