// Retry-After in every form that servers send, and pauses of our own (L-01).
#include "client/http/retry_after.h"

#include <gtest/gtest.h>

#include <string>

#include "client/http/exchange.h"

namespace sluice::client {
namespace {

using namespace std::chrono_literals;

const Instant kNow = *parse_http_date("Mon, 23 Nov 2026 10:15:30 GMT");

TEST(RetryAfter, L01SecondsAndDates) {
  EXPECT_EQ(parse_retry_after("120", kNow, 1h), 120s);
  EXPECT_EQ(parse_retry_after(" 5 ", kNow, 1h), 5s);
  EXPECT_EQ(parse_retry_after("0", kNow, 1h), 0s);
  EXPECT_EQ(parse_retry_after("1.5", kNow, 1h), 1500ms);
  EXPECT_EQ(parse_retry_after("0.0019", kNow, 1h), 1ms);
  EXPECT_EQ(parse_retry_after("Mon, 23 Nov 2026 10:16:00 GMT", kNow, 1h), 30s);
  EXPECT_EQ(parse_retry_after("Mon, 23 Nov 2026 10:00:00 GMT", kNow, 1h), 0s) << "it has passed";
}

TEST(RetryAfter, L01NonsenseIsNothing) {
  for (const char* text : {"", " ", "soon", "-5", "+5", "5s", "5 seconds", "1,5", "1.2.3", "0x10",
                           "2026-11-23T10:16:00Z", "Mon, 23 Nov 2026", "\xff\xff", "1e3", "١٢"})
    EXPECT_FALSE(parse_retry_after(text, kNow, 1h)) << text;
}

TEST(RetryAfter, L01NeverMoreThanTheCap) {
  EXPECT_EQ(parse_retry_after("3600", kNow, 60s), 60s);
  EXPECT_EQ(parse_retry_after(std::string(10'000, '9'), kNow, 60s), 60s);
  EXPECT_EQ(parse_retry_after("1." + std::string(10'000, '9'), kNow, 60s), 1999ms);
  EXPECT_EQ(parse_retry_after("Mon, 23 Nov 9998 10:16:00 GMT", kNow, 60s), 60s);
}

TEST(Backoff, L01GrowsToItsCapWithJitter) {
  Backoff backoff({1s, 10s}, 1);
  for (const auto wanted : {1000, 2000, 4000, 8000, 10'000, 10'000}) {
    const auto pause = backoff.next().count();
    EXPECT_GE(pause, wanted);
    EXPECT_LE(pause, wanted * 12 / 10);
  }
  for (int i = 0; i < 100; ++i) EXPECT_LE(backoff.next(), 12s) << "it does not overflow";
  backoff.reset();
  EXPECT_LE(backoff.next(), 1200ms);
}

TEST(Backoff, L01NeverSoonerThanTheServerSaid) {
  Backoff backoff({1s, 10s}, 7);
  for (int i = 0; i < 1000; ++i) {
    const auto wait = backoff.not_sooner(10s);
    EXPECT_GE(wait, 10s);
    EXPECT_LE(wait, 10'500ms);
  }
  EXPECT_LE(backoff.not_sooner(1h), 1h + 5s);
  EXPECT_EQ(backoff.not_sooner(0ms), 0ms);
}

TEST(Backoff, L12WhatTheServerSaysMakesNoPauseShorter) {
  Backoff backoff({1s, 10s}, 3);
  EXPECT_GE(backoff.next(0ms), 1s);
  EXPECT_GE(backoff.next(500ms), 2s);
  EXPECT_GE(backoff.next(20s), 20s);
  const auto after = backoff.next(std::nullopt);
  EXPECT_GE(after, 8s);
  EXPECT_LE(after, 9600ms);
}

TEST(RetryAfterOf, L12DatesCountFromTheServersOwnDate) {
  AnswerHeaders headers;
  headers.take("Date: Tue, 24 Nov 2026 01:00:00 GMT");
  headers.take("Retry-After: Tue, 24 Nov 2026 01:00:07 GMT");
  EXPECT_EQ(retry_after_of(headers, kNow, 1h), 7s);
  headers.take("Retry-After: Tue, 24 Nov 2026 00:59:00 GMT");
  EXPECT_EQ(retry_after_of(headers, kNow, 1h), 0s);
  AnswerHeaders without;
  without.take("Retry-After: Mon, 23 Nov 2026 10:16:00 GMT");
  EXPECT_EQ(retry_after_of(without, kNow, 1h), 30s) << "then it is our clock";
}

}  // namespace
}  // namespace sluice::client
