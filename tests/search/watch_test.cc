// R-01: a comparison of one large resource with many values asks its caller whether to go on.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "search/query_set.h"
#include "searching.h"

namespace sluice::search {
namespace {

constexpr std::size_t kLarge = 2u << 20;

/// "p0x,p1x,...".
std::string list(std::string_view before, std::string_view after, std::size_t count) {
  std::string values;
  for (std::size_t i = 0; i < count; ++i)
    values += fmt::format("{}{}{}{}", i == 0 ? "" : ",", before, i, after);
  return values;
}

std::string repeated(std::string_view text, std::size_t size) {
  std::string all;
  while (all.size() < size) all += text;
  return all;
}

/// Queries of many values, each with a resource of which each value has to look at much.
std::vector<std::pair<std::string, std::string>> slow_comparisons() {
  const auto patient = [](std::string_view members) {
    return fmt::format(R"({{"resourceType":"Patient","id":"p",{}}})", members);
  };
  const std::string letters(kLarge, 'a');
  const std::string dates = repeated(R"("2020-01-01T00:00:00Z",)", kLarge) + R"("2020-01-01")";
  const std::string names = repeated(R"({"family":"b c"},)", kLarge) + R"({"family":"d"})";
  // An escape in front: what may be compared as it stands is done with at its first letter.
  const std::string escaped = R"(\u0062)" + repeated(R"(\u0061)", kLarge);
  return {
      {"Patient?name:contains=" + list("n", "", 100),
       patient(fmt::format(R"("name":[{{"family":"{}"}}])", letters))},
      {"Patient?name=" + list("n", "", 1'000), patient(fmt::format(R"("name":[{}])", names))},
      {"Patient?name:exact=" + list("baaaaaaaaaa", "", 1'000),
       patient(fmt::format(R"("name":[{{"family":"{}"}}])", escaped))},
      {"ServiceRequest?occurrence=" + list("202", "-06-01T00:00:00Z", 8) +
           list(",203", "-06-01T00:00:00Z", 1) + "," + list("204", "-06-01T00:00:00Z", 9),
       fmt::format(
           R"({{"resourceType":"ServiceRequest","id":"p","occurrenceTiming":{{"event":[{}]}}}})",
           dates)},
  };
}

TEST(Watch, EndsAComparisonFromWithin_R01) {
  for (const auto& [text, resource] : slow_comparisons()) {
    SCOPED_TRACE(text.substr(0, 40));
    const auto query = compile(text);
    ASSERT_TRUE(query) << query.error().message;
    int calls = 0;
    Matcher matcher([&]() -> Result<void> {
      if (++calls == 5) return Error{ErrorKind::kTimeout, "enough"};
      return {};
    });
    const auto stopped = matcher.matches(*query, resource);
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().kind, ErrorKind::kTimeout);
    EXPECT_EQ(calls, 5) << "nobody is asked once more";

    // The next resource is another matter.
    const std::string small =
        fmt::format(R"({{"resourceType":"{}","id":"p"}})", text.substr(0, text.find('?')));
    EXPECT_EQ(matcher.matches(*query, small).value(), false);
  }
}

TEST(Watch, ANegatedComparisonEndsToo_R01) {
  const std::string codings =
      repeated(R"({"system":"http://s","code":"c"},)", kLarge) + R"({"code":"d"})";
  const auto query = compile("Observation?code:not=" + list("http://t|", "", 10));
  ASSERT_TRUE(query);
  Matcher matcher([]() -> Result<void> { return Error{ErrorKind::kCancelled, "stop"}; });
  const auto stopped = matcher.matches(
      *query, fmt::format(R"({{"resourceType":"Observation","id":"p","code":{{"coding":[{}]}}}})",
                          codings));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
}

TEST(Watch, ChangesNoAnswer) {
  const std::string letters(kLarge, 'a');
  const std::string resource = fmt::format(
      R"({{"resourceType":"Patient","id":"p","name":[{{"family":"{} last"}}]}})", letters);
  int calls = 0;
  const auto go_on = [&]() -> Result<void> {
    ++calls;
    return {};
  };
  Matcher matcher(go_on);
  EXPECT_EQ(matcher.matches(*compile("Patient?name:contains=x,y,last"), resource).value(), true);
  EXPECT_EQ(matcher.matches(*compile("Patient?name:contains=x,y,z"), resource).value(), false);
  EXPECT_GE(calls, 8);
  EXPECT_LE(calls, 40);
}

TEST(Watch, EndsASetOfQueries_R01) {
  const std::string letters(kLarge, 'a');
  std::vector<Query> queries;
  for (int i = 0; i < 100; ++i)
    queries.push_back(*compile(fmt::format("Patient?name:contains=n{}", i)));
  int calls = 0;
  QuerySet set(std::move(queries), [&]() -> Result<void> {
    if (++calls == 5) return Error{ErrorKind::kTimeout, "enough"};
    return {};
  });
  const auto stopped = set.matching(
      fmt::format(R"({{"resourceType":"Patient","id":"p","name":[{{"family":"{}"}}]}})", letters));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kTimeout);
  EXPECT_LE(set.comparisons(), 6u);
  EXPECT_TRUE(
      (*set.matching(R"({"resourceType":"Patient","id":"p","name":[{"family":"n7"}]})"))->size() ==
      1);
}

}  // namespace
}  // namespace sluice::search
