// Lines as they come, in any pieces: one JSON object each, of the type of their file (L-11).
#include "client/files/line_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Checked {
  std::string problem;  // empty: every line is an object
  std::uint64_t lines = 0;
  std::uint64_t strays = 0;
};

Checked check(const std::string& text, std::size_t piece = 4096,
              const std::string& type = "Patient") {
  LineCheck lines(type);
  for (std::size_t at = 0; at < text.size(); at += piece)
    if (auto fed = lines.feed(std::string_view(text).substr(at, piece)); !fed)
      return {fed.error().message, lines.lines(), lines.strays()};
  const auto finished = lines.finish();
  return {finished ? "" : finished.error().message, lines.lines(), lines.strays()};
}

const std::string kOne = R"({"resourceType":"Patient","id":"p1"})";

TEST(LineCheck, L11TakesResourcesInPiecesOfAnySize) {
  const std::string text = "\xef\xbb\xbf" + kOne + "\r\n\n \t\n" + kOne +
                           "\n{ \"id\" : \"x\", \"resourceType\" : \"Pat\\u0069ent\" }";
  for (const std::size_t piece : {1u, 2u, 3u, 7u, 64u, 100'000u}) {
    const auto checked = check(text, piece);
    EXPECT_EQ(checked.problem, "") << piece;
    EXPECT_EQ(checked.lines, 3u) << piece;
    EXPECT_EQ(checked.strays, 0u) << piece;
  }
  EXPECT_EQ(check("").lines, 0u);
  EXPECT_EQ(check("\n\n").lines, 0u);
}

TEST(LineCheck, L11NamesTheLineThatIsNotOneJsonObject) {
  for (const std::string& bad :
       {kOne + kOne, kOne.substr(0, 20), "[" + kOne + "]", std::string("null"), std::string("{}x"),
        std::string(R"({"resourceType":"Patient","id":"p1",})"), std::string("<html>"),
        std::string("{\"resourceType\":\"Patient\",\"id\":\"\xff\"}"),
        std::string("{\"a\":\"\n\"}")})
    for (const std::size_t piece : {1u, 4096u})
      EXPECT_THAT(check(kOne + "\n" + bad, piece).problem,
                  HasSubstr("line 2 is not one JSON object"))
          << bad;
}

// M-03: whether a manifest counts them or not, the file is whole.
TEST(LineCheck, HeadersOfBlocksAreKnown) {
  LineCheck lines("");
  const std::string header =
      R"({ "resourceType":"Parameters","parameter": [ {"name":"header","valueReference":{"reference":"Patient/p1"}}]})";
  for (
      const std::string& line :
      {header, kOne, header,
       std::string(R"({"resourceType":"Parameters","id":"a","parameter":[]})"),
       std::string(
           R"({"resourceType":"Parameters","id":"b","parameter":[{"name":"x"},{"name":"header"}]})")})
    ASSERT_TRUE(lines.feed(line + "\n"));
  ASSERT_TRUE(lines.finish());
  EXPECT_EQ(lines.lines(), 5u);
  EXPECT_EQ(lines.block_headers(), 2u);
  EXPECT_EQ(lines.strays(), 0u);
}

TEST(LineCheck, L11CountsWhatDoesNotBelong) {
  LineCheck lines("Patient");
  ASSERT_TRUE(lines.feed(kOne + "\n" + R"({"resourceType":"Observation","id":"o"})" + "\n" +
                         R"({"id":"p2"})" + "\n" + R"({"resourceType":"Patient"})" + "\n"));
  ASSERT_TRUE(lines.finish());
  EXPECT_EQ(lines.lines(), 4u);
  EXPECT_EQ(lines.strays(), 3u);
  EXPECT_THAT(lines.stray_texts(), ElementsAre("line 2 is of type Observation",
                                               "line 3 is an object without a resourceType",
                                               "line 4 is a resource without an id"));
}

TEST(LineCheck, L11AnyTypeWhereFilesAreOrganizedByInstance) {
  EXPECT_EQ(check(kOne + "\n" + R"({"resourceType":"Parameters","parameter":[{"name":"header"}]})" +
                      "\n" + R"({"resourceType":"Observation","id":"o"})",
                  7, "")
                .strays,
            0u);
}

TEST(LineCheck, L11AResourceSaysOnceAndPlainlyWhatItIs) {
  for (const std::string line :
       {R"({"resourceType":"Patient","id":"a","id":"b"})",
        R"({"resourceType":"Patient","id":"a","id":5})",
        R"({"resourceType":"Patient","resourceType":"Patient","id":"a"})",
        R"({"resourceType":"Patient","\u0069d":"a"})", R"({"resourceType":"Patient","id":5})"})
    EXPECT_EQ(check(line).strays, 1u) << line;
  for (const std::string line :
       {R"({"resourceType":"OperationOutcome","id":"a"})", R"({"resourceType":"Parameters"})",
        R"({"resourceType":"patient","id":"a"})", R"({"resourceType":"Bundle"})"})
    EXPECT_EQ(check(line, 4096, "").strays, 1u) << line;
}

TEST(LineCheck, L11ADeletionThatIsNotPlainIsTold) {
  const auto bundle = [](const std::string& entry) {
    return R"({"resourceType":"Bundle","entry":[)" + entry + "]}\n";
  };
  const auto deletion = [](const std::string& url) {
    return R"({"request":{"method":"DELETE","url":")" + url + R"("}})";
  };
  LineCheck lines("Bundle", LineKind::kDeletions);
  ASSERT_TRUE(lines.feed(bundle(deletion("Patient/a") + "," + deletion("http://x/Patient/b"))));
  EXPECT_EQ(lines.unclear(), 0u);
  std::uint64_t unclear = 0;
  for (const std::string& entry :
       {std::string("{}"), std::string("1"), deletion("Patient/a/"), deletion("Patient/a?x"),
        deletion("Patient/%61"), deletion("Patient/a#b"), deletion("patient/a"),
        deletion("Patient"), deletion("")}) {
    ASSERT_TRUE(lines.feed(bundle(deletion("Patient/a") + "," + entry)));
    EXPECT_EQ(lines.unclear(), ++unclear) << entry;
  }
  EXPECT_EQ(lines.strays(), 0u);
}

TEST(LineCheck, L15ALineWithoutAnEndIsNotKeptForEver) {
  LineCheck lines("Patient");
  const std::string block(1 << 20, 'x');
  ASSERT_TRUE(lines.feed("{\"a\":\""));
  Result<void> fed = Result<void>();
  std::size_t taken = 0;
  for (; fed && taken <= 2 * kLineSizeMax; taken += block.size()) fed = lines.feed(block);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().kind, ErrorKind::kTooLarge);
  EXPECT_LE(taken, kLineSizeMax + 2 * block.size());
}

}  // namespace
}  // namespace sluice::client
