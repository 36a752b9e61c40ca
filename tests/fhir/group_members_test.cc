// G-01: which members of a Group count.
#include "fhir/group_members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::fhir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Instant kNow = parse_fhir_instant("2026-11-23T12:00:00Z").value();

GroupMembers members(std::string_view list, Instant at = kNow, std::string_view base_url = {}) {
  const std::string group =
      R"({"resourceType":"Group","id":"g","member":)" + std::string(list) + "}";
  auto read = read_group_members(group, at, base_url).value();
  EXPECT_EQ(has_group_member(group, at, base_url).value(), !read.subjects.empty()) << list;
  return read;
}

/// Whether a member with this period counts at the instant.
bool counts(std::string_view period, std::string_view at) {
  const auto read =
      members(R"([{"entity":{"reference":"Patient/a"},"period":)" + std::string(period) + "}]",
              parse_fhir_instant(at).value());
  return !read.subjects.empty();
}

TEST(GroupMembers, PatientsAndGroupsAreSortedAndUnique) {
  const auto read = members(R"([{"entity":{"reference":"Patient/b"}},
      {"entity":{"reference":"Group/y"}},{"entity":{"reference":"Patient/a"}},
      {"entity":{"reference":"Patient/b"}},{"entity":{"reference":"Group/x"}},
      {"entity":{"reference":"Practitioner/p"}},{"entity":{"reference":"Device/d"}},
      {"entity":{"reference":"Patient\/c"}},{"entity":{"reference":"Group/x/_history/2"}}])");
  EXPECT_THAT(read.subjects, ElementsAre("a", "b", "c"));
  EXPECT_THAT(read.groups, ElementsAre("x", "y"));
}

TEST(GroupMembers, AGroupMayHaveNone) {
  EXPECT_THAT(members("[]").subjects, IsEmpty());
  EXPECT_THAT(read_group_members(R"({"resourceType":"Group"})", kNow)->subjects, IsEmpty());
}

TEST(GroupMembers, InactiveMembersDoNotCount) {
  const auto read = members(R"([{"entity":{"reference":"Patient/a"},"inactive":true},
      {"inactive":false,"entity":{"reference":"Patient/b"}},
      {"entity":{"reference":"Patient/c"},"inactive":"false"},
      {"entity":{"reference":"Patient/d"},"inactive":null}])");
  EXPECT_THAT(read.subjects, ElementsAre("b"));
}

TEST(GroupMembers, ThePeriodMustContainTheInstant) {
  EXPECT_TRUE(counts("{}", "2026-11-23"));
  EXPECT_TRUE(counts(R"({"start":"2026-11-23"})", "2026-11-23T00:00:00Z"));
  EXPECT_FALSE(counts(R"({"start":"2026-11-23"})", "2026-11-22T23:59:59.999Z"));
  EXPECT_FALSE(counts(R"({"start":"2020","end":"2025"})", "2026-01-01T00:00:00Z"));
  EXPECT_TRUE(counts(R"({"start":"2020","end":"2025"})", "2025-12-31T23:59:59.999Z"));
}

// An end is inclusive: all of the day, month or year that it names.
TEST(GroupMembers, TheEndReachesToTheEndOfWhatItNames) {
  const auto until = [](std::string_view end, std::string_view at) {
    return counts(R"({"end":")" + std::string(end) + "\"}", at);
  };
  EXPECT_TRUE(until("2026", "2026-12-31T23:59:59.999Z"));
  EXPECT_FALSE(until("2026", "2027-01-01T00:00:00Z"));
  EXPECT_TRUE(until("2026-12", "2026-12-31T23:59:59.999Z"));
  EXPECT_FALSE(until("2026-12", "2027-01-01T00:00:00Z"));
  EXPECT_TRUE(until("2024-02", "2024-02-29T23:59:59Z"));
  EXPECT_FALSE(until("2024-02", "2024-03-01T00:00:00Z"));
  EXPECT_TRUE(until("2026-11-23", "2026-11-23T23:59:59.999Z"));
  EXPECT_FALSE(until("2026-11-23", "2026-11-24T00:00:00Z"));
  EXPECT_TRUE(until("2026-11-23T10:15", "2026-11-23T10:15:59.999Z"));
  EXPECT_FALSE(until("2026-11-23T10:15", "2026-11-23T10:16:00Z"));
  EXPECT_TRUE(until("2026-11-23T10:15:30+01:00", "2026-11-23T09:15:30.999Z"));
  EXPECT_FALSE(until("2026-11-23T10:15:30+01:00", "2026-11-23T09:15:31Z"));
  EXPECT_TRUE(until("2026-11-23T10:15:30.500Z", "2026-11-23T10:15:30.500Z"));
  EXPECT_FALSE(until("2026-11-23T10:15:30.500Z", "2026-11-23T10:15:30.501Z"));
}

TEST(GroupMembers, WhatCannotBeUnderstoodIsNoMember) {
  for (const char* member : {R"({"entity":{"reference":"Patient/a"},"period":null})",
                             R"({"entity":{"reference":"Patient/a"},"period":{"start":"soon"}})",
                             R"({"entity":{"reference":"Patient/a"},"period":{"end":7}})",
                             R"({"entity":{"reference":"Patient/a"},"period":{"end":"2026-13"}})",
                             R"({"entity":{"identifier":{"value":"Patient/a"}}})",
                             R"({"entity":"Patient/a"})", R"({"entity":{"reference":"#a"}})",
                             R"({"reference":"Patient/a"})", "{}", "null", R"(["Patient/a"])"}) {
    EXPECT_THAT(members("[" + std::string(member) + "]").subjects, IsEmpty()) << member;
  }
}

TEST(GroupMembers, ReferencesBelowTheBaseCount) {
  constexpr std::string_view kList = R"([{"entity":{"reference":"https://s/fhir/Patient/a"}}])";
  EXPECT_THAT(members(kList, kNow, "https://s/fhir").subjects, ElementsAre("a"));
  EXPECT_THAT(members(kList, kNow).subjects, IsEmpty());
}

TEST(GroupMembers, AnythingButAGroupIsCorrupt) {
  for (const char* json : {"", "{}", "[]", R"({"resourceType":"Patient"})",
                           R"({"resourceType":"Group","member":[})"}) {
    const auto read = read_group_members(json, kNow);
    ASSERT_FALSE(read) << json;
    EXPECT_EQ(read.error().kind, ErrorKind::kCorrupt);
    EXPECT_EQ(has_group_member(json, kNow).error().kind, ErrorKind::kCorrupt);
  }
}

// G-04.
TEST(GroupMembers, AMillionMembersAreReadInOnePass) {
  std::string list = "[";
  for (int i = 0; i < 1000000; ++i) {
    list += R"({"entity":{"reference":"Patient/)" + std::to_string(i) + "\"}},";
  }
  list.back() = ']';
  EXPECT_EQ(members(list).subjects.size(), 1000000u);
}

}  // namespace
}  // namespace sluice::fhir
