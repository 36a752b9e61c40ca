// Ranges, conditions and Accept-Encoding (RFC 9110 12.5.3, 13, 14).
#include "http/byte_range.h"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

constexpr std::string_view kEtag = "\"abc\"";
// Mon, 23 Nov 2026 10:15:30.125 UTC
constexpr Instant kModified{1795428930125};

Request get(NameValues headers) {
  Request request;
  request.method = "GET";
  for (auto& [name, value] : headers) request.headers.add(name, value);
  return request;
}

struct RangeCase {
  const char* range;
  std::uint64_t size;
  int status;
  std::uint64_t offset;
  std::uint64_t length;
};

class ByteRangeTable : public testing::TestWithParam<RangeCase> {};

TEST_P(ByteRangeTable, DecidesByTheRangeHeader) {  // F-03
  const RangeCase& c = GetParam();
  const auto decision = decide_range(get({{"Range", c.range}}), kEtag, kModified, c.size);
  EXPECT_EQ(decision.status, c.status) << c.range;
  EXPECT_EQ(decision.range.offset, c.offset) << c.range;
  EXPECT_EQ(decision.range.length, c.length) << c.range;
}

INSTANTIATE_TEST_SUITE_P(
    Ranges, ByteRangeTable,
    testing::Values(
        RangeCase{"bytes=0-0", 100, 206, 0, 1}, RangeCase{"bytes=0-99", 100, 206, 0, 100},
        RangeCase{"bytes=10-19", 100, 206, 10, 10}, RangeCase{"bytes=90-", 100, 206, 90, 10},
        RangeCase{"bytes=99-1000", 100, 206, 99, 1}, RangeCase{"bytes=-10", 100, 206, 90, 10},
        RangeCase{"bytes=-1000", 100, 206, 0, 100}, RangeCase{"BYTES=0-1", 100, 206, 0, 2},
        RangeCase{"bytes= 5-9 ", 100, 206, 5, 5}, RangeCase{"bytes=5-9,", 100, 206, 5, 5},
        RangeCase{"bytes=0-18446744073709551615", 100, 206, 0, 100},
        RangeCase{"bytes=0-99999999999999999999999", 100, 206, 0, 100},
        RangeCase{"bytes=-99999999999999999999999", 100, 206, 0, 100},
        RangeCase{"bytes=100-", 100, 416, 0, 0}, RangeCase{"bytes=100-200", 100, 416, 0, 0},
        RangeCase{"bytes=18446744073709551615-", 100, 416, 0, 0},
        RangeCase{"bytes=99999999999999999999999-", 100, 416, 0, 0},
        RangeCase{"bytes=-0", 100, 416, 0, 0}));

INSTANTIATE_TEST_SUITE_P(
    Ignored, ByteRangeTable,
    testing::Values(
        RangeCase{"bytes=5-2", 100, 200, 0, 100}, RangeCase{"bytes=0-1,5-6", 100, 200, 0, 100},
        RangeCase{"bytes=", 100, 200, 0, 100}, RangeCase{"bytes", 100, 200, 0, 100},
        RangeCase{"bytes=-", 100, 200, 0, 100}, RangeCase{"bytes=a-b", 100, 200, 0, 100},
        RangeCase{"bytes=1", 100, 200, 0, 100}, RangeCase{"bytes=+1-2", 100, 200, 0, 100},
        RangeCase{"bytes=1-2x", 100, 200, 0, 100}, RangeCase{"bytes=--1", 100, 200, 0, 100},
        RangeCase{"bytes=1 - 2", 100, 200, 0, 100}, RangeCase{"lines=1-2", 100, 200, 0, 100},
        RangeCase{"", 100, 200, 0, 100}));

INSTANTIATE_TEST_SUITE_P(EmptyFile, ByteRangeTable,
                         testing::Values(RangeCase{"bytes=0-", 0, 416, 0, 0},
                                         RangeCase{"bytes=0-0", 0, 416, 0, 0},
                                         RangeCase{"bytes=-5", 0, 200, 0, 0},
                                         RangeCase{"bytes=-0", 0, 416, 0, 0}));

TEST(DecideRange, SendsTheWholeWithoutRange) {
  const auto decision = decide_range(get({}), kEtag, kModified, 42);
  EXPECT_EQ(decision.status, 200);
  EXPECT_EQ(decision.range.length, 42u);
}

TEST(DecideRange, IgnoresRangeForOtherMethodsAndWhenRepeated) {
  Request head = get({{"Range", "bytes=0-1"}});
  head.method = "HEAD";
  EXPECT_EQ(decide_range(head, kEtag, kModified, 42).status, 200);
  EXPECT_EQ(
      decide_range(get({{"Range", "bytes=0-1"}, {"Range", "bytes=2-3"}}), kEtag, kModified, 42)
          .status,
      200);
}

TEST(DecideRange, HonoursIfRangeOnlyForTheVeryRepresentation) {  // F-03
  const auto status = [](const char* if_range) {
    return decide_range(get({{"Range", "bytes=0-1"}, {"If-Range", if_range}}), kEtag, kModified, 42)
        .status;
  };
  EXPECT_EQ(status("\"abc\""), 206);
  EXPECT_EQ(status("\"other\""), 200);
  EXPECT_EQ(status("W/\"abc\""), 200);
  EXPECT_EQ(status("Mon, 23 Nov 2026 10:15:30 GMT"), 206);
  EXPECT_EQ(status("Mon, 23 Nov 2026 10:15:29 GMT"), 200);
  EXPECT_EQ(status("Mon, 23 Nov 2026 10:15:31 GMT"), 200);
  EXPECT_EQ(status("abc"), 200);
}

TEST(DecideRange, FollowsThePrecedenceOfConditions) {
  const auto status = [](NameValues headers, const char* method = "GET") {
    Request request = get(std::move(headers));
    request.method = method;
    return decide_range(request, kEtag, kModified, 42).status;
  };
  EXPECT_EQ(status({{"If-None-Match", "\"abc\""}}), 304);
  EXPECT_EQ(status({{"If-None-Match", "\"x,y\", W/\"abc\""}}), 304);
  EXPECT_EQ(status({{"If-None-Match", "*"}}), 304);
  EXPECT_EQ(status({{"If-None-Match", "*"}}, "PUT"), 412);
  EXPECT_EQ(status({{"If-None-Match", "\"x\""}}), 200);
  EXPECT_EQ(status({{"If-Match", "\"abc\""}}), 200);
  EXPECT_EQ(status({{"If-Match", "W/\"abc\""}}), 412);
  EXPECT_EQ(status({{"If-Match", "\"x\""}}), 412);
  EXPECT_EQ(status({{"If-Match", "*"}}), 200);
  EXPECT_EQ(status({{"If-Modified-Since", "Mon, 23 Nov 2026 10:15:30 GMT"}}), 304);
  EXPECT_EQ(status({{"If-Modified-Since", "Mon, 23 Nov 2026 10:15:29 GMT"}}), 200);
  EXPECT_EQ(status({{"If-Modified-Since", "yesterday"}}), 200);
  EXPECT_EQ(status({{"If-Unmodified-Since", "Mon, 23 Nov 2026 10:15:30 GMT"}}), 200);
  EXPECT_EQ(status({{"If-Unmodified-Since", "Mon, 23 Nov 2026 10:15:29 GMT"}}), 412);
  // The tag outranks the date.
  EXPECT_EQ(
      status({{"If-None-Match", "\"x\""}, {"If-Modified-Since", "Mon, 23 Nov 2026 10:15:30 GMT"}}),
      200);
  EXPECT_EQ(
      status({{"If-Match", "\"abc\""}, {"If-Unmodified-Since", "Mon, 23 Nov 2026 10:15:29 GMT"}}),
      200);
  // A condition that holds leaves the range alone, one that fails outranks it.
  EXPECT_EQ(status({{"If-Match", "\"abc\""}, {"Range", "bytes=0-1"}}), 206);
  EXPECT_EQ(status({{"If-None-Match", "\"abc\""}, {"Range", "bytes=0-1"}}), 304);
}

TEST(ApplyRange, SetsTheFieldsOfAPart) {
  Response response;
  apply_range({206, {10, 20}}, kEtag, kModified, 100, response);
  EXPECT_EQ(response.status, 206);
  EXPECT_EQ(response.headers.get("Content-Range"), "bytes 10-29/100");
  EXPECT_EQ(response.headers.get("Accept-Ranges"), "bytes");
  EXPECT_EQ(response.headers.get("ETag"), "\"abc\"");
  EXPECT_EQ(response.headers.get("Last-Modified"), "Mon, 23 Nov 2026 10:15:30 GMT");
}

TEST(ApplyRange, TellsTheSizeWhenARangeCannotBeMet) {
  Response response;
  apply_range({416, {}}, kEtag, kModified, 100, response);
  EXPECT_EQ(response.headers.get("Content-Range"), "bytes */100");
  Response whole;
  apply_range({200, {0, 100}}, kEtag, kModified, 100, whole);
  EXPECT_FALSE(whole.headers.get("Content-Range"));
}

TEST(AcceptsGzip, ReadsQualities) {  // F-02
  const auto accepts = [](const char* value) {
    return accepts_gzip(get({{"Accept-Encoding", value}}));
  };
  EXPECT_FALSE(accepts_gzip(get({})));
  for (const char* yes :
       {"gzip", "GZIP", "x-gzip", "deflate, gzip", "gzip;q=1", "gzip; q=0.5", "gzip;q=0.001", "*",
        "*;q=0.1", "br;q=1.0, gzip;Q=0.8, *;q=0", "identity;q=0, gzip;q=1.000"})
    EXPECT_TRUE(accepts(yes)) << yes;
  for (const char* no :
       {"", "identity", "gzip;q=0", "gzip;q=0.000", "*;q=0", "br", "gzip;q=0, *", "gzip;q=2",
        "gzip;q=", "gzip;level=3", "gzip;q=0.0001", "gzipped", "gzip;q=1.001", "gzip;q=-1"})
    EXPECT_FALSE(accepts(no)) << no;
  EXPECT_TRUE(accepts_gzip(get({{"Accept-Encoding", "br"}, {"Accept-Encoding", "gzip"}})));
}

}  // namespace
}  // namespace sluice::http
