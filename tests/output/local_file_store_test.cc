// The store of output files in a folder: names, removal, what is in use, what a crash leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gzip_fixture.h"
#include "output/closed_files.h"
#include "output/file_store.h"

namespace sluice::output {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class LocalFileStoreTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store_.reset();
    auto store = open_local_file_store(root_, {.block_size = 1000});
    ASSERT_TRUE(store) << store.error().detail;
    store_ = std::move(*store);
  }
  void write(std::string_view folder, std::string_view name,
             const std::vector<std::string>& lines) {
    auto writer = store_->create(folder, name);
    ASSERT_TRUE(writer) << writer.error().detail;
    for (const auto& line : lines) ASSERT_TRUE((*writer)->append_line(line));
    ASSERT_TRUE((*writer)->finish());
    ASSERT_TRUE(store_->sync_folder(folder));
  }
  std::string read(std::string_view folder, std::string_view name) {
    const auto file = store_->open(folder, name);
    if (!file) return std::string(to_string(file.error().kind));
    return *read_range(*file, 0, (*file)->info().uncompressed_size);
  }

  TemporaryFolder folder_;
  std::filesystem::path root_ = folder_ / "files";
  std::unique_ptr<FileStore> store_;
};

TEST_F(LocalFileStoreTest, AFinishedFileIsReadBackAlsoAfterOpeningAgain) {
  write("job-1", "Patient.0001.ndjson", {"{}", std::string(3000, 'x'), "last"});
  const std::string expected = "{}\n" + std::string(3000, 'x') + "\nlast\n";
  EXPECT_EQ(read("job-1", "Patient.0001.ndjson"), expected);
  reopen();
  EXPECT_EQ(read("job-1", "Patient.0001.ndjson"), expected);
}

TEST_F(LocalFileStoreTest, AHalfWrittenFileIsNotThere) {  // F-04
  auto writer = *store_->create("job", "f");
  ASSERT_TRUE(writer->append_line(std::string(5000, 'x')));
  EXPECT_EQ(read("job", "f"), "not-found");
  EXPECT_EQ(read("job", ".f.tmp"), "invalid");
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(read("job", "f").size(), 5001u);
}

TEST_F(LocalFileStoreTest, FilesAreFinishedTogetherAndNotThereBefore) {  // F-04
  std::vector<std::unique_ptr<FileWriter>> writers;
  for (int i = 0; i < 30; ++i) {
    auto writer = *store_->create("job", "f" + std::to_string(i));
    // Every third has more than one block, and so an index of its own.
    for (int line = 0; line < (i % 3 == 0 ? 5 : 1); ++line)
      ASSERT_TRUE(writer->append_line(std::string(600, 'x')));
    writers.push_back(std::move(writer));
    if (i % 2 == 0) {
      ASSERT_TRUE(writers.back()->close());
    }
  }
  EXPECT_EQ(writers[2]->info().uncompressed_size, 601u);
  EXPECT_GT(writers[2]->info().compressed_size, 0u);
  EXPECT_EQ(read("job", "f2"), "not-found");
  ASSERT_TRUE(store_->finish_all(writers));
  ASSERT_TRUE(store_->sync_folder("job"));
  reopen();
  for (int i = 0; i < 30; ++i)
    EXPECT_EQ(read("job", "f" + std::to_string(i)).size(), i % 3 == 0 ? 3005u : 601u) << i;
}

TEST_F(LocalFileStoreTest, OfFilesThatAreFinishedTogetherEachHasItsOwnLuck) {  // F-04
  std::vector<std::unique_ptr<FileWriter>> writers;
  for (const char* name : {"good", "lost", "also-good"}) {
    auto writer = *store_->create("job", name);
    ASSERT_TRUE(writer->append_line("{}"));
    writers.push_back(std::move(writer));
  }
  {
    const FileSizeLimit full(10);
    ASSERT_FALSE(writers[1]->close());
  }
  EXPECT_FALSE(store_->finish_all(writers));
  EXPECT_EQ(read("job", "good"), "{}\n");
  EXPECT_EQ(read("job", "lost"), "not-found");
  EXPECT_EQ(read("job", "also-good"), "{}\n");
}

TEST_F(LocalFileStoreTest, ClosedFilesAreFinishedWhenTheyAreMany) {
  ClosedFiles closed(*store_);
  for (std::size_t i = 0; i < ClosedFiles::kMax + 1; ++i) {
    auto writer = *store_->create("job", "f" + std::to_string(i));
    ASSERT_TRUE(writer->append_line("{}"));
    const auto info = closed.add(std::move(writer));
    ASSERT_TRUE(info);
    EXPECT_EQ(info->lines, 1u);
  }
  EXPECT_EQ(read("job", "f0"), "{}\n");
  const std::string last = "f" + std::to_string(ClosedFiles::kMax);
  EXPECT_EQ(read("job", last), "not-found");
  ASSERT_TRUE(closed.finish());
  EXPECT_EQ(read("job", last), "{}\n");
}

TEST_F(LocalFileStoreTest, WhatACrashLeftHalfWrittenGoesAtOpeningAndTheRestStays) {  // F-04
  write("job", "f", {"kept"});
  store_.reset();
  overwrite(root_ / "job/.g.tmp", "half");
  overwrite(root_ / "job/.g.idx.tmp", "half");
  overwrite(root_ / "job/.keep", "somebody's");
  reopen();
  EXPECT_THAT(names_in(folder_.path()),
              UnorderedElementsAre("files", "files/job", "files/job/f", "files/job/.keep"));
  EXPECT_EQ(read("job", "f"), "kept\n");
}

TEST_F(LocalFileStoreTest, NamesThatWouldLeaveTheFolderOrHideAreRefused) {
  overwrite(folder_ / "secret", "outside");
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("../secret"),
        std::string("a/b"), std::string("/etc/passwd"), std::string(".hidden"),
        std::string("a\0b", 3), std::string("a b"), std::string("a\\b"), std::string("\xc3\xa9"),
        std::string("a\n"), std::string(129, 'a'), std::string("a%2fb"), std::string("*")}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(store_->create("job", name).error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(store_->create(name, "f").error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(store_->open("job", name).error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(store_->open(name, "f").error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(store_->remove_file("job", name).error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(store_->remove_file(name, "f").error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(store_->remove_folder(name).error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(store_->sync_folder(name).error().kind, ErrorKind::kInvalid);
  }
  EXPECT_THAT(names_in(folder_.path()), UnorderedElementsAre("files", "secret"));
}

TEST_F(LocalFileStoreTest, TheLongestNameWorks) {
  const std::string name(128, 'n');
  write(name, name, {"x", std::string(2000, 'y'), "z"});
  EXPECT_EQ(read(name, name).size(), 2 + 2001 + 2u);
}

TEST_F(LocalFileStoreTest, RemovingAFolderRemovesItsFilesAndNoOthers) {
  write("one", "a", {std::string(2000, 'x'), "y"});
  write("one", "b", {"x"});
  write("two", "a", {"kept"});
  ASSERT_TRUE(store_->remove_folder("one"));
  EXPECT_EQ(read("one", "a"), "not-found");
  EXPECT_EQ(read("two", "a"), "kept\n");
  EXPECT_THAT(*store_->folders(), ElementsAre("two"));
  EXPECT_TRUE(store_->remove_folder("one")) << "again is no error";
}

TEST_F(LocalFileStoreTest, RemovingAFileRemovesItsIndexToo) {
  write("job", "f", {std::string(2000, 'x'), "y"});
  ASSERT_TRUE(std::filesystem::exists(root_ / "job/f.idx"));
  ASSERT_TRUE(store_->remove_file("job", "f"));
  EXPECT_TRUE(std::filesystem::is_empty(root_ / "job"));
  EXPECT_TRUE(store_->remove_file("job", "f")) << "again is no error";
}

TEST_F(LocalFileStoreTest, OpenFilesAreCountedUntilTheLastUserLetsGo) {
  write("job", "f", {"x"});
  EXPECT_EQ(store_->open_files("job"), 0u);
  auto first = *store_->open("job", "f");
  auto second = *store_->open("job", "f");
  auto copy = second;
  EXPECT_EQ(store_->open_files("job"), 2u);
  EXPECT_EQ(store_->open_files("other"), 0u);
  second.reset();
  EXPECT_EQ(store_->open_files("job"), 2u);
  copy.reset();
  EXPECT_EQ(store_->open_files("job"), 1u);
  // A download may outlive both its folder and the store.
  ASSERT_TRUE(store_->remove_folder("job"));
  store_.reset();
  EXPECT_EQ(*read_range(first, 0, 10), "x\n");
}

TEST_F(LocalFileStoreTest, AnOpenThatFailsDoesNotCount) {
  write("job", "f", {std::string(2000, 'x'), "y"});
  overwrite(root_ / "job/f.idx", "damaged");
  const auto file = store_->open("job", "f");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind, ErrorKind::kCorrupt);
  EXPECT_THAT(file.error().detail, HasSubstr("job/f"));
  EXPECT_EQ(store_->open_files("job"), 0u);
}

TEST_F(LocalFileStoreTest, OnlyFoldersWithANameOfOursAreListed) {
  EXPECT_THAT(*store_->folders(), IsEmpty());
  write("b", "f", {"x"});
  write("a", "f", {"x"});
  overwrite(root_ / "file", "no folder");
  std::filesystem::create_directory(root_ / "lost found");
  std::filesystem::create_directory(root_ / ".hidden");
  EXPECT_THAT(*store_->folders(), UnorderedElementsAre("a", "b"));
}

TEST_F(LocalFileStoreTest, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(read("job", "f"), "not-found");
  EXPECT_EQ(store_->sync_folder("job").error().kind, ErrorKind::kNotFound);
}

TEST(LocalFileStore, ARootThatCannotBeMadeIsAnError) {
  TemporaryFolder folder;
  overwrite(folder / "file", "in the way");
  EXPECT_FALSE(open_local_file_store(folder / "file/below"));
  EXPECT_FALSE(open_local_file_store(folder / "file"));
}

}  // namespace
}  // namespace sluice::output
