// Lines as they come, in any pieces: one JSON object each, of the type of their file (L-11).
#include "client/files/line_check.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/files/deletion_bundle.h"
#include "client/sync/copy_lines.h"

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

// Lists of ids have one on a line.
TEST(LineCheck, L11ResourcesWithControlCharactersInTheirIdsAreSortedOut) {
  for (const char* id : {R"(a\nb)", R"(\u001b[31m)", R"(\u0000)", "\x7f"}) {
    LineCheck check("Patient");
    ASSERT_TRUE(check.feed(std::string(R"({"resourceType":"Patient","id":")") + id + "\"}\n" +
                           kOne + "\n"));
    ASSERT_TRUE(check.finish());
    EXPECT_EQ(check.strays(), 1u) << id;
    ASSERT_EQ(check.stray_texts().size(), 1u);
    EXPECT_EQ(check.stray_texts()[0], "line 1 is a resource with a control character in its id");
  }
  LineCheck check("Patient");
  ASSERT_TRUE(check.feed(R"({"resourceType":"Patient","id":"\u00e4\/_"})"
                         "\n"));
  EXPECT_EQ(check.strays(), 0u) << "whatever else a server has for an id";
}

// A long line is scanned as its bytes come, a short one is parsed: both are the same line.
TEST(LineCheck, L15LongLinesAreJudgedAsShortOnes) {
  const std::string lines[] = {
      kOne,
      R"({"resourceType":"Observation","id":"o"})",
      R"({"id":"p2","nothing":[1,-2.5e3,true,false,null,{"id":5,"resourceType":"x"}]})",
      R"({"resourceType":"Patient"})",
      R"({"resourceType":"Patient","id":""})",
      R"({"resourceType":"Patient","id":"a","id":"b"})",
      R"({"resourceType":"Patient","id":"a","id":5})",
      R"({"resourceType":5,"resourceType":"Patient","id":"a"})",
      R"({"resourceType":"Patient","\u0069d":"a"})",
      R"({"resourceType":"Patient","id":"a\nb"})",
      R"({"resourceType":"Patient","id":"\u001b[31m"})",
      "{\"resourceType\":\"Patient\",\"id\":\"a\x7f\"}",
      R"({"resourc\u0065Type":"Patient","id":"a"})",
      R"({"resourceType":"P\u0061tient","id":"\u0061"})",
      R"({"resourceType":"OperationOutcome","issue":[]})",
      R"({"resourceType":"patient","id":"a"})",
      R"({"resourceType":"Parameters","parameter":[{"name":"header"}]})",
      R"({"resourceType":"Parameters","parameter":[{"name":"x"},{"name":"header"}]})",
      R"({"resourceType":"Parameters","parameter":[5,{"name":"header"}]})",
      R"({"resourceType":"Bundle","id":"b","entry":[{"request":{"method":"DELETE","url":"Patient/a"}}]})",
      R"({"resourceType":"Bundle","entry":[{"request":{"method":"PUT","url":"Patient/a"}},5]})",
      R"({"resourceType":"Bundle","entry":[{"request":{"method":"DELETE","url":"Patient?a=b"}}]})",
      R"({"resourceType":"Bundle","entry":[{"request":{}},{"resource":{}}]})",
      R"({"resourceType":"Bundle","entry":[[],{}]})",
      R"({"resourceType":"Bundle","entry":[{},[]]})",
      R"({"resourceType":"Bundle","entry":{"request":{"method":"DELETE","url":"Patient/a"}}})",
      R"({"resourceType":"Bundle","entry":5})",
      R"({"resourceType":"Patient","id":"a"}})",
      R"({"resourceType":"Patient","id":"a"} {})",
      R"({"resourceType":"Patient","id":"a","b":[1,]})",
      R"({"resourceType":"Patient","id":"a","b":01})",
      R"({"resourceType":"Patient","id":"a","b":"\ud800"})",
      "{\"resourceType\":\"Patient\",\"id\":\"a\",\"b\":\"\xff\"}",
      "{\"resourceType\":\"Patient\",\"id\":\"a\",\"b\":\"\t\"}",
      R"([{"resourceType":"Patient","id":"a"}])",
      R"({"resourceType":"Patient","id":"a")",
  };
  struct Kind {
    std::string type;
    LineKind lines;
  };
  for (const auto& kind :
       {Kind{"Patient", LineKind::kResources}, Kind{"", LineKind::kResources},
        Kind{"Bundle", LineKind::kDeletions}, Kind{"OperationOutcome", LineKind::kOutcomes}})
    for (const auto& line : lines) {
      const auto result_of = [&](const std::string& text, std::size_t piece) {
        LineCheck check(kind.type, kind.lines);
        std::string problem;
        for (std::size_t at = 0; problem.empty() && at < text.size(); at += piece)
          if (auto fed = check.feed(std::string_view(text).substr(at, piece)); !fed)
            problem = fed.error().message;
        if (problem.empty())
          if (const auto finished = check.finish(); !finished) problem = finished.error().message;
        std::string texts;
        for (const auto& each : check.stray_texts()) texts += each + "; ";
        return fmt::format("{}|{}|{}|{}|{}|{}|{}", problem, check.lines(), check.strays(),
                           check.foreign(), check.unclear(), check.block_headers(), texts);
      };
      const auto behind_brace = [&](const std::string& filling) {
        return line.substr(0, 1) + filling + line.substr(1);
      };
      const std::string expected = result_of("\xef\xbb\xbf" + line + "\r\n" + kOne, 100'000);
      for (const std::size_t piece : {65'537u, 5'000'000u}) {
        const std::string blank = behind_brace(std::string(kLongLine, ' '));
        EXPECT_EQ(result_of("\xef\xbb\xbf" + blank + "\r\n" + kOne, piece), expected) << line;
      }
      if (line.front() != '{') continue;
      const std::string many = behind_brace("\"a\":\"" + std::string(kLongLine - 20, 'x') +
                                            "\",\"b\":[" + std::string(40'000, '[') + "],");
      EXPECT_THAT(result_of(many + "\n" + kOne, 65'536), HasSubstr("is not one JSON object"))
          << line;
    }
}

// The bytes of a key may come in two pieces, and then it is no key in escapes.
TEST(LineCheck, L15ALongLineMayBeCutAnywhere) {
  const std::string line = "{" + std::string(kLongLine, ' ') + kOne.substr(1);
  for (std::size_t cut = line.size() - kOne.size(); cut < line.size(); ++cut) {
    LineCheck check("Patient");
    ASSERT_TRUE(check.feed(std::string_view(line).substr(0, cut)));
    ASSERT_TRUE(check.feed(std::string_view(line).substr(cut)));
    ASSERT_TRUE(check.finish());
    EXPECT_EQ(check.lines(), 1u) << cut;
    EXPECT_THAT(check.stray_texts(), ElementsAre()) << cut;
  }
}

TEST(LineCheck, L15ALineOfBlanksIsNoLineHoweverLong) {
  const auto checked = check(std::string(3 * kLongLine, ' ') + "\n" + kOne, 65'536);
  EXPECT_EQ(checked.problem, "");
  EXPECT_EQ(checked.lines, 1u);
}

TEST(LineScan, L06ReadsWhatABundleDeletes) {
  std::string line = R"({"resourceType":"Bundle","entry":[)";
  for (int i = 0; line.size() <= kLongLine; ++i)
    line +=
        fmt::format("{}{{\"request\":{{\"method\":\"DELETE\",\"url\":\"http://x/Patient/p{}\"}}}}",
                    i == 0 ? "" : ",", i);
  line += "]}";
  std::size_t count = 0;
  const auto taken = each_deletion(line, [&](const std::string& type, const std::string& id) {
    EXPECT_EQ(type + "/" + id, fmt::format("Patient/p{}", count));
    ++count;
    return Result<void>();
  });
  ASSERT_TRUE(taken);
  EXPECT_GT(count, 10'000u);
  line.replace(line.find("Bundle"), 6, "Bumble");
  EXPECT_FALSE(each_deletion(line, [](auto, auto) { return Result<void>(); }));
}

TEST(LineScan, L06ReadsTheKeyOfALongLine) {
  const std::string filling(kLongLine, 'x');
  const auto key = read_line_key(
      R"({"text":")" + filling +
      R"(","resourceType":"Patient","id":"a\u002d1","meta":{"lastUpdated":"2026-01-01T02:00:00\u002B02:00"}})");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->type, "Patient");
  EXPECT_EQ(key->id, "a-1");
  EXPECT_EQ(key->last_updated, Instant{1767225600000});
  EXPECT_FALSE(read_line_key(R"({"resourceType":"Patient","text":")" + filling + "\"}"));
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
