// What a line of the log is, whatever is in it.
#include "base/log.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Log, R03AnEventIsOneLineOfUtf8WhateverItQuotes) {
  testing::internal::CaptureStderr();
  set_up_logging("info");
  spdlog::info("refused value=\"{}\"", "a\nb\r\x1b[31m\xff\u00fc");
  const std::string line = testing::internal::GetCapturedStderr();
  EXPECT_EQ(line.substr(line.find(' ')), " info refused value=\"a?b??[31m\ufffd\u00fc\"\n");
}

}  // namespace
}  // namespace sluice
