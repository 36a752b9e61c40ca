// G-01: members are added to the text of a Group and taken out of it.
#include "fhir/member_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fhir/resource_reader.h"

namespace sluice::fhir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kBase = "https://here.example/fhir";

std::string group(std::string_view member, std::string_view more = "") {
  return R"({"resourceType":"Group","id":"g","actual":true,"member":)" + std::string(member) +
         std::string(more) + "}";
}

std::vector<MemberEntry> entries(std::string_view list) {
  return read_member_entries(group(list), kBase).value();
}

MemberEdit add(std::string_view text, std::string_view list) {
  return add_members(text, entries(list), kBase).value();
}
MemberEdit remove(std::string_view text, std::string_view list) {
  return remove_members(text, entries(list), kBase).value();
}

/// The text must be what the reader takes, whatever was cut out of it.
bool is_resource(const std::string& text) {
  return ResourceReader().read(text).has_value();
}

constexpr std::string_view kA = R"([{"entity":{"reference":"Patient/a"}}])";

TEST(MemberEdit, AddsBehindTheLastAndLeavesTheRestAsItIs) {
  const auto edit = add(group(R"([ {"entity":{"reference":"Patient/b"}} ])", R"(,"x":1.50)"), kA);
  EXPECT_EQ(
      edit.json,
      group(R"([ {"entity":{"reference":"Patient/b"}} ,{"entity":{"reference":"Patient/a"}}])",
            R"(,"x":1.50)"));
  EXPECT_EQ(edit.added, 1u);
}

TEST(MemberEdit, AddsTheListWhereThereIsNone) {
  EXPECT_EQ(add(R"({"resourceType":"Group","id":"g"})", kA).json,
            R"({"resourceType":"Group","id":"g","member":)" + std::string(kA) + "}");
  EXPECT_EQ(add(group("[]"), kA).json, group(kA));
}

TEST(MemberEdit, WhoIsThereIsNotAddedAgainHoweverWritten) {
  for (const char* const reference : {"Patient/a", "Patient/a/_history/3",
                                      "https://here.example/fhir/Patient/a", "Patient\\/a"}) {
    const auto edit =
        add(group(std::string(R"([{"entity":{"reference":")") + reference + R"("}}])"), kA);
    EXPECT_EQ(edit.added, 0u) << reference;
    EXPECT_TRUE(edit.json.empty());
  }
  const auto twice = add(group("[]"), R"([{"entity":{"reference":"Patient/a"}},
      {"entity":{"reference":"https://here.example/fhir/Patient/a"}}])");
  EXPECT_EQ(twice.given, 1u);
  EXPECT_EQ(twice.added, 1u);
}

TEST(MemberEdit, AnotherPeriodOrInactiveIsAnotherEntry) {
  const std::string with_period =
      R"([{"entity":{"reference":"Patient/a"},"period":{"start":"2020"}}])";
  EXPECT_EQ(add(group(with_period), kA).added, 1u);
  EXPECT_EQ(add(group(with_period), with_period).added, 0u);
  EXPECT_EQ(add(group(R"([{"entity":{"reference":"Patient/a"},"inactive":true}])"), kA).added, 1u);
  EXPECT_EQ(add(group(R"([{"entity":{"reference":"Patient/a"},"inactive":false}])"), kA).added, 0u);
}

TEST(MemberEdit, TakesOutWhereverItStands) {
  const auto list = [](const std::vector<std::string>& ids) {
    std::string text;
    for (const auto& id : ids)
      text += (text.empty() ? "" : ",") + (R"({"entity":{"reference":"Patient/)" + id) + R"("}})";
    return "[" + text + "]";
  };
  const std::vector<std::string> all = {"a", "b", "c", "d"};
  // Every choice of the four: the rest stays in order.
  for (unsigned mask = 1; mask < 15; ++mask) {
    std::vector<std::string> gone, kept;
    for (unsigned i = 0; i < 4; ++i) ((mask >> i & 1u) != 0 ? gone : kept).push_back(all[i]);
    const auto edit = remove(group(list(all), R"(,"name":"n")"), list(gone));
    EXPECT_EQ(edit.json, group(list(kept), R"(,"name":"n")")) << mask;
    EXPECT_EQ(edit.removed, gone.size());
  }
  EXPECT_EQ(remove(group(list(all), R"(,"name":"n")"), list(all)).json,
            R"({"resourceType":"Group","id":"g","actual":true,"name":"n"})");
  EXPECT_EQ(remove(group(list(all)), list(all)).json,
            R"({"resourceType":"Group","id":"g","actual":true})");
}

TEST(MemberEdit, TakesOutWhatMatchesAllThatIsNamed) {
  const std::string text = group(R"([{"entity":{"reference":"Patient/a"},"period":{"start":"2020"}},
      {"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/b"},"inactive":true}])");
  EXPECT_EQ(remove(text, kA).removed, 2u);
  EXPECT_EQ(
      remove(text, R"([{"entity":{"reference":"Patient/a"},"period":{"start":"2020"}}])").removed,
      1u);
  const auto other = remove(text, R"([{"entity":{"reference":"Patient/b"},"inactive":false},
      {"entity":{"reference":"Patient/none"}}])");
  EXPECT_EQ(other.removed, 0u);
  EXPECT_EQ(other.absent, 2u);
  EXPECT_TRUE(other.json.empty());
}

TEST(MemberEdit, WhatIsLeftIsAResourceWithLineBreaksToo) {
  const std::string text = group(
      "[\n  {\"entity\":{\"reference\":\"Patient/a\"}},\n  {\"entity\":"
      "{\"reference\":\"Patient/b\"}}\n]",
      ",\n\"name\":\"n\"\n");
  for (const char* const id : {"a", "b"})
    EXPECT_TRUE(is_resource(
        remove(text, std::string(R"([{"entity":{"reference":"Patient/)") + id + R"("}}])").json));
  EXPECT_TRUE(is_resource(
      add(text, R"([{"entity":{"reference":"Device/d"}},{"entity":{"reference":"urn:uuid:1"}}])")
          .json));
}

TEST(MemberEdit, SaysWhatItCannotChange) {
  const auto message = [](std::string_view body) {
    const auto read = read_member_entries(body, kBase);
    return read ? std::string("read") : read.error().message;
  };
  EXPECT_THAT(message(group(kA, R"(,"name":"n")")), HasSubstr("'name'"));
  EXPECT_THAT(message(group("[]")), HasSubstr("empty"));
  EXPECT_THAT(message(R"({"resourceType":"Group","id":"g"})"), HasSubstr("member"));
  EXPECT_THAT(message(group(R"([{"entity":{"reference":"Patient/a"}},{"entity":{}}])")),
              HasSubstr("member[1]"));
  EXPECT_THAT(message(group("[1]")), HasSubstr("member[0]"));
  const std::string criteria = R"({"resourceType":"Group","id":"g","actual":false})";
  EXPECT_EQ(add_members(criteria, entries(kA), kBase).error().kind, ErrorKind::kUnprocessable);
  EXPECT_EQ(remove_members(group("{}"), entries(kA), kBase).error().kind,
            ErrorKind::kUnprocessable);
}

// R-01: a hundred thousand periods of one patient in a Group that has them all. Compared with each
// other this would be ten thousand million times.
TEST(MemberEdit, ManyEntriesOfOneReferenceCostWhatTheirNumberIs_R01) {
  std::string list = "[";
  for (std::size_t i = 0; i < kMembersMax; ++i)
    list += R"({"entity":{"reference":"Patient/a"},"period":{"start":")" + std::to_string(i) +
            R"("}},)";
  list.back() = ']';
  const auto change = entries(list);
  const auto added = add_members(group("[]"), change, kBase).value();
  EXPECT_EQ(added.added, kMembersMax);
  EXPECT_EQ(add_members(added.json, change, kBase)->added, 0u);
  EXPECT_EQ(remove_members(added.json, change, kBase)->removed, kMembersMax);
  list.back() = ',';
  list += R"({"entity":{"reference":"Patient/b"}}])";
  const auto refused = read_member_entries(group(list), kBase);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(refused.error().message, "a change names at most 100000 members");
}

}  // namespace
}  // namespace sluice::fhir
