// Where a request's head ends and which heads are refused before anything is
// parsed.
#include "http/request_head.h"

#include <gtest/gtest.h>

#include "http/forwarded.h"
#include "http/response_head.h"

namespace sluice::http {
namespace {

using State = HeadScanner::State;

TEST(HeadScanner, FindsTheEndHoweverTheBytesArrive) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string bytes = head + "POST /next";
  HeadScanner scanner;
  for (std::size_t size = 0; size < head.size(); ++size)
    ASSERT_EQ(scanner.scan(std::string_view(bytes).substr(0, size)), State::kMore) << size;
  EXPECT_EQ(scanner.scan(bytes), State::kComplete);
  EXPECT_EQ(scanner.head_size(), head.size());
}

TEST(HeadScanner, RefusesStrayLineEndsAndControlCharactersAtOnce) {
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\n"), std::string("GET /\rX"), std::string("\x16\x03\x01"),
        std::string("GET / HTTP/1.1\r\nA: \0", 20), std::string("G\x7f")}) {
    HeadScanner scanner;
    EXPECT_EQ(scanner.scan(bytes), State::kMalformed);
  }
}

TEST(CheckLines, GivesTheExactStatus) {
  const auto status = [](std::string line) {
    const auto refusal = check_lines(line + "\r\nHost: a\r\n\r\n");
    return refusal ? refusal->status : 0;
  };
  EXPECT_EQ(status("GET / HTTP/1.1"), 0);
  EXPECT_EQ(status("GET / HTTP/1.0"), 0);
  EXPECT_EQ(status("BREW / HTTP/1.1"), 501);
  EXPECT_EQ(status("get / HTTP/1.1"), 501);
  EXPECT_EQ(status("GET / HTTP/2.0"), 505);
  EXPECT_EQ(status("GET / HTTP/0.9"), 505);
  EXPECT_EQ(status("GET /"), 400);
  EXPECT_EQ(status("GET  / HTTP/1.1"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1 "), 400);
  EXPECT_EQ(status("GET / http/1.1"), 400);
  EXPECT_EQ(status("G@T / HTTP/1.1"), 400);
}

TEST(CanonicalAddress, UnwrapsMappedAddresses) {
  EXPECT_EQ(canonical_address("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(canonical_address("2001:DB8:0::1"), "2001:db8::1");
  EXPECT_EQ(canonical_address("not an address"), "");
}

TEST(WriteHead, NeverLetsAHandlerInjectALine) {
  Response response;
  response.headers.add("X-Evil", "a\r\nSet-Cookie: b");
  response.headers.add("Bad Name", "x");
  response.headers.add("X\r\nY", "x");
  response.headers.add("Content-Length", "999");
  const std::string head = write_head(response, frame_of(response, false, true), "S", "id");
  EXPECT_NE(head.find("X-Evil: a  Set-Cookie: b\r\n"), std::string::npos);
  EXPECT_EQ(head.find("\nSet-Cookie"), std::string::npos);
  EXPECT_EQ(head.find("Bad Name"), std::string::npos);
  EXPECT_EQ(head.find("\nY:"), std::string::npos);
  EXPECT_EQ(head.find("999"), std::string::npos);
}

}  // namespace
}  // namespace sluice::http
