// What a folder's journal tells after it was opened again: files, validators, remarks (L-04).
#include "client/pull/pull_state.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "client/pull/unmatched_items.h"

namespace sluice::client {
namespace {

class PullStateTest : public testing::Test {
 protected:
  PullStateTest() {
    std::string name = testing::TempDir() + "pull_stateXXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~PullStateTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<PullState> open() const {
    auto state = PullState::open(folder_);
    EXPECT_TRUE(state) << state.error().message;
    return std::move(*state);
  }
  static ManifestItem item(FileKind kind, const std::string& type, const std::string& url) {
    ManifestItem item;
    item.kind = kind;
    item.type = type;
    item.url = url;
    return item;
  }

  std::filesystem::path folder_;
};

TEST_F(PullStateTest, L04ValidatorsAreKeptByteByByte) {
  const FileValidator latin{"\"caf\xe9\"", "Lundi, 5 f\xe9vrier", 99, {}};
  const FileValidator plain{"W/\"x\\xe9\"", "Mon, 23 Nov 2026 10:15:30 GMT", std::nullopt, {}};
  {
    const auto state = open();
    ASSERT_TRUE(state->begin_round("pull", "", {}, {}));
    ASSERT_TRUE(state->add_file(item(FileKind::kOutput, "Patient", "http://e/1")));
    ASSERT_TRUE(state->add_file(item(FileKind::kOutput, "Patient", "http://e/2")));
    ASSERT_TRUE(state->note_begin(0, latin, 0));
    ASSERT_TRUE(state->note_begin(1, plain, 0));
    ASSERT_TRUE(state->note_poll("caf\xe9"));
  }
  const auto state = open();
  ASSERT_EQ(state->round().files->size(), 2u);
  const FileState first = *state->round().files->at(0), second = *state->round().files->at(1);
  EXPECT_EQ(first.validator.etag, latin.etag);
  EXPECT_EQ(first.validator.last_modified, latin.last_modified);
  EXPECT_EQ(first.validator.total, 99u);
  EXPECT_EQ(second.validator.etag, plain.etag);
}

TEST_F(PullStateTest, L05ADroppedFileIsNeitherFoundNorListedAlsoAfterItWasOpenedAgain) {
  {
    const auto state = open();
    ASSERT_TRUE(state->begin_round("pull", "", {}, {}));
    ASSERT_TRUE(state->add_file(item(FileKind::kOutput, "Patient", "http://e/1")));
    ASSERT_TRUE(state->add_file(item(FileKind::kOutput, "Patient", "http://e/2")));
    ASSERT_TRUE(state->note_done(0, {"Patient.00001.ndjson", 1, 1, 1}));
    ASSERT_TRUE(state->drop_file(0));
    ASSERT_TRUE(state->add_file(item(FileKind::kOutput, "Patient", "http://e/1")));
  }
  const auto state = open();
  const auto& files = *state->round().files;
  ASSERT_EQ(files.size(), 3u);
  EXPECT_TRUE(files.at(0)->is_dropped);
  EXPECT_TRUE(files.is_done(0));
  EXPECT_EQ(files.find("http://e/1")->value(), 2u);
  std::string names;
  ASSERT_TRUE(files.each([&](std::size_t, const FileState& file) -> Result<void> {
    names += file.name + " ";
    return {};
  }));
  EXPECT_EQ(names, "Patient.00002.ndjson Patient.00003.ndjson ");
}

TEST_F(PullStateTest, L05AnItemIsAKnownFileByItsPlaceOnlyIfNoOtherHasIt) {
  const auto output = [](const std::string& url) {
    return item(FileKind::kOutput, "Patient", url);
  };
  UnmatchedItems items(folder_ / "unmatched");
  for (const char* url : {"http://e/a?s=2", "http://e/b?id=3", "http://e/c?s=2", "http://e/d?id=1",
                          "http://e/d?id=2", "http://e/a?s=2"})
    ASSERT_TRUE(items.add(output(url)));
  std::string told;
  ASSERT_TRUE(items.match({{place_key(output("http://e/a?s=1")), 7},
                           {place_key(output("http://e/b?id=1")), 8},
                           {place_key(output("http://e/b?id=2")), 9},
                           {place_key(output("http://e/d?id=0")), 10}},
                          [&](const ManifestItem& each, UnmatchedItems::Match match,
                              std::size_t index) -> Result<void> {
                            told += each.url.substr(9, 1);
                            if (match == UnmatchedItems::Match::kSame)
                              told += std::to_string(index);
                            if (match == UnmatchedItems::Match::kNew) told += "new";
                            told += " ";
                            return {};
                          }));
  EXPECT_EQ(told, "a7 b cnew d d a7 ");
}

TEST_F(PullStateTest, L13NamesSayTheTypeAndWhatIsNoDataStandsApart) {
  const auto state = open();
  ASSERT_TRUE(state->begin_round("pull", "", {}, {}));
  const auto name_of = [&](FileKind kind, const std::string& type) {
    const auto index = state->add_file(item(kind, type, "http://e/" + type));
    return index ? state->round().files->at(*index)->name : index.error().message;
  };
  EXPECT_EQ(name_of(FileKind::kOutput, "Patient"), "Patient.00001.ndjson");
  EXPECT_EQ(name_of(FileKind::kOutput, "Patient"), "Patient.00002.ndjson");
  EXPECT_EQ(name_of(FileKind::kOutput, "Observation"), "Observation.00001.ndjson");
  EXPECT_EQ(name_of(FileKind::kOutput, "../../etc"), "etc.00001.ndjson");
  EXPECT_EQ(name_of(FileKind::kOutput, ""), "resources.00001.ndjson");
  EXPECT_EQ(name_of(FileKind::kDeleted, "Bundle"), "deleted/Bundle.00001.jsonl");
  EXPECT_EQ(name_of(FileKind::kOutcome, "OperationOutcome"), "error/OperationOutcome.00001.jsonl");
  EXPECT_EQ(stray_name("Patient.00002.ndjson"), "error/Patient.00002.strays.jsonl");
}

TEST_F(PullStateTest, L04AllThatIsKnownOfAFileIsKnownAgain) {
  {
    const auto state = open();
    ASSERT_TRUE(state->begin_round("pull", "", {}, {}));
    auto file = item(FileKind::kOutput, "Patient", "http://e/1");
    file.count = 7;
    file.size = 700;
    ASSERT_TRUE(state->add_file(file));
    ASSERT_TRUE(state->add_file(item(FileKind::kDeleted, "Bundle", "http://e/d")));
    ASSERT_TRUE(state->set_url(0, "http://e/new"));
    ASSERT_TRUE(state->note_bytes(0, 300));
    FileSummary summary{"Patient.00001.ndjson", 6, 690, 88};
    summary.strays = 1;
    summary.stray_texts = {"line 3 is of type Device"};
    ASSERT_TRUE(state->note_done(0, summary));
    ManifestHead head;
    head.transaction_time = "2026-01-02T03:04:05Z";
    head.lists_deletions = true;
    head.organized_by = "Patient";
    ASSERT_TRUE(state->set_manifest(head, {1, 2, 1, {"_since is not known"}}, true));
  }
  for (int turn = 0; turn < 2; ++turn) {
    const auto state = open();
    const auto& round = state->round();
    ASSERT_EQ(round.files->size(), 2u);
    const FileState file = *round.files->at(0);
    EXPECT_EQ(file.item.url, "http://e/new");
    EXPECT_EQ(file.item.type, "Patient");
    EXPECT_EQ(file.item.count, 7u);
    EXPECT_EQ(file.item.size, 700u);
    EXPECT_TRUE(file.is_done);
    EXPECT_EQ(file.summary.lines, 6u);
    EXPECT_EQ(file.summary.received_size, 88u);
    EXPECT_EQ(file.summary.strays, 1u);
    EXPECT_EQ(file.summary.stray_texts, std::vector<std::string>{"line 3 is of type Device"});
    EXPECT_FALSE(round.files->at(1)->is_done);
    EXPECT_TRUE(round.has_manifest);
    EXPECT_TRUE(round.lists_deletions);
    EXPECT_EQ(round.organized_by, "Patient");
    EXPECT_EQ(round.remarks.missing, 1u);
    EXPECT_EQ(round.remarks.outcomes, 2u);
    EXPECT_EQ(round.remarks.texts, std::vector<std::string>{"_since is not known"});
  }
}

// After its end a long table stands in a file without a name.
TEST_F(PullStateTest, L15AFinishedRoundSaysOnDiskWhatItSaidInMemory) {
  constexpr std::size_t kFiles = 5000;
  const auto expect_all = [&](const PullState& state) {
    const auto& files = *state.round().files;
    ASSERT_EQ(files.size(), kFiles);
    std::size_t done = 0;
    ASSERT_TRUE(files.each([&](std::size_t index, const FileState& file) -> Result<void> {
      EXPECT_EQ(file.item.url, "http://e/" + std::to_string(index));
      EXPECT_EQ(file.item.kind, index == 4999 ? FileKind::kDeleted : FileKind::kOutput);
      if (file.is_done) {
        EXPECT_EQ(file.summary.lines, index);
        ++done;
      }
      return {};
    }));
    EXPECT_EQ(done, 2u);
    EXPECT_FALSE(files.at(kFiles));
  };
  {
    const auto state = open();
    ASSERT_TRUE(state->begin_round("pull", "", {}, {}));
    for (std::size_t i = 0; i < kFiles; ++i)
      ASSERT_TRUE(state->add_file(item(i == 4999 ? FileKind::kDeleted : FileKind::kOutput,
                                       "Patient", "http://e/" + std::to_string(i))));
    for (const std::size_t i : {0u, 4097u})
      ASSERT_TRUE(state->note_done(i, {"Patient.ndjson", i, 9, 9, 0, {}}));
    expect_all(*state);
    ASSERT_TRUE(state->finish_round());
    expect_all(*state);
  }
  const auto state = open();
  expect_all(*state);
  ASSERT_TRUE(state->note_sync({{"what", "done"}}));
  EXPECT_EQ(state->round().files->size(), 0u);
}

}  // namespace
}  // namespace sluice::client
