// The one way into the folders of the operator (I-03).
#include "bulk/import/import_folders.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "temporary_folder.h"

namespace sluice::bulk {
namespace {

namespace fs = std::filesystem;

class Folders : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "in/deep er");
    std::ofstream(folder_ / "in/a.ndjson") << "x";
    std::ofstream(folder_ / "in/deep er/b") << "x";
    std::ofstream(folder_ / "secret") << "x";
    auto opened = ImportFolders::open({(folder_ / "in/../in").string()});
    ASSERT_TRUE(opened) << opened.error().message;
    folders_ = std::move(*opened);
    base_ = "file://" + fs::canonical(folder_.path()).string();
  }

  ErrorKind check(const std::string& url) const {
    const auto checked = folders_.check(url);
    return checked ? ErrorKind::kInternal : checked.error().kind;
  }

  TemporaryFolder folder_;
  ImportFolders folders_;
  std::string base_;
};

TEST_F(Folders, I03OpensFilesBelowThem) {
  for (const char* name : {"/in/a.ndjson", "/in/deep%20er/b", "/%69n/a.ndjson"}) {
    EXPECT_TRUE(folders_.check(base_ + name)) << name;
    EXPECT_TRUE(folders_.open_file(base_ + name)) << name;
  }
}

TEST_F(Folders, I03RefusesOtherPlacesBySpelling) {
  for (const char* name : {"/secret", "/in", "/inn/a", "/i/n"})
    EXPECT_EQ(check(base_ + name), ErrorKind::kForbidden) << name;
  for (const char* name : {"/in/../secret", "/in/%2e%2e/secret", "/in/.%2E/secret", "/in//a.ndjson",
                           "/in/./a.ndjson", "/in/", "/in/..%2fsecret", "/in/a%00b", "/in/%zz",
                           "/in/%2", "/in/a?x", "/in/a#x", "/in/a\\b"})
    EXPECT_EQ(check(base_ + name), ErrorKind::kInvalid) << name;
  for (const char* url : {"file://localhost/in/a", "file:/in/a", "https://x/in/a", "/in/a", ""})
    EXPECT_EQ(check(url), ErrorKind::kInvalid) << url;
}

TEST_F(Folders, I03OpensRegularFilesOnlyAndFollowsNoLinks) {
  fs::create_symlink(folder_ / "secret", folder_ / "in/link");
  fs::create_symlink(folder_.path(), folder_ / "in/up");
  ASSERT_EQ(::mkfifo((folder_ / "in/pipe").c_str(), 0600), 0);
  for (const char* name : {"/in/link", "/in/up/secret", "/in/pipe", "/in/deep%20er", "/in/none"}) {
    const auto opened = folders_.open_file(base_ + name);
    ASSERT_FALSE(opened) << name;
    EXPECT_EQ(opened.error().kind, ErrorKind::kNotFound) << name;
    EXPECT_EQ(opened.error().message.find("secret"), std::string::npos);
  }
}

TEST_F(Folders, I03NothingIsListedByDefault) {
  EXPECT_EQ(ImportFolders().check(base_ + "/in/a.ndjson").error().kind, ErrorKind::kForbidden);
  EXPECT_EQ(ImportFolders::open({(folder_ / "none").string()}).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(ImportFolders::open({(folder_ / "secret").string()}).error().kind,
            ErrorKind::kNotFound);
}

}  // namespace
}  // namespace sluice::bulk
