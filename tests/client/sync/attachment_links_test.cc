// L-10: what attachments name is found from a copy too.
#include "client/sync/attachment_links.h"

#include <gtest/gtest.h>

#include "client/files/ndjson_lines.h"
#include "client/files/ndjson_writer.h"
#include "temporary_folder.h"

namespace sluice::client {
namespace {

const std::string kBase = "https://ehr.example/r4";
const std::string kJob = kBase + "/jobs/00ff00ff00ff00ff00ff00ff00ff00ff/Binary/";

bool comes(std::string_view id) {
  return id == "here";
}

TEST(AttachmentLinks, L10ABinaryThatComesAlongIsNamedAsAReference) {
  for (const auto& url :
       {std::string("Binary/here"), kBase + "/Binary/here", kBase + "/Binary/here/_history/2",
        kJob + "here?capability=1.a.b", kJob + "here/_history/2?capability=1.a.b",
        kJob + "here?proof=1.a.b", kJob + "here"})
    EXPECT_EQ(linked_url(url, kBase, comes), "Binary/here") << url;
}

TEST(AttachmentLinks, L10WhatDoesNotComeAlongIsTheSources) {
  EXPECT_EQ(linked_url("Binary/there", kBase, comes), kBase + "/Binary/there");
  EXPECT_EQ(linked_url(kBase + "/Binary/there", kBase, comes), kBase + "/Binary/there");
  // The job's URL ends with the job, the Binary's own does not.
  EXPECT_EQ(linked_url(kJob + "there?capability=1.a.b", kBase, comes), kBase + "/Binary/there");
  EXPECT_EQ(linked_url(kJob + "there/_history/2?capability=1.a.b", kBase, comes),
            kBase + "/Binary/there/_history/2");
  EXPECT_EQ(linked_url("files/x.pdf?a=b", kBase, comes), kBase + "/files/x.pdf?a=b");
  EXPECT_EQ(linked_url("/elsewhere/x.pdf", kBase, comes), "https://ehr.example/elsewhere/x.pdf");
}

TEST(AttachmentLinks, L10WhatIsNoUrlOfTheSourceStays) {
  const std::string hash(64, 'a');
  for (const auto& url :
       {std::string("https://other.example/r4/Binary/here"), std::string("urn:uuid:1"),
        std::string("#doc"), std::string("data:text/plain;base64,YQ=="),
        "attachments/aa/" + hash + ".pdf", kBase + "/jobs/status/Binary/here?x=y",
        kBase + "/jobs/00ff/files/here"})
    EXPECT_EQ(linked_url(url, kBase, comes), url) << url;
  // Without a base nothing can be made absolute.
  EXPECT_EQ(linked_url("Binary/there", "", comes), "Binary/there");
  EXPECT_EQ(linked_url("Binary/here", "", comes), "Binary/here");
}

TEST(AttachmentLinks, L10LinesKeepEveryOtherByte) {
  TemporaryFolder folder;
  const auto path = folder.path() / "DocumentReference.00001.ndjson.gz";
  const std::string head =
      R"({"resourceType":"DocumentReference", "id":"d","content":[{"attachment":{"size":1.50,"url" : ")";
  const auto lines_of = [&] {
    std::vector<std::string> lines;
    EXPECT_TRUE(each_line(path, [&](std::string_view line) -> Result<void> {
      lines.emplace_back(line);
      return {};
    }));
    return lines;
  };
  {
    const auto writer = NdjsonWriter::create(path, true).value();
    ASSERT_TRUE(writer->append(head + kBase + R"(/Binary/here"}}]})"));
    ASSERT_TRUE(
        writer->append(R"({"resourceType":"Patient","id":"p","extension":[{"url":"Binary/x"}]})"));
    ASSERT_TRUE(writer->append(head + R"(Binary/there"}}]})"));
    ASSERT_TRUE(writer->finish());
  }
  const std::vector<std::string> expected = {
      head + R"(Binary/here"}}]})",
      R"({"resourceType":"Patient","id":"p","extension":[{"url":"Binary/x"}]})",
      head + kBase + R"(/Binary/there"}}]})"};
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(link_attachments({path}, folder.path() / "fresh", kBase, comes));
    EXPECT_EQ(lines_of(), expected);
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "fresh"));
  }
}

}  // namespace
}  // namespace sluice::client
