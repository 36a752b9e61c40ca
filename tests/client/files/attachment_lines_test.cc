// Attachments in lines (L-07): found with their places, changed without touching another byte.
#include "client/files/attachment_lines.h"

#include <gtest/gtest.h>

namespace sluice::client {
namespace {

std::vector<AttachmentRef> read(std::string_view line) {
  AttachmentReader reader;
  std::vector<AttachmentRef> refs;
  EXPECT_TRUE(AttachmentReader::may_have(line)) << line;
  EXPECT_TRUE(reader.read(line, refs)) << line;
  return refs;
}

TEST(AttachmentLines, SayWhatTheAttachmentSays) {
  const auto refs = read(
      R"({"resourceType":"Patient","id":"a","photo":[{"url":"Binary\/x","contentType":"image/png",)"
      R"("size" : 12,"hash":"abc="},{"title":"no url"},{"url":"y","data":"eA==","size":1.5}]})");
  ASSERT_EQ(refs.size(), 2u);
  EXPECT_EQ(refs[0].url, "Binary/x");
  EXPECT_EQ(refs[0].content_type, "image/png");
  EXPECT_EQ(refs[0].size, 12u);
  EXPECT_EQ(refs[0].hash, "abc=");
  EXPECT_FALSE(refs[0].has_data);
  EXPECT_TRUE(refs[1].has_data);
  EXPECT_EQ(refs[1].size, std::nullopt);
}

TEST(AttachmentLines, AChangeLeavesAllOtherBytes) {
  const std::string line =
      R"({ "resourceType":"Media","id":"a","content": {"url" : "Binary/x" , "title":"t"},)"
      R"("extension":[{"url":"u","valueAttachment":{"contentType":"text/plain","url":"b"}}]})";
  const auto refs = read(line);
  ASSERT_EQ(refs.size(), 2u);
  EXPECT_EQ(apply_changes(line, {with_url(refs[0], "a/\"b"), with_data(refs[1], "hi", "x/y")}),
            R"({ "resourceType":"Media","id":"a","content": {"url" : "a/\"b" , "title":"t"},)"
            R"("extension":[{"url":"u","valueAttachment":{"contentType":"text/plain",)"
            R"("data":"aGk="}}]})");
  // Data must have a type.
  EXPECT_NE(apply_changes(line, {with_data(refs[0], "hi", "x/y")})
                .find(R"("content": {"data":"aGk=","contentType":"x/y" , "title":"t"})"),
            std::string::npos);
}

// One in another's extension comes where its url stands.
TEST(AttachmentLines, AnAttachmentMayStandInAnother) {
  const std::string line = R"({"resourceType":"Media","id":"a","content":{"extension":[{"url":"u",)"
                           R"("valueAttachment":{"url":"in"}}],"url":"out"}})";
  const auto refs = read(line);
  ASSERT_EQ(refs.size(), 2u);
  EXPECT_EQ(refs[0].url, "in");
  EXPECT_EQ(refs[1].url, "out");
  EXPECT_EQ(apply_changes(line, {with_url(refs[0], "IN"), with_url(refs[1], "OUT")}),
            R"({"resourceType":"Media","id":"a","content":{"extension":[{"url":"u",)"
            R"("valueAttachment":{"url":"IN"}}],"url":"OUT"}})");
  EXPECT_EQ(
      read(R"({"resourceType":"Library","relatedArtifact":[{"document":{"url":"x"}}]})").size(),
      1u);
}

TEST(AttachmentLines, MediaTypes) {
  EXPECT_EQ(media_type("Text/Plain; charset=utf-8"), "text/plain");
  EXPECT_TRUE(is_wanted_type("image/png", {"application/pdf", "Image/*"}));
  EXPECT_FALSE(is_wanted_type("imagex/png", {"image/*"}));
  EXPECT_FALSE(is_wanted_type("", {"image/*"}));
  EXPECT_TRUE(is_wanted_type("", {}));
  EXPECT_EQ(file_suffix("application/pdf"), ".pdf");
  EXPECT_EQ(file_suffix("../../x"), ".bin");
}

// RFC 4648 section 10, and the two letters that base64url has not.
TEST(AttachmentLines, NamesOfFilesThatAnEarlierRunHasKept) {
  const std::string hash(64, 'a');
  EXPECT_TRUE(is_kept_attachment("attachments/0f/" + hash + ".pdf"));
  for (const std::string& url :
       {std::string(), std::string("attachments/"), "attachments/0f/" + hash,
        "attachments/0f/" + hash + ".", "attachments/0F/" + hash + ".pdf",
        "attachments/0f/" + hash + "a.pdf", "attachments/0f-" + hash + ".pdf",
        "attachments/0f/" + hash + "./x", "other/0f/" + hash + ".pdf",
        "attachments/0f/" + std::string(64, 'g') + ".pdf"})
    EXPECT_FALSE(is_kept_attachment(url)) << url;
  // Length costs no stack: a server that we pull from chooses it.
  EXPECT_TRUE(is_kept_attachment("attachments/0f/" + hash + "." + std::string(8u << 20, 'p')));
}

}  // namespace
}  // namespace sluice::client
