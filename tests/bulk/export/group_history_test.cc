// P-13: a Group export with `_since` holds all that patients have who joined since, by every way
// the planner reads.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "bulk/export/request/export_patients.h"
#include "export_fixture.h"

namespace sluice::bulk {
namespace {

using Keys = std::set<std::string>;
using Names = std::vector<std::string>;

std::string simple(const std::string& type, const std::string& id, const std::string& more = "") {
  return fmt::format(R"({{"resourceType":"{}","id":"{}"{}}})", type, id, more);
}

/// An Observation of one patient or, with `performer`, of two.
std::string observation(const std::string& id, const std::string& patient,
                        const std::string& performer = "", const std::string& text = "x") {
  return simple(
      "Observation", id,
      fmt::format(R"(,"status":"final","code":{{"text":"{}"}},)"
                  R"("subject":{{"reference":"Patient/{}"}}{})",
                  text, patient,
                  performer.empty()
                      ? ""
                      : fmt::format(R"(,"performer":[{{"reference":"{}"}}])", performer)));
}

std::string group(const std::string& id, const Names& references, const std::string& more = "") {
  std::string members;
  for (const auto& reference : references)
    members += fmt::format(R"({}{{"entity":{{"reference":"{}"}}{}}})", members.empty() ? "" : ",",
                           reference, more);
  return simple("Group", id, fmt::format(R"(,"type":"person","member":[{}])", members));
}

class GroupHistory : public ExportFixture {
 protected:
  /// Two patients, each with an Observation by a Practitioner of an Organization of its own.
  void put_two() {
    for (const char* const id : {"a", "b"}) {
      put({simple("Patient", id), simple("Organization", fmt::format("org-{}", id)),
           simple("PractitionerRole", fmt::format("role-{}", id),
                  fmt::format(R"(,"organization":{{"reference":"Organization/org-{}"}})", id)),
           observation(fmt::format("o-{}", id), id, fmt::format("PractitionerRole/role-{}", id))});
    }
  }
  /// A commit that changes nothing: what an export would take as its transactionTime.
  Instant now() { return store_->write({})->commit.instant; }

  ExportRequest since(const std::string& group_id, Instant instant) {
    ExportRequest request;
    request.level = ExportLevel::kGroup;
    request.group_id = group_id;
    request.since = instant;
    request.history_of_new_members = true;
    return request;
  }
  Keys exported(const ExportRequest& request) { return keys(run(request)); }

  static inline const Keys kAllOfB{"Patient/b", "Observation/o-b", "PractitionerRole/role-b",
                                   "Organization/org-b"};
};

TEST_F(GroupHistory, WhoJoinedComesWithEverythingTheOthersWithWhatChanged) {
  put_two();
  put({group("g", {"Patient/a"})});
  const Instant before = now();
  EXPECT_EQ(exported(since("g", before)), Keys());
  put({group("g", {"Patient/a", "Patient/b"})});
  EXPECT_EQ(exported(since("g", before)), kAllOfB);
  EXPECT_EQ(exported(since("g", now())), Keys());
  put({observation("o-a", "a", "PractitionerRole/role-a", "changed")});
  Keys expected = kAllOfB;
  expected.insert("Observation/o-a");
  EXPECT_EQ(exported(since("g", before)), expected);
}

TEST_F(GroupHistory, IsLeftOutWhenTheServerSaysSo) {
  put_two();
  put({group("g", {"Patient/a"})});
  const Instant before = now();
  put({group("g", {"Patient/a", "Patient/b"}), simple("Patient", "b", R"(,"active":true)")});
  ExportRequest request = since("g", before);
  request.history_of_new_members = false;
  EXPECT_EQ(exported(request), (Keys{"Patient/b"}));
}

TEST_F(GroupHistory, LeavingAndJoiningAgainIsJoining) {
  put_two();
  put({group("g", {"Patient/a", "Patient/b"})});
  const Instant before = now();
  put({group("g", {"Patient/a"})});
  put({group("g", {"Patient/a", "Patient/b"})});
  EXPECT_EQ(exported(since("g", before)), kAllOfB);
}

TEST_F(GroupHistory, JoiningThroughANestedGroupIsJoining) {
  put_two();
  put({group("outer", {"Patient/a", "Group/middle"}), group("middle", {"Group/inner"}),
       group("inner", {})});
  const Instant first = now();
  put({group("inner", {"Patient/b"})});
  EXPECT_EQ(exported(since("outer", first)), kAllOfB);
  const Instant second = now();
  EXPECT_EQ(exported(since("outer", second)), Keys());
  // Out and in again two levels above the patient.
  put({group("outer", {"Patient/a"})});
  put({group("outer", {"Patient/a", "Group/middle"})});
  EXPECT_EQ(exported(since("outer", second)), kAllOfB);
  EXPECT_EQ(exported(since("middle", second)), Keys());
  // Who was there by one way does not join by another.
  const Instant third = now();
  put({group("outer", {"Patient/a", "Group/middle", "Patient/b"})});
  EXPECT_EQ(exported(since("outer", third)), Keys());
}

TEST_F(GroupHistory, ANestedGroupThatAppearsBringsItsMembers) {
  put_two();
  put({group("outer", {"Patient/a", "Group/later"})});
  const Instant before = now();
  put({group("later", {"Patient/b"})});
  EXPECT_EQ(exported(since("outer", before)), kAllOfB);
}

TEST_F(GroupHistory, APeriodThatBeganIsAJoin) {
  put_two();
  put({group("g", {"Patient/b"}, R"(,"period":{"start":"2020-05"})")});
  const Instant before = now();
  EXPECT_EQ(exported(since("g", before)), Keys());
  EXPECT_EQ(exported(since("g", *parse_fhir_instant("2020-04-30T00:00:00Z"))), kAllOfB);
  const Instant soon = now() + std::chrono::hours(1);
  put({group("g", {"Patient/b"},
             fmt::format(R"(,"period":{{"start":"{}"}})", to_fhir_instant(soon)))});
  EXPECT_EQ(exported(since("g", before)), Keys());
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(exported(since("g", before)), kAllOfB);
}

TEST_F(GroupHistory, UntilHoldsForNewMembersToo) {
  put_two();
  put({group("g", {"Patient/a"})});
  const Instant before = now();
  put({group("g", {"Patient/a", "Patient/b"})});
  ExportRequest request = since("g", before);
  request.until = now();
  put({observation("o-b", "b", "PractitionerRole/role-b", "changed")});
  Keys expected = kAllOfB;
  expected.erase("Observation/o-b");
  EXPECT_EQ(exported(request), expected);
}

TEST_F(GroupHistory, GoesWithPatientTypesAndElements) {
  put_two();
  put({group("g", {"Patient/a"})});
  const Instant before = now();
  put({group("g", {"Patient/a", "Patient/b"})});
  ExportRequest request = since("g", before);
  request.patients = Names{"a"};
  EXPECT_EQ(exported(request), Keys());
  request.patients = Names{"b"};
  EXPECT_EQ(exported(request), kAllOfB);
  request.patients.reset();
  request.types = {*fhir::find_resource_type("Observation")};
  request.elements = {"status"};
  const auto lines = run(request);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("SUBSETTED"), std::string::npos);
  EXPECT_EQ(lines[0].find("subject"), std::string::npos);
}

TEST_F(GroupHistory, ASetIsThatOfItsSequence) {
  put_two();
  const auto first = put({group("g", {"Patient/a"})}).commit;
  const auto second = put({group("g", {"Patient/a", "Patient/b"})}).commit;
  put({group("g", {})});
  ExportRequest request = since("g", first.instant);
  const auto early = read_patient_set(*store_, request, first).value();
  ASSERT_EQ(early->size(), 1u);
  EXPECT_EQ(early->new_count(), 0u);
  const auto late = read_patient_set(*store_, request, second).value();
  ASSERT_EQ(late->size(), 2u);
  EXPECT_FALSE(late->is_new("a"));
  EXPECT_TRUE(late->is_new("b"));
  request.since = {first.instant + std::chrono::milliseconds(-1)};
  EXPECT_EQ(read_patient_set(*store_, request, second).value()->new_count(), 2u);
}

TEST_F(GroupHistory, AbsoluteReferencesToThisServerCount) {
  put_two();
  put({group("g", {"https://ehr.example/fhir/Patient/b", "https://other.example/fhir/Patient/a"})});
  ExportRequest request = since("g", {0});
  request.base_url = "https://ehr.example/fhir";
  EXPECT_EQ(exported(request), kAllOfB);
}

TEST_F(GroupHistory, GroupsNestedWithoutEndAreRefused) {
  std::vector<std::string> lines;
  for (int i = 0; i < 1100; ++i)
    lines.push_back(group(fmt::format("g{}", i), {fmt::format("Group/g{}", i + 1)}));
  put(lines);
  const auto read = read_patient_set(*store_, since("g0", {0}), store_->last_commit());
  ASSERT_TRUE(read.has_error());
  EXPECT_EQ(read.error().kind, ErrorKind::kInvalid);
  EXPECT_NE(read.error().message.find("nested more than 1000"), std::string::npos);
}

// Random joins, leaves and changes; the expectation comes from what was written when. The change
// log serves small changes, a scan or seeks large ones: both must have been chosen.
TEST_F(GroupHistory, ChangeLogAndScanAgreeWithAModel) {
  constexpr int kPatients = 150;
  std::mt19937_64 random(20261123);
  std::map<std::string, std::pair<Instant, std::set<int>>> model;  // key: newest instant, owners
  const auto name = [](int p) { return fmt::format("p{:03}", p); };
  int round = 0;
  const auto write = [&](const std::set<int>& which) {
    std::vector<std::string> lines;
    std::map<std::string, std::set<int>> owners;
    for (const int p : which) {
      lines.push_back(simple("Patient", name(p), fmt::format(R"(,"language":"{}")", round)));
      owners["Patient/" + name(p)] = {p};
      const int other = (p * 7 + 3) % kPatients;
      lines.push_back(observation(fmt::format("o{}", p), name(p), "Patient/" + name(other),
                                  fmt::format("{} {}", round, std::string(20'000, 'x'))));
      owners[fmt::format("Observation/o{}", p)] = {p, other};
    }
    const Instant instant = put(lines).commit.instant;
    for (const auto& [key, of] : owners) model[key] = {instant, of};
    ++round;
  };
  std::set<int> all;
  for (int p = 0; p < kPatients; ++p) all.insert(p);
  write(all);

  std::map<int, Instant> members;  // since when
  const auto put_group = [&] {
    Names references;
    for (const auto& [p, joined] : members) references.push_back("Patient/" + name(p));
    const Instant instant = put({group("g", references)}).commit.instant;
    for (auto& [p, joined] : members)
      if (joined == Instant{0}) joined = instant;
  };
  for (int p = 0; p < kPatients; ++p)
    if (p % 10 != 0) members[p] = {0};
  put_group();
  std::map<ReadMode, int> modes;
  for (int i = 0; i < 12; ++i) {
    const Instant before = now();
    const bool many = i % 3 == 2;
    std::set<int> changed;
    for (int n = many ? 120 : 3; n > 0; --n) changed.insert(static_cast<int>(random() % kPatients));
    std::set<int> moved;
    for (int n = many ? 40 : 2; n > 0; --n) moved.insert(static_cast<int>(random() % kPatients));
    for (const int p : moved)
      if (members.erase(p) == 0) members[p] = {0};
    write(changed);
    put_group();
    Keys expected;
    for (const auto& [key, version] : model) {
      const bool covered = std::any_of(version.second.begin(), version.second.end(),
                                       [&](int p) { return members.contains(p); });
      const bool is_new = std::any_of(version.second.begin(), version.second.end(), [&](int p) {
        return members.contains(p) && members[p] > before;
      });
      if (covered && (is_new || version.first > before)) expected.insert(key);
    }
    const std::string id = kick_off(since("g", before));
    ASSERT_EQ(wait(id).job.state, job::JobState::kDone);
    std::vector<std::string> lines;
    for (const auto& file : output_files(id)) {
      const auto more = lines_of(id, file.name);
      lines.insert(lines.end(), more.begin(), more.end());
    }
    EXPECT_EQ(keys(lines), expected) << "round " << i;
    const auto shards = engine_->shards(id, {}, 1000).value();
    for (const auto& shard : shards) {
      const ShardSpec spec = parse_shard_spec(shard.spec).value();
      for (const auto& segment : spec.segments) ++modes[segment.mode];
    }
  }
  EXPECT_GT(modes[ReadMode::kChanges], 0);
  EXPECT_GT(modes[ReadMode::kNewMembers], 0);
  EXPECT_GT(modes[ReadMode::kScan] + modes[ReadMode::kSeek], 0);
}

}  // namespace
}  // namespace sluice::bulk
