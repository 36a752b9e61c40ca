// One input of an import, cut off at every checkpoint (I-03, I-04).
#include "bulk/import/import_shard.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/file.h"
#include "file_lines.h"
#include "load_fixture.h"

namespace sluice::bulk {
namespace {

class ImportShardTest : public LoadTest {
 protected:
  void SetUp() override {
    LoadTest::SetUp();
    files_ = *output::open_local_file_store(folder_ / "files");
    folders_ = *ImportFolders::open({folder_.string()});
    request_.base_url = "http://s/fhir";
    job_.id = std::string(32, 'a');
    shard_.weight = 1;
  }

  void input(std::string_view type, std::string url) {
    request_.inputs = {{*fhir::find_resource_type(type), std::move(url)}};
  }
  std::string url_of(const std::string& path) const {
    return "file://" + std::filesystem::canonical(path).string();
  }

  // What waits, stopped behind so many transactions; -1: only whether something waits.
  Result<bool> run_deferred(int stop_after) {
    const ImportParts all{.store = *store_,
                          .files = *files_,
                          .folders = folders_,
                          .spool = folder_ / "spool",
                          .fetch = fetch_,
                          .parse_pool = pool_,
                          .batch_size = 20'000};
    if (stop_after < 0) return has_deferred(all, request_, job_);
    std::stop_source stop;
    const auto begun = store_->last_commit().sequence.value;
    const std::jthread watch([&, begun](const std::stop_token& done) {
      while (stop_after > 0 && !done.stop_requested())
        if (store_->last_commit().sequence.value >= begun + static_cast<std::uint64_t>(stop_after))
          stop.request_stop();
    });
    const job::ShardContext context{.stop = stop.get_token(),
                                    .add_progress = [](std::uint64_t) {},
                                    .set_weight = [](std::uint64_t) {},
                                    .progressed = [] {},
                                    .others_wait = [] { return false; }};
    SLUICE_RETURN_IF_ERROR(run_deferred_import(all, request_, job_, context));
    return true;
  }

  // Stops at the checkpoint `stop_at`, counted from 1.
  Result<ImportResult> run(int stop_at = 0) {
    std::stop_source stop;
    int checkpoints = 0;
    std::atomic<int> reads = 0;
    job::ShardContext context{.stop = stop.get_token(),
                              .add_progress =
                                  [&](std::uint64_t) {
                                    if (++reads == stop_at_read_) stop.request_stop();
                                  },
                              .set_weight = [](std::uint64_t) {},
                              .progressed =
                                  [&] {
                                    if (++checkpoints == stop_at) stop.request_stop();
                                  },
                              .others_wait = [this] { return others_wait_; }};
    const ImportParts parts{.store = *store_,
                            .files = *files_,
                            .folders = folders_,
                            .spool = folder_ / "spool",
                            .fetch = fetch_,
                            .parse_pool = pool_,
                            .segment_size = segment_size_,
                            .batch_size = 1000,
                            .problems_max = problems_max_,
                            .long_turns = &long_turns_,
                            .turn_min = {}};
    return run_import_shard(parts, request_, job_, shard_, context);
  }

  std::vector<std::string> outcomes(const ImportResult& result) {
    return lines_of_file(*files_, job_.id, result.file);
  }

  // 1000 Patients of about 12,000 bytes, so several chunks; every hundredth line is none.
  static std::string many() {
    std::string text;
    const std::string long_text(12000, 'x');
    for (int i = 0; i < 1000; ++i)
      text += i % 100 == 50
                  ? "nonsense\n"
                  : R"({"resourceType":"Patient","id":"p)" + std::to_string(i) +
                        R"(","text":{"status":"generated","div":")" + long_text + R"("}})" + "\n";
    return text;
  }

  WorkerPool pool_{{.threads = 1, .queue_max = 64, .name = "parse", .nice = 0}};
  std::unique_ptr<output::FileStore> files_;
  ImportFolders folders_;
  FetchInput fetch_ = [](const auto&, int, auto&, const auto&, const auto&) -> Result<void> {
    return Error{ErrorKind::kUnavailable, "it answers 500"};
  };
  std::uint64_t segment_size_ = 4000;
  std::uint64_t problems_max_ = kProblemsMax;
  LongTurns long_turns_{1};
  int stop_at_read_ = 0;
  bool others_wait_ = false;
  ImportRequest request_;
  job::Job job_;
  job::Shard shard_;
};

TEST_F(ImportShardTest, I04CutOffAtAnyCheckpointItCountsEverythingOnce) {
  const std::string text = many();
  for (const std::string name : {"in.ndjson", "in.ndjson.gz"}) {
    input("Patient",
          url_of(file(name, name.ends_with(".gz") ? std::string_view(gzip(text)) : text)));
    job_.id = std::string(32, name.ends_with(".gz") ? 'b' : 'a');
    int cut_off = 0;
    Result<ImportResult> result = Error{ErrorKind::kCancelled, "not begun"};
    for (int round = 0; round < 200 && !result; ++round) {
      ASSERT_EQ(result.error().kind, ErrorKind::kCancelled);
      result = run(1 + round % 2);
      if (!result) ++cut_off;
    }
    ASSERT_TRUE(result);
    EXPECT_GE(cut_off, 3);
    const bool is_first = name == "in.ndjson";
    EXPECT_EQ(result->counts.created, is_first ? 990u : 0u);
    EXPECT_EQ(result->counts.unchanged, is_first ? 0u : 990u);
    EXPECT_EQ(result->counts.updated, 0u);
    EXPECT_EQ(result->problems, 10u);
    const auto lines = outcomes(*result);
    ASSERT_EQ(lines.size(), 10u);
    for (std::size_t i = 0; i < lines.size(); ++i)
      EXPECT_NE(lines[i].find("line " + std::to_string(100 * i + 51) + ":"), std::string::npos)
          << lines[i];
    // Once more after the end: the same answer and nothing done.
    const auto sequence = store_->last_commit().sequence;
    EXPECT_EQ(serialize(*run()), serialize(*result));
    EXPECT_EQ(store_->last_commit().sequence, sequence);
  }
  for (const auto& [key, version] : versions()) EXPECT_EQ(version, 1u) << key;
}

// R-01: whatever interrupts it, an input stops at the same line.
TEST_F(ImportShardTest, AnInputStopsAfterSoManyProblems) {
  problems_max_ = 3;
  input("Patient", url_of(file("in", many())));
  for (const int stop_at : {0, 1}) {
    job_.id = std::string(32, stop_at == 0 ? 'a' : 'b');
    Result<ImportResult> result = Error{ErrorKind::kCancelled, "not begun"};
    for (int round = 0; round < 200 && !result; ++round) result = run(stop_at);
    ASSERT_TRUE(result);
    // Lines 51, 151 and 251 are none: 248 of those before the last of them are.
    EXPECT_EQ(result->accepted(), 248u);
    EXPECT_EQ(result->problems, 4u);
    const auto lines = outcomes(*result);
    ASSERT_EQ(lines.size(), 4u);
    EXPECT_NE(lines[3].find("line 251: 3 problems: what follows is not loaded"), std::string::npos)
        << lines[3];
    EXPECT_NE(lines[3].find("too-costly"), std::string::npos);
  }
  EXPECT_EQ(versions().size(), 248u);
}

// R-01: whatever interrupts it, what is loaded with faults is all loaded, and told up to the limit.
TEST_F(ImportShardTest, TellsSoManyWarningsAndHowManyThereWere) {
  problems_max_ = 5;
  request_.leniency = fhir::Leniency::kLenient;
  std::string text;
  const std::string long_text(3000, 'x');
  for (int i = 0; i < 300; ++i)
    text +=
        fmt::format(
            R"({{"resourceType":"Patient","{}":1,"id":"p{}","text":{{"status":"generated","div":"{}"}}}})",
            i % 2 == 0 ? "x" : "_x", i, long_text) +
        "\n";
  input("Patient", url_of(file("in", text)));
  for (const int stop_at : {0, 1}) {
    job_.id = std::string(32, stop_at == 0 ? 'a' : 'b');
    Result<ImportResult> result = Error{ErrorKind::kCancelled, "not begun"};
    for (int round = 0; round < 400 && !result; ++round) result = run(stop_at);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->accepted(), 300u);
    const auto lines = outcomes(*result);
    ASSERT_EQ(lines.size(), 6u);
    EXPECT_EQ(result->problems, 6u);
    for (const auto& line : lines) EXPECT_NE(line.find("\"warning\""), std::string::npos) << line;
    EXPECT_NE(
        lines[5].find(": 300 resources were loaded with faults, of which the first 5 are told"),
        std::string::npos)
        << lines[5];
    EXPECT_NE(lines[5].find("too-costly"), std::string::npos);
  }
  EXPECT_EQ(versions().size(), 300u);
}

// What was committed of a segment is written again by the next run, but counted by the first.
TEST_F(ImportShardTest, I04CutOffWithinASegmentItCountsEverythingOnce) {
  segment_size_ = 64u << 20;
  input("Patient", url_of(file("in.ndjson", many())));
  std::uint64_t counted = 0;
  for (const int reads : {7, 8, 7, 8}) {
    stop_at_read_ = reads;
    EXPECT_EQ(run().error().kind, ErrorKind::kCancelled);
    const auto stored = store_->document(import_state_key(job_.id, 0));
    ASSERT_TRUE(stored && *stored) << "nothing was committed";
    const auto state = parse_import_state(**stored);
    ASSERT_TRUE(state) << **stored;
    EXPECT_EQ(state->segment, 0u);
    EXPECT_GE(state->counted, counted);
    EXPECT_EQ(state->so_far.counts.created, state->counted);
    counted = state->counted;
  }
  EXPECT_GT(counted, 0u);
  EXPECT_LT(counted, 990u);
  stop_at_read_ = 0;
  const auto result = run();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->counts.created, 990u);
  EXPECT_EQ(result->counts.unchanged, 0u);
  EXPECT_EQ(result->problems, 10u);
  EXPECT_EQ(outcomes(*result).size(), 10u);
}

TEST_F(ImportShardTest, I03AnotherTypeThanSaidIsAProblem) {
  input("Patient", url_of(file("in", R"({"resourceType":"Group","id":"g"})"
                                     "\n"
                                     R"({"resourceType":"Patient","id":"p"})"
                                     "\n")));
  const auto result = run();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->accepted(), 1u);
  EXPECT_EQ(result->problems, 1u);
  EXPECT_EQ(json("Group", "g"), "none");
}

// K-06: a slow source gives way to others, and goes on where it was.
TEST_F(ImportShardTest, ADownloadYieldsToOthersWhenItCanBeContinued) {
  const std::string text = many();
  input("Patient", "https://h.example/p");
  std::vector<std::uint64_t> started;
  const std::string validator = "\"v\"";
  fetch_ = [&](const std::string&, int fd, FetchedPart& part, const std::stop_token&,
               const auto& on_progress) -> Result<void> {
    started.push_back(part.received);
    EXPECT_EQ(part.validator, started.size() == 1 ? std::string() : validator);
    for (const std::size_t end : {text.size() / 2, text.size()}) {
      if (end <= part.received) continue;
      EXPECT_GE(::lseek(fd, static_cast<off_t>(part.received), SEEK_SET), 0);
      SLUICE_RETURN_IF_ERROR(
          write_all(fd, std::string_view(text).substr(part.received, end - part.received), "test"));
      part = {end, validator, text.size()};
      SLUICE_RETURN_IF_ERROR(on_progress(part));
    }
    return {};
  };
  others_wait_ = true;
  EXPECT_EQ(run().error().kind, ErrorKind::kCancelled);
  others_wait_ = false;
  const auto result = run();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->counts.created, 990u);
  EXPECT_EQ(started, (std::vector<std::uint64_t>{0, text.size() / 2}));
}

// R-02: sources that drip, and cannot be continued, must not have all threads.
TEST_F(ImportShardTest, R02OfDownloadsThatCannotBeContinuedSomeYieldToOthers) {
  const std::string text = R"({"resourceType":"Patient","id":"p"})"
                           "\n";
  input("Patient", "https://h.example/p");
  fetch_ = [&](const std::string&, int fd, FetchedPart& part, const std::stop_token&,
               const auto& on_progress) -> Result<void> {
    EXPECT_EQ(part.received, 0u);
    SLUICE_RETURN_IF_ERROR(write_all(fd, text, "test"));
    part = {text.size() / 2, "", text.size()};
    SLUICE_RETURN_IF_ERROR(on_progress(part));
    SLUICE_RETURN_IF_ERROR(on_progress(part));
    part.received = text.size();
    return on_progress(part);
  };
  others_wait_ = true;
  long_turns_.acquire();  // another download's
  EXPECT_EQ(run().error().kind, ErrorKind::kCancelled);
  long_turns_.release();
  const auto result = run();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->counts.created, 1u);
  EXPECT_TRUE(long_turns_.try_acquire()) << "given back";
}

// I-01 to I-04: references between the inputs of an import, cut off at every checkpoint.
TEST_F(ImportShardTest, ConditionalReferencesFindAllInputsWhateverIsCutOff) {
  std::string encounters;
  std::string practitioners;
  for (int i = 0; i < 300; ++i) {
    const auto number = std::to_string(i);
    encounters += R"({"resourceType":"Encounter","id":"e)" + number +
                  R"(","status":"finished","class":{},"participant":[{"individual":{"reference":)" +
                  R"("Practitioner?identifier=)" + number +
                  R"("}}],"text":{"status":"generated","div":")" + std::string(12'000, 'x') +
                  "\"}}\n";
    if (i != 7)
      practitioners += R"({"resourceType":"Practitioner","id":"p)" + number +
                       R"(","identifier":[{"value":")" + number + "\"}]}\n";
  }
  request_.inputs = {{*fhir::find_resource_type("Encounter"), url_of(file("e", encounters))},
                     {*fhir::find_resource_type("Practitioner"), url_of(file("p", practitioners))}};
  for (const unsigned number : {0u, 1u}) {
    shard_.number = number;
    Result<ImportResult> result = Error{ErrorKind::kCancelled, "not begun"};
    for (int round = 0; round < 200 && !result; ++round) result = run(1);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->counts.created, number == 0 ? 0u : 299u);
  }
  EXPECT_TRUE(*run_deferred(-1));
  // Stopped before its end, whatever was counted is counted once.
  Result<bool> done = Error{ErrorKind::kCancelled, "not begun"};
  for (int stop_after = 1; stop_after < 20 && !done; ++stop_after) done = run_deferred(stop_after);
  if (!done) done = run_deferred(0);
  ASSERT_TRUE(done);
  const auto state = *parse_import_state(**store_->document(import_state_key(job_.id, 0)));
  EXPECT_EQ(state.so_far.counts.created, 299u);
  EXPECT_EQ(state.so_far.problems, 1u);
  EXPECT_NE(outcomes(state.so_far)
                .at(0)
                .find("line 8: a conditional reference: Practitioner?identifier=... "
                      "finds nothing"),
            std::string::npos);
  EXPECT_EQ(json("Encounter", "e7"), "none");
  EXPECT_NE(json("Encounter", "e299").find(R"("reference":"Practitioner/p299")"),
            std::string::npos);
  for (const auto& [key, version] : versions()) EXPECT_EQ(version, 1u) << key;
}

TEST_F(ImportShardTest, ConditionalReferencesSearchWhatTheClientMaySearch) {  // A-05
  input("Encounter",
        url_of(file(
            "e", R"({"resourceType":"Encounter","id":"e","status":"finished","class":{},)"
                 R"("participant":[{"individual":{"reference":"Practitioner?identifier=1"}}]})")));
  request_.searchable = std::vector{*fhir::find_resource_type("Organization")};
  ASSERT_TRUE(run());
  ASSERT_TRUE(run_deferred(0));
  const auto state = *parse_import_state(**store_->document(import_state_key(job_.id, 0)));
  EXPECT_NE(outcomes(state.so_far).at(0).find("searching Practitioner is not allowed"),
            std::string::npos);
}

TEST_F(ImportShardTest, I03WhatCannotBeFetchedIsAProblemOfTheInput) {
  input("Patient", "https://h.example/p?sig=s3cret");
  const auto result = run();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->accepted(), 0u);
  const auto lines = outcomes(*result);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("it answers 500"), std::string::npos);
  EXPECT_EQ(lines[0].find("s3cret"), std::string::npos);
}

TEST_F(ImportShardTest, I04ADownloadGoesOnWhereItWasSaved) {
  const std::string text = many();
  input("Patient", "https://h.example/p");
  std::vector<std::uint64_t> started;
  fetch_ = [&](const std::string&, int fd, FetchedPart& part, const std::stop_token&,
               const auto& on_progress) -> Result<void> {
    started.push_back(part.received);
    if (started.size() == 1) {  // cut off before anything was saved
      SLUICE_RETURN_IF_ERROR(write_all(fd, "garbage", "test"));
      return Error{ErrorKind::kCancelled, "stopped"};
    }
    EXPECT_EQ(::lseek(fd, 0, SEEK_END), 0) << "what was not saved is gone";
    SLUICE_RETURN_IF_ERROR(write_all(fd, text, "test"));
    part = {text.size(), "\"v\"", text.size()};
    return on_progress(part);
  };
  EXPECT_EQ(run().error().kind, ErrorKind::kCancelled);
  EXPECT_EQ(run(2).error().kind, ErrorKind::kCancelled);  // fetched, and the first segment done
  const auto result = run();
  ASSERT_TRUE(result);
  EXPECT_EQ(started, (std::vector<std::uint64_t>{0, 0})) << "a whole download is not made again";
  EXPECT_EQ(result->counts.created, 990u);
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "spool" / job_.id));
}

}  // namespace
}  // namespace sluice::bulk
