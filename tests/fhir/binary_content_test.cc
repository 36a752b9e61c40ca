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
  EXPECT_FALSE(read_binary(R"({"data":"YQ==YQ=="})")) << "the padding would be read as zeros";
  EXPECT_FALSE(read_binary(R"({"data":"aGk=----"})"));
  EXPECT_FALSE(read_binary("{"));
}

TEST(BinaryContent, IsWrittenSoThatItIsReadBack) {
  EXPECT_EQ(write_binary("b", "text/plain; x=\"y\"", "Patient/p", "hi"),
            R"({"resourceType":"Binary","id":"b","contentType":"text/plain; x=\"y\"",)"
            R"("securityContext":{"reference":"Patient/p"},"data":"aGk="})");
  EXPECT_EQ(write_binary("", "text/plain", "", ""),
            R"({"resourceType":"Binary","contentType":"text/plain"})");
  for (std::size_t size = 0; size < 7; ++size) {
    const std::string bytes = std::string("\0\xff\"\n\\a\x80", 7).substr(0, size);
    EXPECT_EQ(read_binary(write_binary("b", "a/b", "", bytes))->bytes, bytes);
  }
}

TEST(BinaryContent, SecurityContextIsWhatItsReferenceSays) {
  EXPECT_EQ(*read_security_context(R"({"resourceType":"Binary"})"), std::nullopt);
  EXPECT_EQ(**read_security_context(R"({"securityContext":{"reference":"Patient\/p"}})"),
            "Patient/p");
  EXPECT_EQ(**read_security_context(R"({"\u0073ecurityContext":{"reference":"a"}})"), "a");
  for (const char* other : {R"({"identifier":{}})", R"({"reference":5})", "null", "[]"})
    EXPECT_EQ(**read_security_context(std::string(R"({"securityContext":)") + other + "}"), "");
  EXPECT_FALSE(read_security_context("{"));
}

}  // namespace
}  // namespace sluice::fhir
