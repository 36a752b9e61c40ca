// G-02: what the store remembers of the members of Groups: joins, leaves, periods, as of every
// sequence; and the upgrade of stores that remembered nothing.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "base/bytes.h"
#include "fhir/group_members.h"
#include "raw_database.h"
#include "store/rocksdb/rocksdb_store.h"
#include "store_fixture.h"

namespace sluice::store {
namespace {

using Lines = std::vector<std::string>;

fhir::IncomingResource group_of(const std::string& id, const std::string& members) {
  return fhir::ResourceReader()
      .read(fmt::format(R"({{"resourceType":"Group","id":"{}","member":[{}]}})", id, members))
      .value();
}

std::string member(const std::string& reference, const std::string& more = "") {
  return fmt::format(R"({{"entity":{{"reference":"{}"}}{}}})", reference, more);
}

/// A Group with these members, without periods.
fhir::IncomingResource plain_group(const std::string& id, const Lines& references) {
  std::string members;
  for (const auto& reference : references)
    members += (members.empty() ? "" : ",") + member(reference);
  return group_of(id, members);
}

/// "Type/id since instant" of who is a member at the instant; "url since instant" for URLs.
Lines members_of(const Store& store, const std::string& group, Sequence as_of, Instant at) {
  Lines found;
  for (const auto type :
       {fhir::ResourceType{fhir::kUrlMember}, type_of("Patient"), type_of("Group")}) {
    const auto scan = store.members(group, type, as_of).value();
    Member read;
    while (scan->next(read).value()) {
      const auto since = read.member_since(at);
      if (!since) continue;
      const std::string name =
          type.code == fhir::kUrlMember ? "" : std::string(fhir::type_name(type)) + "/";
      found.push_back(fmt::format("{}{} since {}", name, read.id, since->milliseconds));
    }
  }
  return found;
}

class Members : public StoreTest {
 protected:
  Commit put_group(const std::string& id, const Lines& references) {
    ++clock_.milliseconds;
    return write(Batch().put(plain_group(id, references))).commit;
  }
  Lines now(const std::string& group) {
    return members_of(*store_, group, last(), store_->last_commit().instant);
  }
  static std::string since(const std::string& who, const Commit& commit) {
    return fmt::format("{} since {}", who, commit.instant.milliseconds);
  }
};

TEST_P(Members, JoiningIsTheCommitThatNamedThemFirst) {
  const Commit first = put_group("g", {"Patient/b", "Patient/a", "Group/inner"});
  const Commit second = put_group("g", {"Patient/a", "Patient/c", "Patient/b", "Group/inner"});
  const Lines expected{since("Patient/a", first), since("Patient/b", first),
                       since("Patient/c", second), since("Group/inner", first)};
  EXPECT_EQ(now("g"), expected);
  reopen();
  EXPECT_EQ(now("g"), expected);
  EXPECT_EQ(now("other"), Lines());
}

TEST_P(Members, LeavingAndJoiningAgainIsJoining) {
  const Commit first = put_group("g", {"Patient/a", "Patient/b"});
  put_group("g", {"Patient/a"});
  EXPECT_EQ(now("g"), (Lines{since("Patient/a", first)}));
  const Commit third = put_group("g", {"Patient/a", "Patient/b"});
  EXPECT_EQ(now("g"), (Lines{since("Patient/a", first), since("Patient/b", third)}));
}

TEST_P(Members, AGroupThatIsRemovedHasNoneAndStartsAnew) {
  put_group("g", {"Patient/a"});
  remove("Group", "g");
  EXPECT_EQ(now("g"), Lines());
  const Commit again = put_group("g", {"Patient/a"});
  EXPECT_EQ(now("g"), (Lines{since("Patient/a", again)}));
}

TEST_P(Members, EachSequenceHasItsOwn) {
  const Commit first = put_group("g", {"Patient/a", "Patient/b"});
  const Commit second = put_group("g", {"Patient/b", "Patient/c"});
  const Commit third = write(Batch().remove("Group", "g")).commit;
  const Commit fourth = put_group("g", {"Patient/b"});
  const auto at = [&](const Commit& commit) {
    return members_of(*store_, "g", commit.sequence, commit.instant);
  };
  const auto check = [&] {
    EXPECT_EQ(members_of(*store_, "g", {0}, {0}), Lines());
    EXPECT_EQ(at(first), (Lines{since("Patient/a", first), since("Patient/b", first)}));
    EXPECT_EQ(at(second), (Lines{since("Patient/b", first), since("Patient/c", second)}));
    EXPECT_EQ(at(third), Lines());
    EXPECT_EQ(at(fourth), (Lines{since("Patient/b", fourth)}));
  };
  check();
  reopen();
  store_->set_history_horizon(first.sequence);
  ASSERT_TRUE(store_->compact());
  check();
}

TEST_P(Members, JoinsOutliveTheHistoryOfTheGroup) {
  const Commit first = put_group("g", {"Patient/a", "Patient/b"});
  for (int i = 0; i < 5; ++i) put_group("g", {"Patient/a", fmt::format("Patient/x{}", i)});
  store_->set_history_horizon(last());
  ASSERT_TRUE(store_->compact());
  reopen();
  EXPECT_EQ(now("g")[0], since("Patient/a", first));
  EXPECT_EQ(now("g").size(), 2u);
}

TEST_P(Members, WhatIsNotWrittenChangesNothing) {
  const Commit first = put_group("g", {"Patient/a"});
  put_group("g", {"Patient/a"});
  write(Batch().put(plain_group("g", {"Patient/b"})).leave_different());
  // The later of two writes counts.
  const Commit last_write =
      write(Batch().put(plain_group("h", {"Patient/a"})).put(plain_group("h", {"Patient/b"})))
          .commit;
  EXPECT_EQ(now("g"), (Lines{since("Patient/a", first)}));
  EXPECT_EQ(now("h"), (Lines{since("Patient/b", last_write)}));
}

TEST_P(Members, GroupsWhoseIdsBeginAlikeAreApart) {
  const Commit first = put_group("g", {"Patient/a"});
  const Commit second = put_group("g-", {"Patient/b"});
  const Commit third = put_group("g.1", {"Patient/c"});
  EXPECT_EQ(now("g"), (Lines{since("Patient/a", first)}));
  EXPECT_EQ(now("g-"), (Lines{since("Patient/b", second)}));
  EXPECT_EQ(now("g.1"), (Lines{since("Patient/c", third)}));
}

TEST_P(Members, UrlsAreKeptForWhoKnowsTheirServer) {
  const Commit first = put_group("g", {"https://a.example/fhir/Patient/a", "urn:uuid:1",
                                       "https://a.example/Practitioner/a", "Practitioner/p"});
  EXPECT_EQ(now("g"), (Lines{since("https://a.example/fhir/Patient/a", first)}));
}

TEST_P(Members, APeriodThatBeginsCountsAsJoining) {
  clock_.milliseconds = parse_fhir_instant("2026-01-01T00:00:00Z")->milliseconds;
  const Commit first =
      write(Batch().put(
                group_of("g", member("Patient/a", R"(,"period":{"start":"2026-02-01"})") + "," +
                                  member("Patient/b", R"(,"period":{"start":"2020"})") + "," +
                                  member("Patient/c", R"(,"period":{"end":"2026-02"})"))))
          .commit;
  const Instant begin = *parse_fhir_instant("2026-02-01");
  const Instant end = *parse_fhir_instant("2026-03-01");
  EXPECT_EQ(members_of(*store_, "g", last(), begin + std::chrono::milliseconds(-1)),
            (Lines{since("Patient/b", first), since("Patient/c", first)}));
  EXPECT_EQ(members_of(*store_, "g", last(), begin),
            (Lines{fmt::format("Patient/a since {}", begin.milliseconds), since("Patient/b", first),
                   since("Patient/c", first)}));
  EXPECT_EQ(members_of(*store_, "g", last(), end).size(), 2u);
}

// Random members with random periods; an independent evaluator walks back in time, millisecond by
// millisecond, to the moment when somebody was no member.
TEST_P(Members, RandomHistoriesAgreeWithWalkingBackInTime) {
  std::mt19937_64 random(test_seed());
  const std::int64_t start = clock_.milliseconds;
  struct Stated {
    std::int64_t from, to;  // inclusive
  };
  struct Version {
    Commit commit;
    std::map<std::string, std::vector<Stated>> members;
  };
  std::vector<Version> versions;
  const auto states = [](const Version& version, const std::string& who, std::int64_t at) {
    if (!version.members.contains(who)) return false;
    for (const auto& stated : version.members.at(who))
      if (stated.from <= at && at <= stated.to) return true;
    return false;
  };
  const auto is_member = [&](const std::string& who, std::int64_t at, std::size_t known) {
    const Version* current = nullptr;
    for (std::size_t i = 0; i < known; ++i)
      if (versions[i].commit.instant.milliseconds <= at) current = &versions[i];
    return current != nullptr && states(*current, who, at);
  };
  // Several commits of one millisecond: whom one of them leaves out has a gap there.
  const auto has_gap = [&](const std::string& who, std::int64_t at, std::size_t known) {
    return std::any_of(versions.begin(), versions.begin() + static_cast<std::ptrdiff_t>(known),
                       [&](const Version& version) {
                         return version.commit.instant.milliseconds == at &&
                                !states(version, who, at);
                       });
  };
  for (int round = 0; round < 120; ++round) {
    clock_.milliseconds += static_cast<std::int64_t>(random() % 2 * (random() % 12));
    Version version;
    Batch batch;
    std::string text;
    if (random() % 10 == 0 && !versions.empty()) {
      batch.remove("Group", "g");
    } else {
      for (std::size_t n = random() % 9; n > 0; --n) {
        const std::string who = fmt::format("Patient/p{}", random() % 5);
        Stated stated{0, start * 2};
        std::string period;
        if (random() % 3 != 0) {
          stated.from = start + static_cast<std::int64_t>(random() % 900);
          period = fmt::format(R"("start":"{}")", to_fhir_instant({stated.from}));
        }
        if (random() % 3 != 0) {
          stated.to = start + static_cast<std::int64_t>(random() % 900);
          period += fmt::format(R"({}"end":"{}")", period.empty() ? "" : ",",
                                to_fhir_instant({stated.to}));
        }
        if (random() % 6 == 0) {
          text += (text.empty() ? "" : ",") + member(who, R"(,"inactive":true)");
          continue;
        }
        text += (text.empty() ? "" : ",") +
                member(who, period.empty() ? "" : ",\"period\":{" + period + "}");
        version.members[who].push_back(stated);
      }
      batch.put(group_of("g", text));
    }
    version.commit = write(batch).commit;
    versions.push_back(version);
    if (round % 40 == 20) reopen();
    if (round % 40 == 30) {
      ASSERT_TRUE(store_->compact());
    }
    for (int look = 0; look < 8; ++look) {
      const std::size_t known = 1 + random() % versions.size();
      const Commit as_of = versions[known - 1].commit;
      const std::int64_t at =
          as_of.instant.milliseconds + static_cast<std::int64_t>(random() % 200);
      Lines expected;
      for (int p = 0; p < 5; ++p) {
        const std::string who = fmt::format("Patient/p{}", p);
        std::int64_t since = at;
        if (!is_member(who, at, known)) continue;
        while (!has_gap(who, since, known) && is_member(who, since - 1, known)) --since;
        expected.push_back(fmt::format("{} since {}", who, since));
      }
      ASSERT_EQ(members_of(*store_, "g", as_of.sequence, {at}), expected)
          << "round " << round << " known " << known << " at +" << at - start;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EachBackend, Members, testing::ValuesIn(backends()),
                         [](const auto& backend) { return backend.param.name; });

// The worked example of docs/formats.md.
TEST(MembersFormat, IsWhatTheDocumentationShows) {
  TemporaryFolder folder;
  TestClock clock;
  clock.milliseconds = 1000;
  auto store = open_rocksdb_store(folder.path(), clock).value();
  store->write(Batch().put(plain_group("g", {"Patient/a", "Patient/b"})).transaction()).value();
  clock.milliseconds = 1001;
  store
      ->write(Batch()
                  .put(group_of("g", member("Patient/b") + "," +
                                         member("Patient/c",
                                                R"(,"period":{"start":"1970-01-01T00:00:02Z"})")))
                  .transaction())
      .value();
  store.reset();
  const std::string patient = to_hex(range_key(type_of("Patient"), ""));
  EXPECT_EQ(dump(folder.path(), "members"), (Lines{"6700" + patient +
                                                       "61"
                                                       "00"
                                                       "0000000000000001"
                                                       " "
                                                       "0200000000000000"
                                                       "e803000000000000"
                                                       "e803000000000000",
                                                   "6700" + patient +
                                                       "62"
                                                       "00"
                                                       "0000000000000001"
                                                       " "
                                                       "ffffffffffffffff"
                                                       "e803000000000000"
                                                       "e803000000000000",
                                                   "6700" + patient +
                                                       "63"
                                                       "00"
                                                       "0000000000000002"
                                                       " "
                                                       "ffffffffffffffff"
                                                       "e903000000000000"
                                                       "0000000000000080"
                                                       "d007000000000000"
                                                       "ffffffffffffff7f"}));
}

// A store of format version 1 gets the same rows that the program would have written.
TEST(MembersUpgrade, RemembersWhatTheVersionsOfTheGroupsTell) {
  TemporaryFolder folder;
  TestClock clock;
  auto store = open_rocksdb_store(folder.path(), clock).value();
  const auto write = [&](const Batch& batch) { store->write(batch.transaction()).value(); };
  write(Batch().put(plain_group("g", {"Patient/a", "Patient/b"})));
  write(
      Batch().put(plain_group("h", {"Patient/a"})).put(make_resource("Patient", "a", "x", {"a"})));
  write(Batch().put(plain_group("g", {"Patient/b", "Patient/c"})));
  write(Batch().remove("Group", "g"));
  write(Batch().put(plain_group("g", {"Patient/b", "Group/h"})));
  write(Batch().put(group_of("h", member("Patient/a", R"(,"period":{"start":"2999"})"))));
  write(Batch().put(plain_group("gone", {"Patient/a"})));
  write(Batch().remove("Group", "gone"));
  store.reset();
  const auto expected = dump(folder.path(), "members");
  EXPECT_EQ(expected.size(), 8u);
  drop_family(folder.path(), "members");
  set_format(folder.path(), 1);
  open_rocksdb_store(folder.path(), clock).value().reset();
  EXPECT_EQ(dump(folder.path(), "members"), expected);
  // A crash before the new version was noted: all of it is done again.
  set_format(folder.path(), 1);
  open_rocksdb_store(folder.path(), clock).value().reset();
  EXPECT_EQ(dump(folder.path(), "members"), expected);
}

}  // namespace
}  // namespace sluice::store
