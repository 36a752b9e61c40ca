// What a Binary holds.
#include "fhir/binary_content.h"

#include <gtest/gtest.h>

namespace sluice::fhir {
namespace {

TEST(BinaryContent, BytesAndTheirType) {
  const auto one = read_binary(
      R"({"resourceType":"Binary","contentType":"text/plain;charset=utf-8","data":"aGk="})");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->content_type, "text/plain;charset=utf-8");
  EXPECT_EQ(one->bytes, "hi");
  EXPECT_EQ(read_binary(R"({"data":"AAH/"})")->bytes, std::string("\0\1\xff", 3));
  EXPECT_EQ(read_binary(R"({"data":"aG\nk ="})")->bytes, "hi");
  EXPECT_EQ(read_binary(R"({"data":"YQ=="})")->bytes, "a");
  EXPECT_EQ(read_binary(R"({"contentType":"text/plain"})")->bytes, "");
}

TEST(BinaryContent, WhatIsNoMediaTypeGoesIntoNoHeader) {
  for (const char* type : {"", "plain", R"(text/plain\r\nSet-Cookie: a)"})
    EXPECT_EQ(read_binary(std::string(R"({"contentType":")") + type + R"("})")->content_type,
              "application/octet-stream");
}

TEST(BinaryContent, BadDataIsAnError) {
  EXPECT_FALSE(read_binary(R"({"data":"abc"})"));
  EXPECT_FALSE(read_binary(R"({"data":"ab!="})"));
  EXPECT_FALSE(read_binary("{"));
}

}  // namespace
}  // namespace sluice::fhir
