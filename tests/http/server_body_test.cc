// Files and streams on the wire, also when the client or the stream breaks off.
#include <gtest/gtest.h>

#include <thread>

#include "raw_client.h"

namespace sluice::http {
namespace {

std::string get(const std::string& path, const std::string& fields = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

class FileTest : public ServerTest {
 protected:
  static std::string file_bytes(std::size_t offset, std::size_t length) {
    std::string bytes(length, '\0');
    for (std::size_t i = 0; i < length; ++i) bytes[i] = file_byte(offset + i);
    return bytes;
  }
};

TEST_F(FileTest, SendsAWholeFileByteForByte) {  // F-08
  start();
  RawClient client(port());
  const Answer answer = client.ask(get("/file"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body == file_bytes(0, kFileSize));
  EXPECT_EQ(records(1)[0].bytes_sent, kFileSize);
}

TEST_F(FileTest, SendsExactlyTheRange) {  // F-03
  start();
  RawClient client(port());
  const Answer part = client.ask(get("/file", "Range: bytes=1000-1499999\r\n"));
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.header("Content-Range"), "bytes 1000-1499999/3000000");
  EXPECT_TRUE(part.body == file_bytes(1000, 1'499'000));
  const Answer tail = client.ask(get("/file", "Range: bytes=-1\r\nIf-Range: \"tag\"\r\n"));
  EXPECT_EQ(tail.status, 206);
  EXPECT_EQ(tail.body, file_bytes(kFileSize - 1, 1));
  const Answer beyond = client.ask(get("/file", "Range: bytes=3000000-\r\n"));
  EXPECT_EQ(beyond.status, 416);
  EXPECT_EQ(beyond.header("Content-Range"), "bytes */3000000");
  const Answer known = client.ask(get("/file", "If-None-Match: \"tag\"\r\n"));
  EXPECT_EQ(known.status, 304);
  EXPECT_EQ(known.header("ETag"), "\"tag\"");
}

TEST_F(FileTest, CutsTheConnectionWhenTheFileIsShorterThanSaid) {
  start();
  RawClient client(port());
  const Answer answer = client.ask(get("/long-file"));
  EXPECT_EQ(answer.body.size(), kFileSize);
  EXPECT_FALSE(answer.complete);
  EXPECT_TRUE(records(1)[0].aborted);
}

std::string expected_stream() {
  std::string expected;
  for (int i = 0; i < 30; ++i) expected.append(100'000, static_cast<char>('a' + i % 26));
  return expected;
}

TEST_F(ServerTest, SendsAStreamInChunks) {
  start();
  RawClient client(port());
  const Answer answer = client.ask(get("/stream"));
  EXPECT_EQ(answer.header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(answer.header("Content-Length"), "");
  EXPECT_TRUE(answer.complete);
  EXPECT_TRUE(answer.body == expected_stream());
  EXPECT_EQ(records(1)[0].bytes_sent, 3'000'000u);
  EXPECT_EQ(client.ask(get("/hello")).body, "hello");
}

TEST_F(ServerTest, EndsAStreamForHttp10WithTheConnection) {
  start();
  RawClient client(port());
  const Answer answer = client.ask("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(answer.header("Transfer-Encoding"), "");
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_TRUE(answer.body == expected_stream());
}

TEST_F(ServerTest, SendsAStreamOfKnownLengthUnchunked) {
  start();
  RawClient client(port());
  const Answer answer = client.ask(get("/sized-stream/3000000"));
  EXPECT_EQ(answer.header("Content-Length"), "3000000");
  EXPECT_TRUE(answer.body == expected_stream());
  EXPECT_EQ(client.ask(get("/hello")).body, "hello");
}

TEST_F(ServerTest, CutsAStreamThatIsNotAsLongAsSaid) {
  start();
  for (const char* path : {"/sized-stream/2999999", "/sized-stream/3000001"}) {
    RawClient client(port());
    EXPECT_FALSE(client.ask(get(path)).complete) << path;
    EXPECT_TRUE(client.sees_close());
  }
}

TEST_F(ServerTest, TellsAnErrorBeforeTheFirstByteOfAStream) {
  start();
  RawClient client(port());
  const Answer answer = client.ask(get("/broken-stream/0"));
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body, "storage: the disk is gone");
  EXPECT_EQ(client.ask(get("/hello")).body, "hello");
}

TEST_F(ServerTest, CutsAStreamThatFailsInTheMiddle) {
  start();
  RawClient client(port());
  const Answer answer = client.ask(get("/broken-stream/3"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.complete);
  EXPECT_TRUE(client.sees_close());
  EXPECT_TRUE(records(1)[0].aborted);

  RawClient old(port());
  old.send("GET /broken-stream/3 HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.receive(10), "HTTP/1.1 2");
  EXPECT_TRUE(records(2)[1].aborted);
}

TEST_F(ServerTest, OutlivesClientsThatVanishInTheMiddle) {
  start();
  for (const char* path : {"/big-file", "/large", "/endless"}) {
    RawClient client(port(), 8192);
    client.send(get(path));
    EXPECT_EQ(client.receive(20'000).size(), 20'000u) << path;
    client.close();
  }
  const auto all = records(3);
  for (const auto& record : all) {
    EXPECT_TRUE(record.aborted) << record.route;
    EXPECT_EQ(record.status, 200);
  }
  EXPECT_TRUE(wait_for_connections(0));
  RawClient client(port());
  EXPECT_EQ(client.ask(get("/hello")).body, "hello");
}

TEST_F(ServerTest, RecordsClientsThatVanishWhileSending) {
  start();
  {
    RawClient client(port());
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
  }
  const auto all = records(1);
  EXPECT_TRUE(all[0].aborted);
  EXPECT_EQ(all[0].method, "POST");
  EXPECT_EQ(all[0].status, 0);
}

TEST_F(ServerTest, AnswersAClientThatHasShutDownItsSide) {
  start();
  RawClient client(port());
  client.send(get("/file"));
  client.shutdown_send();
  EXPECT_EQ(client.read().body.size(), kFileSize);
}

TEST_F(ServerTest, ServesASlowReaderAsLongAsItReads) {
  ServerOptions options;
  options.write_timeout = std::chrono::seconds(1);
  start(options);
  RawClient client(port(), 8192);
  client.send(get("/large"));
  const auto begun = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(2500)) {
    ASSERT_EQ(client.receive(20'000).size(), 20'000u);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(server_->connections(), 1u);
}

TEST_F(ServerTest, CutsAReaderThatStandsStill) {
  ServerOptions options;
  options.write_timeout = std::chrono::milliseconds(200);
  start(options);
  for (const char* path : {"/big-file", "/large", "/endless"}) {
    RawClient client(port(), 8192);
    client.send(get(path));
    client.receive(1);
    EXPECT_TRUE(wait_for_connections(0)) << path;
  }
  for (const auto& record : records(3)) EXPECT_TRUE(record.aborted);
}

}  // namespace
}  // namespace sluice::http
