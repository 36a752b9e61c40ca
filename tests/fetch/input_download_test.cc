// Large files of other servers: guarded, bounded, taken up where they were cut (I-03).
#include "fetch/input_download.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "scripted_server.h"
#include "temporary_folder.h"

namespace sluice::client {
namespace {

using namespace std::chrono_literals;

std::string whole(const std::string& body, const std::string& headers = "") {
  return http_ok(headers, body);
}

class InputDownload : public testing::Test {
 protected:
  void SetUp() override {
    limits_.allow_private = true;
    limits_.retry_delay = 1ms;
    limits_.attempts_max = 2;
    fd_ = FileDescriptor(::open((folder_ / "f").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  }
  Result<void> download(const std::string& url) {
    return download_input(url, fd_.get(), file_, limits_, stop_.get_token(),
                          [](const PartialFile&) { return Result<void>(); });
  }
  ErrorKind failure(const std::string& url) {
    const auto done = download(url);
    EXPECT_FALSE(done);
    if (done) return ErrorKind::kInternal;
    EXPECT_EQ(done.error().message.find("s3cret"), std::string::npos) << done.error().message;
    return done.error().kind;
  }
  std::string content() const { return *read_file(folder_ / "f"); }

  TemporaryFolder folder_;
  FileDescriptor fd_;
  PartialFile file_;
  DownloadLimits limits_;
  std::stop_source stop_;
};

TEST_F(InputDownload, I03GoesOnWhereItWasCut) {
  ScriptedServer server(
      {http_answer("200 OK", "ETag: \"v1\"\r\n", "0123", 10),
       http_answer("206 Partial Content", "ETag: \"v1\"\r\nContent-Range: bytes 4-9/10\r\n",
                   "456789", 6)});
  ASSERT_TRUE(download(server.url("/f?sig=s3cret")));
  EXPECT_EQ(content(), "0123456789");
  EXPECT_EQ(file_.received, 10u);
  const auto asked = server.asked();
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_NE(asked[1].find("Range: bytes=4-\r\n"), std::string::npos) << asked[1];
  EXPECT_NE(asked[1].find("If-Range: \"v1\"\r\n"), std::string::npos);
}

// it would stand in the import's document.
TEST_F(InputDownload, R03AValidatorThatIsNotUtf8IsNone) {
  ScriptedServer server({whole("0123456789", "ETag: \"\xfc\"\r\nLast-Modified: \xfc\r\n")});
  ASSERT_TRUE(download(server.url("/f")));
  EXPECT_EQ(content(), "0123456789");
  EXPECT_EQ(file_.validator, "");
}

TEST_F(InputDownload, I03WhatChangedIsFetchedAnew) {
  ScriptedServer server(
      {http_answer("200 OK", "ETag: \"v1\"\r\n", "0123", 10), whole("new", "ETag: \"v2\"\r\n")});
  ASSERT_TRUE(download(server.url("/f?sig=s3cret")));
  EXPECT_EQ(content(), "new");
  EXPECT_EQ(file_.validator, "\"v2\"");
}

TEST_F(InputDownload, I03WithoutAValidatorItBeginsAgain) {
  ScriptedServer server(
      {http_answer("200 OK", "ETag: W/\"v1\"\r\n", "0123", 10), whole("0123456789")});
  ASSERT_TRUE(download(server.url("/f?sig=s3cret")));
  EXPECT_EQ(content(), "0123456789");
  EXPECT_EQ(server.asked()[1].find("Range:"), std::string::npos);
}

TEST_F(InputDownload, I03APartThatWasNotAskedForIsNotTaken) {
  ScriptedServer server(
      {http_answer("200 OK", "ETag: \"v1\"\r\n", "0123", 10),
       http_answer("206 Partial Content", "Content-Range: bytes 2-9/10\r\n", "23456789", 8)});
  EXPECT_EQ(failure(server.url("/f?sig=s3cret")), ErrorKind::kUnavailable);
  EXPECT_EQ(content(), "0123");
}

std::string part(const std::string& range, const std::string& body,
                 const std::string& headers = "ETag: \"v1\"\r\n") {
  return http_answer("206 Partial Content", headers + "Content-Range: bytes " + range + "\r\n",
                     body, body.size());
}

TEST_F(InputDownload, I03APartThatIsShorterThanAskedForIsNotTheRest) {
  ScriptedServer server({http_answer("200 OK", "ETag: \"v1\"\r\n", "0123", 10),
                         part("4-6/10", "456"), part("7-9/10", "789")});
  ASSERT_TRUE(download(server.url("/f?sig=s3cret")));
  EXPECT_EQ(content(), "0123456789");
  ASSERT_EQ(server.asked().size(), 3u);
  EXPECT_NE(server.asked()[2].find("Range: bytes=7-\r\n"), std::string::npos);
}

TEST_F(InputDownload, I03APartThatComesUnaskedIsNotTheWhole) {
  ScriptedServer server({part("0-3/10", "0123"), part("4-9/10", "456789")});
  ASSERT_TRUE(download(server.url("/f?sig=s3cret")));
  EXPECT_EQ(content(), "0123456789");
  file_ = {};
  ScriptedServer endless({part("0-3/10", "0123", "")});
  EXPECT_EQ(failure(endless.url("/f?sig=s3cret")), ErrorKind::kUnavailable);
}

TEST_F(InputDownload, I03APartOfWhatChangedIsNotAppended) {
  for (const char* const other : {"ETag: \"v2\"\r\n", "Last-Modified: Tue, 01 Dec 2026\r\n"}) {
    file_ = {};
    const std::string one =
        *other == 'E' ? "ETag: \"v1\"\r\n" : "Last-Modified: Mon, 30 Nov 2026\r\n";
    ScriptedServer server({http_answer("200 OK", one, "0123", 10), part("4-9/10", "efghij", other),
                           whole("abcdefghij", other)});
    ASSERT_TRUE(download(server.url("/f?sig=s3cret")));
    EXPECT_EQ(content(), "abcdefghij");
    EXPECT_EQ(server.asked()[2].find("Range:"), std::string::npos);
  }
}

TEST_F(InputDownload, I03APartOfAnotherSizeIsNotAppended) {
  ScriptedServer server({http_answer("200 OK", "ETag: \"v1\"\r\n", "0123", 10),
                         part("4-6/7", "efg"), whole("abcdefg")});
  ASSERT_TRUE(download(server.url("/f?sig=s3cret")));
  EXPECT_EQ(content(), "abcdefg");
}

TEST_F(InputDownload, I03TriesTransientAnswersAgainAndOthersNot) {
  ScriptedServer busy({http_answer("503 Busy", "", "", 0), whole("x")});
  ASSERT_TRUE(download(busy.url("/f?sig=s3cret")));
  EXPECT_EQ(content(), "x");
  file_ = {};
  ScriptedServer gone({http_answer("404 Not Found", "", "no", 2)});
  EXPECT_EQ(failure(gone.url("/f?sig=s3cret")), ErrorKind::kUnavailable);
  EXPECT_EQ(gone.asked().size(), 1u);
  ScriptedServer always({http_answer("503 Busy", "", "", 0)});
  EXPECT_EQ(failure(always.url("/f?sig=s3cret")), ErrorKind::kUnavailable);
  EXPECT_EQ(always.asked().size(), 2u);
}

TEST_F(InputDownload, I03FollowsNoRedirect) {
  ScriptedServer target({whole("x")});
  ScriptedServer server(
      {http_answer("302 Found", "Location: " + target.url("/f?sig=s3cret") + "\r\n", "", 0)});
  EXPECT_EQ(failure(server.url("/f?sig=s3cret")), ErrorKind::kUnavailable);
  EXPECT_TRUE(target.asked().empty());
}

TEST_F(InputDownload, I03PrivateAddressesAreNotConnectedTo) {
  ScriptedServer server({whole("x")});
  limits_.allow_private = false;
  EXPECT_EQ(failure(server.url("/f?sig=s3cret")), ErrorKind::kInvalid) << "http";
  const std::string https = "https" + server.url("/f?sig=s3cret").substr(4);
  EXPECT_EQ(failure(https), ErrorKind::kForbidden);
  EXPECT_EQ(failure("https://localhost" + https.substr(https.rfind(':'))), ErrorKind::kForbidden);
  EXPECT_EQ(failure("https://[::1]:1/"), ErrorKind::kForbidden);
  EXPECT_EQ(failure("file:///etc/passwd"), ErrorKind::kInvalid);
  EXPECT_TRUE(server.asked().empty());
}

TEST_F(InputDownload, I05IsBoundedInSizeAndTimeAndCanBeStopped) {
  ScriptedServer server({whole("0123456789")});
  limits_.size_max = 9;
  EXPECT_EQ(failure(server.url("/f?sig=s3cret")), ErrorKind::kTooLarge);
  ScriptedServer packed({whole("x", "Content-Encoding: br\r\n")});
  EXPECT_EQ(failure(packed.url("/f?sig=s3cret")), ErrorKind::kUnsupported);
  ScriptedServer busy({http_answer("503 Busy", "", "", 0)});
  limits_.attempts_max = 1000;
  limits_.retry_delay = 10s;
  std::jthread stopper([&] {
    while (busy.asked().empty()) std::this_thread::sleep_for(1ms);
    stop_.request_stop();
  });
  EXPECT_EQ(failure(busy.url("/f?sig=s3cret")), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace sluice::client
