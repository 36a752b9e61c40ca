// Where a load's bytes come from: cutting into lines, gzip in every arrival, what damage costs.
#include "bulk/load/load_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "load_fixture.h"

namespace sluice::bulk {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// All that a source gives, put together again.
struct Given {
  std::string text;
  std::vector<std::string> problems;  // "line: what"
  std::size_t chunks = 0;
  bool is_document = false;
};

Given read_all(LoadSource& source) {
  Given given;
  LoadChunk chunk;
  std::uint64_t line = 1;
  while (true) {
    const auto more = source.next(chunk);
    EXPECT_TRUE(more);
    if (!more || !*more) return given;
    if (!chunk.problem.empty()) {
      EXPECT_EQ(chunk.text, "");
      given.problems.push_back(std::to_string(chunk.first_line) + ": " + chunk.problem);
      line = chunk.first_line + 1;  // one whole line, if anything follows
      continue;
    }
    EXPECT_EQ(chunk.first_line, line);
    line += static_cast<std::uint64_t>(std::count(chunk.text.begin(), chunk.text.end(), '\n'));
    given.text += chunk.text;
    given.is_document |= chunk.is_document;
    ++given.chunks;
  }
}

class LoadSourceTest : public InputFolder {
 protected:
  Given read(std::string_view bytes, const SourceLimits& limits = {}) {
    const auto path = file("input", bytes);
    auto source = LoadSource::open(path, -1, limits);
    EXPECT_TRUE(source);
    auto given = read_all(**source);
    EXPECT_LE((*source)->bytes_read(), bytes.size());
    return given;
  }

  /// As from standard input: the bytes come in pieces of `step`.
  static Given read_pipe(std::string_view bytes, std::size_t step) {
    int fds[2];
    EXPECT_EQ(::pipe(fds), 0);
    std::jthread feeder([&] {
      for (std::size_t at = 0; at < bytes.size(); at += step) {
        const auto piece = bytes.substr(at, step);
        EXPECT_EQ(::write(fds[1], piece.data(), piece.size()), static_cast<ssize_t>(piece.size()));
        // Each piece is taken alone.
        for (int waiting = 1; waiting > 0; std::this_thread::yield())
          EXPECT_EQ(::ioctl(fds[1], FIONREAD, &waiting), 0);
      }
      ::close(fds[1]);
    });
    auto given = read_all(**LoadSource::open("-", fds[0]));
    feeder.join();
    ::close(fds[0]);
    return given;
  }
};

std::string lines_text(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text;
  while (text.size() < size) {
    text.append(random() % 300, static_cast<char>('a' + random() % 26));
    text += std::to_string(random()) + "\n";
  }
  return text;
}

TEST_F(LoadSourceTest, GivesLargeFilesInPiecesOfWholeLines) {
  const auto text = lines_text(5u << 20, 1);
  const auto given = read(text);
  EXPECT_TRUE(given.text == text);
  EXPECT_GE(given.chunks, 4u);
}

TEST_F(LoadSourceTest, GivesNothingOfAnEmptyOrBlankFile) {
  for (const std::string_view bytes : {"", "\n", "\r\n \n\t", "\xef\xbb\xbf", "\xef\xbb\xbf\n"}) {
    const auto given = read(bytes);
    EXPECT_EQ(given.chunks, 0u);
    EXPECT_THAT(given.problems, ElementsAre());
  }
  EXPECT_EQ(read(gzip("")).chunks, 0u);
}

TEST_F(LoadSourceTest, TakesTheByteOrderMarkAwayAndOnlyAtTheBeginning) {
  EXPECT_EQ(read("\xef\xbb\xbf{}\n\xef\xbb\xbf{}\n").text, "{}\n\xef\xbb\xbf{}\n");
  EXPECT_EQ(read(gzip("\xef\xbb\xbf{}\n")).text, "{}\n");
}

TEST_F(LoadSourceTest, SeesGzipByItsContentWhateverTheName) {
  const auto text = lines_text(3u << 20, 2);
  EXPECT_TRUE(read(gzip(text)).text == text);
}

TEST_F(LoadSourceTest, ReadsSeveralGzipMembersAsOneFile) {
  const auto one = lines_text(300'000, 3);
  EXPECT_TRUE(read(gzip(one) + gzip("{") + gzip("") + gzip("}\n") + gzip(one)).text ==
              one + "{}\n" + one);
}

TEST_F(LoadSourceTest, PassesOverZerosBehindGzip) {
  const auto given = read(gzip("{}\n") + std::string(1'000'000, '\0') + gzip("[]\n"));
  EXPECT_EQ(given.text, "{}\n[]\n");
  EXPECT_THAT(given.problems, ElementsAre());
}

TEST_F(LoadSourceTest, ReportsWhatIsNotGzipBehindGzip) {
  const auto given = read(gzip("{}\n{}\n") + "garbage behind the member");
  EXPECT_EQ(given.text, "{}\n{}\n");
  EXPECT_THAT(given.problems, ElementsAre("3: the gzip data are damaged"));
}

TEST_F(LoadSourceTest, InflatesContentsThatPackWellToTheLastByte) {
  // What the inflater holds back when its output has no room must not be lost at the end.
  for (std::size_t size = (1u << 20) - 300; size <= (1u << 20) + 300; size += 7) {
    const std::string text = std::string(size, 'x') + "\n";
    const auto given = read(gzip(text, 9));
    ASSERT_EQ(given.text.size(), text.size());
    ASSERT_THAT(given.problems, ElementsAre());
  }
  const std::string large = std::string(40u << 20, 'x') + "\n";
  SourceLimits limits;
  limits.resource_size_max = 64u << 20;
  EXPECT_TRUE(read(gzip(large, 9), limits).text == large);
}

TEST_F(LoadSourceTest, ReadsAPipeWhateverThePiecesAre) {
  const auto text = lines_text(20'000, 4);
  for (const std::size_t step : {1u, 2u, 3u, 7u, 1000u, 4096u}) {
    SCOPED_TRACE(step);
    const auto plain = read_pipe(text, step);
    EXPECT_TRUE(plain.text == text);
    const auto packed = read_pipe(gzip(text) + gzip("{}\n"), step);
    EXPECT_TRUE(packed.text == text + "{}\n");
    EXPECT_THAT(packed.problems, ElementsAre());
    EXPECT_EQ(read_pipe("\xef\xbb\xbf{}", step).text, "{}");
    EXPECT_EQ(read_pipe("{", step).text, "{");
  }
}

TEST_F(LoadSourceTest, GivesTheWholeLinesBeforeACutAndSaysWhereItIs) {
  const auto text = lines_text(3u << 20, 5);
  const auto bytes = gzip(text);
  for (const std::size_t left : {bytes.size() - 1, bytes.size() - 9, bytes.size() / 2,
                                 std::size_t{5000}, std::size_t{11}, std::size_t{5}}) {
    SCOPED_TRACE(left);
    const auto given = read(std::string_view(bytes).substr(0, left));
    ASSERT_TRUE(text.starts_with(given.text));
    EXPECT_TRUE(given.text.empty() || given.text.back() == '\n');
    const auto line = 1 + std::count(given.text.begin(), given.text.end(), '\n');
    EXPECT_THAT(given.problems,
                ElementsAre(std::to_string(line) + ": the gzip data end in the middle"));
    EXPECT_TRUE(left < bytes.size() / 3 || given.text.size() > text.size() / 4);
  }
}

TEST_F(LoadSourceTest, ReportsAWrongChecksum) {
  auto bytes = gzip("{}\n{}\n");
  bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 1);
  const auto given = read(bytes);
  EXPECT_THAT(given.problems, ElementsAre("3: the gzip data are damaged"));
}

TEST_F(LoadSourceTest, AnyDamagedByteOfGzipIsNoticedOrHarmless) {
  const auto text = lines_text(2000, 6);
  const auto bytes = gzip(text);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    const auto given = read(damaged);
    // Names, times and the like in the header carry no content; without its magic it is no gzip.
    if (i < 10) continue;
    ASSERT_EQ(given.problems.size(), 1u) << i;
  }
}

TEST_F(LoadSourceTest, PassesOverALineThatIsTooLongAndGoesOnBehindIt) {
  SourceLimits limits;
  limits.line_size_max = 500'000;
  limits.document_size_max = 1000;
  const std::string line(499'000, 'x');
  const std::string large(2u << 20, 'y');
  const auto given = read("a\n" + large + "\nb\n" + line + "\n" + large, limits);
  EXPECT_TRUE(given.text == "a\nb\n" + line + "\n");
  EXPECT_THAT(given.problems,
              ElementsAre("2: larger than 500000 bytes", "5: larger than 500000 bytes"));
  const auto packed = read(gzip("a\n" + large + large + "\nb\n"), limits);
  EXPECT_EQ(packed.text, "a\nb\n");
  EXPECT_THAT(packed.problems, ElementsAre("2: larger than 500000 bytes"));
}

TEST_F(LoadSourceTest, RefusesADocumentThatIsTooLarge) {
  SourceLimits limits;
  limits.line_size_max = limits.document_size_max = 1000;
  const auto given = read("{\n\"a\": \"" + std::string(1u << 20, 'x') + "\"}\n", limits);
  EXPECT_EQ(given.text, "");
  EXPECT_THAT(given.problems, ElementsAre("1: larger than 1000 bytes"));
}

// R-01: what no resource can be is passed over, not held.
TEST_F(LoadSourceTest, ALongLineIsHeldOnlyWhileItCanBeAGroupOrABundle) {
  SourceLimits limits;
  limits.resource_size_max = 300'000;
  limits.line_size_max = 3u << 20;
  const std::string list = "[\"" + std::string(1u << 20, 'x') + "\"]";
  const std::string held[] = {
      R"({"resourceType":"Group","member":)" + list + "}",
      R"({ "id" : "a\"}" , "resourceType" : "Bundle", "entry":)" + list + "}",
      R"({"characteristic":{"resourceType":"Patient"},"member":)" + list +
          R"(,"resourceType":"Group"})",
      R"({"entry":)" + list + R"(,"resourceType":"Bundle"})",
  };
  const std::string refused[] = {
      R"({"resourceType":"Patient","member":)" + list + "}",
      R"({"name":)" + list + R"(,"resourceType":"Group"})",
      R"({"entry":"[)" + std::string(1u << 20, 'x') + R"(","resourceType":"Bundle"})",
      R"([{"resourceType":"Group","member":)" + list + "}]",
      std::string(1u << 20, '{'),
      std::string(1u << 20, '"'),
      R"({"resourceType":"Group","member":["})" + std::string(4u << 20, 'x') + "\"]}",
  };
  for (const auto& line : held) {
    const auto given = read("{}\n" + line + "\r\n{}\n", limits);
    EXPECT_TRUE(given.text == "{}\n" + line + "\r\n{}\n") << line.substr(0, 60);
    EXPECT_THAT(given.problems, ElementsAre());
  }
  for (const auto& line : refused) {
    const auto given = read(gzip("{}\n" + line + "\n{}\n"), limits);
    EXPECT_EQ(given.text, "{}\n{}\n") << line.substr(0, 60);
    EXPECT_THAT(given.problems,
                ElementsAre(line.size() > (3u << 20) ? "2: larger than 3145728 bytes"
                                                     : "2: larger than 300000 bytes"));
  }
}

TEST_F(LoadSourceTest, AnImportHoldsLongLinesOfItsOwnTypeOnly) {  // R-01
  SourceLimits limits;
  limits.resource_size_max = 300'000;
  const std::string list = "[\"" + std::string(1u << 20, 'x') + "\"]";
  const std::string group = R"({"resourceType":"Group","member":)" + list + "}\n";
  const std::string bundle = R"({"resourceType":"Bundle","entry":)" + list + "}\n";
  limits.only_type = fhir::types::kPatient;
  EXPECT_THAT(read(group + bundle, limits).problems,
              ElementsAre("1: larger than 300000 bytes", "2: larger than 300000 bytes"));
  limits.only_type = fhir::types::kGroup;
  const auto given = read(group + bundle, limits);
  EXPECT_TRUE(given.text == group);
  EXPECT_THAT(given.problems, ElementsAre("2: larger than 300000 bytes"));
}

TEST_F(LoadSourceTest, OneLongLineIsHeldAtATimeInAProcess) {  // R-01
  LargeText large;
  SourceLimits limits;
  limits.resource_size_max = 300'000;
  limits.large = &large;
  const auto path =
      file("in", R"({"resourceType":"Group","member":[")" + std::string(1u << 20, 'x') + "\"]}\n");
  auto one = *LoadSource::open(path, -1, limits);
  auto other = *LoadSource::open(path, -1, limits);
  LoadChunk first;
  ASSERT_TRUE(*one->next(first));
  std::stop_source stop;
  auto third = *LoadSource::open(path, -1, limits);
  third->stop_with(stop.get_token());
  std::atomic<bool> is_free = false;
  std::jthread waiting([&] {
    LoadChunk chunk;
    EXPECT_TRUE(*other->next(chunk));
    EXPECT_TRUE(is_free);
  });
  std::jthread stopped([&] {
    LoadChunk chunk;
    EXPECT_EQ(third->next(chunk).error().kind, ErrorKind::kCancelled);
  });
  stop.request_stop();
  stopped.join();
  is_free = true;
  first = {};
  waiting.join();
}

// ---- pipes ----

TEST_F(LoadSourceTest, ANamedPipeWithoutAWriterCanBeInterrupted) {
  const auto path = (folder_ / "pipe").string();
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  auto source = LoadSource::open(path);
  ASSERT_TRUE(source);
  std::stop_source stop;
  (*source)->stop_with(stop.get_token());
  std::jthread reader([&] {
    LoadChunk chunk;
    EXPECT_EQ((*source)->next(chunk).error().kind, ErrorKind::kCancelled);
  });
  stop.request_stop();
}

TEST_F(LoadSourceTest, ANamedPipeIsReadFromItsFirstWriterToItsEnd) {
  const auto path = (folder_ / "pipe").string();
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  auto source = LoadSource::open(path);
  ASSERT_TRUE(source);
  const auto text = lines_text(300'000, 9);
  std::jthread writer([&] { std::ofstream(path, std::ios::binary) << text; });
  EXPECT_TRUE(read_all(**source).text == text);
}

TEST_F(LoadSourceTest, PassingOverALineWithoutEndCanBeInterrupted) {
  auto bytes = gzip("{\"a\":\"");
  for (int i = 0; i < 40; ++i) bytes += gzip(std::string(1u << 20, 'x'));
  const auto path = file("in.gz", bytes);
  auto source = *LoadSource::open(path);
  std::stop_source stop;
  source->stop_with(stop.get_token());
  stop.request_stop();
  LoadChunk chunk;
  EXPECT_EQ(source->next(chunk).error().kind, ErrorKind::kCancelled);
}

TEST_F(LoadSourceTest, TellsDocumentsFromLines) {
  const std::string_view documents[] = {
      "{\n\"a\":1}",
      " \n\r\n{ \r\n  \"a\": 1\n}\n",
      "{\"a\":{\"b\":1}\n,\"c\":2}",
      "{\"a\":[{\"b\":1},\n{\"b\":2}]}",
      "{\"entry\":[\n{\"resource\":{}}]}",
      "{\"a\":\n{}}",
      "{\"a\":\"}\",\n\"b\":1}",
      "{\"a\":\"\\\"}\",\n\"b\":1}",
  };
  for (const auto text : documents) {
    SCOPED_TRACE(text);
    const auto given = read(text);
    EXPECT_TRUE(given.is_document);
    EXPECT_EQ(given.text, text);
  }
  const std::string_view lines[] = {
      "{\"a\":1}",
      "{\"a\":1}\n{\"a\":2}\n",
      "{\"a\":\"{[\"}\n{\"a\":2}\n",
      "{nonsense\n{\"a\":2}\n",
      "{\"a\":1\n{\"a\":2}\n",
      "{\"a\":1,\n{\"a\":2}\n",
      "{\"a\":\"cut\n{\"a\":2}\n",
      "{\"a\":[1\n{\"a\":2}\n",
      "[\n{\"a\":2}\n",
      "nonsense\n{\"a\":2}\n",
  };
  for (const auto text : lines) {
    SCOPED_TRACE(text);
    const auto given = read(text);
    EXPECT_FALSE(given.is_document);
    EXPECT_EQ(given.text, text);
  }
}

TEST_F(LoadSourceTest, ListsFoldersByNameAndOnlyWhatCanBeLoaded) {
  for (const auto* name :
       {"in/b.ndjson", "in/a.json.gz", "in/c/d.jsonl", "in/c/e.ndjson.gz", "in/F.NDJSON",
        "in/g.Json.GZ", "in/x.csv", "in/y.gz", "in/ndjson", "in/z.ndjson.bz2", "other.txt"})
    file(name, "{}");
  std::filesystem::create_symlink("nowhere", folder_ / "in/link.ndjson");
  const auto in = (folder_ / "in").string();
  const auto other = (folder_ / "other.txt").string();
  std::vector<std::string> passed_over;
  const auto files =
      list_load_files({other, in, "-"}, [&](const auto& path) { passed_over.push_back(path); });
  ASSERT_TRUE(files);
  EXPECT_THAT(*files,
              ElementsAre(other, in + "/F.NDJSON", in + "/a.json.gz", in + "/b.ndjson",
                          in + "/c/d.jsonl", in + "/c/e.ndjson.gz", in + "/g.Json.GZ", "-"));
  EXPECT_THAT(passed_over, ElementsAre(in + "/link.ndjson", in + "/ndjson", in + "/x.csv",
                                       in + "/y.gz", in + "/z.ndjson.bz2"));
}

TEST_F(LoadSourceTest, NamesAPathThatIsNotThere) {
  const auto missing = (folder_ / "missing").string();
  const auto files = list_load_files({folder_.string(), missing});
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(files.error().message, HasSubstr(missing));
  EXPECT_FALSE(LoadSource::open(missing));
}

}  // namespace
}  // namespace sluice::bulk
