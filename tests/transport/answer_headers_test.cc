#include "transport/answer_headers.h"

#include <gtest/gtest.h>

namespace sluice::transport {
namespace {

TEST(AnswerHeaders, OfRepeatedOnesTheLastCountsUnlessTheyAreAList) {
  AnswerHeaders headers;
  headers.take("HTTP/1.1 200 OK\r\n");
  headers.take("Cache-Control:  no-store \r\n");
  headers.take("cache-control: max-age=60\r\n");
  EXPECT_EQ(headers.get("cache-control"), "max-age=60");
  EXPECT_EQ(headers.list("cache-control"), "no-store, max-age=60");
  EXPECT_FALSE(headers.has("etag"));
  EXPECT_EQ(headers.get("etag"), "");
  EXPECT_EQ(headers.list("etag"), "");
}

TEST(AnswerHeaders, AStatusLineStartsOver) {
  AnswerHeaders headers;
  headers.take("HTTP/1.1 103 Early Hints\r\n");
  headers.take("Link: </a>\r\n");
  headers.take("HTTP/1.1 200 OK\r\n");
  headers.take("no colon\r\n");
  EXPECT_FALSE(headers.has("link"));
}

}  // namespace
}  // namespace sluice::transport
