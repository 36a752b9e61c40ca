// Attachment.url of this server's Binaries made absolute, and nothing else touched (F-06).
#include "fhir/attachment_urls.h"

#include <gtest/gtest.h>

namespace sluice::fhir {
namespace {

std::string rewritten(const std::string& type, const std::string& line) {
  AttachmentUrls urls("https://ehr.example/fhir", [](std::string_view name) -> Result<std::string> {
    return "https://ehr.example/job/" + std::string(name) + "?a=\"b\"";
  });
  std::string out = "left over";
  const auto done = urls.rewrite(*find_resource_type(type), line, out);
  EXPECT_TRUE(done) << line;
  return out;
}

TEST(AttachmentUrls, RelativeAndOwnAbsoluteOnesBecomeTheJobs) {
  for (const char* url :
       {"Binary/x-1", "https://ehr.example/fhir/Binary/x-1", "Binary\\/x-1", "Bin\\u0061ry/x-1"}) {
    const std::string before =
        R"({"resourceType":"DocumentReference","content":[{"attachment": { "size":1.50,"url" : ")";
    const std::string behind = R"(","title":"Binary/x-1"}},{"attachment":{}}]})";
    EXPECT_EQ(rewritten("DocumentReference", before + url + behind),
              before + R"(https://ehr.example/job/x-1?a=\"b\")" + behind)
        << url;
  }
}

// A URL of a version names no other one.
TEST(AttachmentUrls, F06AVersionStaysTheVersion) {
  for (const char* url :
       {"Binary/x-1/_history/3", "https://ehr.example/fhir/Binary/x-1/_history/3"}) {
    const std::string before = R"({"resourceType":"Media","content":{"url":")";
    EXPECT_EQ(rewritten("Media", before + url + R"("}})"),
              before + R"(https://ehr.example/job/x-1/_history/3?a=\"b\""}})")
        << url;
  }
}

// In its own extensions, or in those of its elements, another may stand: before or behind its url.
TEST(AttachmentUrls, F06AnAttachmentMayStandInAnother) {
  const auto with = [](const std::string& inner, const std::string& outer) {
    const std::string other =
        R"({"extension":[{"url":"u","valueAttachment":{"url":")" + inner + R"("}}]})";
    const std::string list = other.substr(1, other.size() - 2);
    return R"({"resourceType":"DocumentReference","content":[{"attachment":{)" + list +
           R"(,"url":")" + outer + R"("}},{"attachment":{"url":")" + outer + R"(","_url":)" +
           other + R"(,"title":"t","_title":)" + other + "}}]}";
  };
  EXPECT_EQ(
      rewritten("DocumentReference", with("Binary/in", "Binary/out")),
      with(R"(https://ehr.example/job/in?a=\"b\")", R"(https://ehr.example/job/out?a=\"b\")"));
  EXPECT_EQ(rewritten("DocumentReference", with("Binary/in", "https://other.example/x")),
            with(R"(https://ehr.example/job/in?a=\"b\")", "https://other.example/x"));
  const auto type = *find_resource_type("DocumentReference");
  EXPECT_EQ(possible_binaries(with("Binary/in", "Binary/out"), type).value(),
            (std::vector<std::string>{"in", "out"}));
}

TEST(AttachmentUrls, EverythingElseStaysByteForByte) {
  for (const char* line : {
           // other servers, no Binary, no id
           R"({"resourceType":"Patient","photo":[{"url":"https://other.example/fhir/Binary/x"}]})",
           R"({"resourceType":"Patient","photo":[{"url":"Patient/x"},{"url":"Binary/"}]})",
           R"({"resourceType":"Patient","photo":[{"url":"#Binary/x"},{"url":null}]})",
           // what is no Attachment
           R"({"resourceType":"Patient","extension":[{"url":"Binary/x","valueUrl":"Binary/x"}]})",
           R"({"resourceType":"Observation","subject":{"reference":"Binary/x"},"url":"Binary/x"})",
           R"({"resourceType":"Observation","photo":[{"url":"Binary/x"}]})",
           R"({"resourceType":"Patient","contact":[{"photo":{"url":"Binary/x"}}]})",
           R"({"resourceType":"Observation","document":{"url":"Binary/x"}})",
       }) {
    const auto type =
        std::string(line).find("Observation") != std::string::npos ? "Observation" : "Patient";
    EXPECT_EQ(rewritten(type, line), line);
  }
}

TEST(AttachmentUrls, EveryPlaceOfAnAttachment) {
  const std::string url = R"({"url":"Binary/b"})";
  const std::string expected = R"({"url":"https://ehr.example/job/b?a=\"b\""})";
  const auto check = [&](const std::string& type, const std::string& open,
                         const std::string& close) {
    const std::string head = R"({"resourceType":")" + type + R"(",)" + open;
    EXPECT_EQ(rewritten(type, head + url + close + "}"), head + expected + close + "}") << open;
  };
  check("Patient", R"("photo":[)", "]");
  check("Media", R"("content":)", "");
  check("DiagnosticReport", R"("presentedForm":[{"data":"x"},)", "]");
  check("Communication", R"("payload":[{"contentAttachment":)", "}]");
  check("Consent", R"("sourceAttachment":)", "");
  check("Claim", R"("supportingInfo":[{"valueAttachment":)", "}]");
  check("QuestionnaireResponse",
        R"("item":[{"item":[{"answer":[{"item":[{"answer":[{"valueAttachment":)", "}]}]}]}]}]");
  check("Observation", R"("extension":[{"url":"u","valueAttachment":)", "}]");
  check("Observation", R"("contained":[{"photo":[],"resourceType":"Person"},{"photo":[)",
        R"(],"resourceType":"Person"}])");
  check("Bundle", R"("entry":[{"resource":{"resourceType":"Library","content":[)", "]}}]");
  check("PlanDefinition", R"("relatedArtifact":[{"type":"citation","document":)", "}]");
  check("PlanDefinition", R"("action":[{"action":[{"documentation":[{"document":)", "}]}]}]");
  check("Library", R"("extension":[{"url":"u","valueRelatedArtifact":{"document":)", "}}]");
  check("SubstancePolymer",
        R"("repeat":[{"repeatUnit":[{"structuralRepresentation":[{"attachment":)", "}]}]}]");
}

TEST(AttachmentUrls, F06ABinaryIsNamedByAttachmentsAndNothingElse) {
  const std::string base = "https://ehr.example/fhir";
  const std::string line =
      R"({"resourceType":"DocumentReference","id":"d","subject":{"reference":"Binary/subject"},)"
      R"("relatesTo":[{"target":{"reference":"Binary/target"}}],"content":[)"
      R"({"attachment":{"url":"Binary/b/_history/2"}},{"attachment":{"url":"Binary/a"}},)"
      R"({"attachment":{"url":"https://ehr.example/fhir/Binary/c"}},{"attachment":{"url":"Binary/a"}},)"
      R"({"attachment":{"url":"https://other.example/r4/Binary/d"}},)"
      R"({"attachment":{"title":"Binary/e","url":"Patient/e"}}]})";
  const auto type = *find_resource_type("DocumentReference");
  EXPECT_EQ(possible_binaries(line, type).value(), (std::vector<std::string>{"a", "b", "c", "d"}));
  for (const auto& [id, expected] :
       {std::pair("a", true), std::pair("b", false), std::pair("b/_history/2", true),
        std::pair("b/_history/1", false), std::pair("a/_history/2", false), std::pair("c", true),
        std::pair("d", false), std::pair("e", false), std::pair("subject", false),
        std::pair("target", false)})
    EXPECT_EQ(names_binary(line, type, id, base).value(), expected) << id;
  EXPECT_TRUE(names_binary(line, type, "d", "https://other.example/r4").value());
}

TEST(AttachmentUrls, OnlyLinesWithBothWordsAreLookedAt) {
  EXPECT_TRUE(may_name_binary(R"({"photo":[{"url":"Binary/x"}]})"));
  EXPECT_FALSE(may_name_binary(R"({"photo":[{"data":"Binary"}]})"));
  EXPECT_FALSE(may_name_binary(R"({"photo":[{"url":"Patient/x"}]})"));
}

}  // namespace
}  // namespace sluice::fhir
