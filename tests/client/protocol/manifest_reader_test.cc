// Manifests of every dialect, in any pieces, and what must not pass for one (L-05).
#include "client/protocol/manifest_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::client {
namespace {

struct Read {
  Result<ManifestHead> head;
  std::vector<ManifestItem> items;
};

// Feeds `text` in pieces of `piece` bytes.
Read read(const std::string& text, std::size_t piece = 4096, const ManifestLimits& limits = {}) {
  std::vector<ManifestItem> items;
  ManifestReader reader(
      [&](ManifestItem item) -> Result<void> {
        items.push_back(std::move(item));
        return {};
      },
      limits);
  for (std::size_t at = 0; at < text.size(); at += piece)
    if (auto fed = reader.feed(std::string_view(text).substr(at, piece)); !fed)
      return {fed.error(), items};
  return {reader.finish(), items};
}

const std::string kStu1 = R"({
  "transactionTime": "2026-01-01T00:00:00Z", "request": "https://e/fhir/Patient/$export",
  "requiresAccessToken": true,
  "output": [{"type": "Patient", "url": "https://e/p1"}, {"type":"Observation","url":"https://e/o"}],
  "error": [{"type": "OperationOutcome", "url": "https://e/e1"}]})";

// STU4: outcome, deleted, counts, organised by instance, a next page, an extension with an output.
const std::string kStu4 =
    R"({"manifestType":"x","extension":{"output":[{"url":"https://e/no"}]},"requiresAccessToken":false,
"output":[{"url":"https://e/1","count":3,"fileSize":100,"continuesInFile":"https://e/2","extension":[{"url":"https://e/ext"}]},
{"type":"OperationOutcome","url":"https://e/oo","count":0}],
"deleted":[{"type":"Bundle","url":"https://e/d","count":2}],"error":[],
"outcome":[{"url":"https:\/\/e\/\u0041","countSeverity":[{"severity":"error","count":9}]}],
"outputOrganizedBy":"Patient","outputFormat":"application/fhir+ndjson",
"link":[{"relation":"self","url":"https://e/self"},{"relation":"next","url":"https://e/page2"}],
"transactionTime":"2026-01-02T00:00:00Z"})";

TEST(ManifestReader, L05ReadsStu1) {
  const auto [head, items] = read(kStu1);
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->transaction_time, "2026-01-01T00:00:00Z");
  EXPECT_TRUE(head->requires_access_token);
  EXPECT_EQ(head->next, "");
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[0].type, "Patient");
  EXPECT_EQ(items[0].url, "https://e/p1");
  EXPECT_FALSE(items[0].count);
  EXPECT_EQ(items[2].kind, FileKind::kOutcome);
}

TEST(ManifestReader, L05ReadsStu4InPiecesOfAnySize) {
  for (const std::size_t piece : {1u, 2u, 3u, 7u, 64u, 100'000u}) {
    const auto [head, items] = read(kStu4, piece);
    ASSERT_TRUE(head) << head.error().message;
    EXPECT_EQ(head->next, "https://e/page2");
    EXPECT_EQ(head->organized_by, "Patient");
    EXPECT_FALSE(head->requires_access_token);
    ASSERT_EQ(items.size(), 4u);
    EXPECT_EQ(items[0].url, "https://e/1");
    EXPECT_EQ(items[0].count, 3u);
    EXPECT_EQ(items[0].size, 100u);
    EXPECT_EQ(items[0].type, "");
    EXPECT_EQ(items[1].kind, FileKind::kOutcome) << "an OperationOutcome among the output";
    EXPECT_EQ(items[2].kind, FileKind::kDeleted);
    EXPECT_EQ(items[3].kind, FileKind::kOutcome);
    EXPECT_EQ(items[3].url, "https://e/A");
    EXPECT_FALSE(items[3].count) << "the count of a severity is not the file's";
  }
}

TEST(ManifestReader, WhatServersWriteBesidesIsPassedOver) {
  EXPECT_TRUE(read("\xef\xbb\xbf  " + kStu1 + "\r\n \n").head);
  EXPECT_TRUE(read(R"({"output":[]})").head) << "the least there can be";
  const auto text_flag = read(R"({"output":[],"requiresAccessToken":"true"})");
  ASSERT_TRUE(text_flag.head);
  EXPECT_TRUE(text_flag.head->requires_access_token);
  const auto bare_link = read(R"({"output":[],"link":{"relation":"next","url":"u"},"error":null})");
  ASSERT_TRUE(bare_link.head);
  EXPECT_EQ(bare_link.head->next, "u");
}

TEST(ManifestReader, ItemsWithoutAUrlAreGivenAndOutcomesInPlaceAreRead) {
  // As BDT wants it: OperationOutcomes themselves; and files that are empty.
  const auto [head, items] = read(
      R"({"output":[{"type":"Patient","count":0},{"type":"Device","url":""}],"deleted":[{"type":"Bundle"}],
"error":[{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational"},
{"severity":"error","code":"processing","diagnostics":"_since is not known"}]}]})",
      5);
  ASSERT_TRUE(head) << head.error().message;
  ASSERT_EQ(items.size(), 4u);
  EXPECT_EQ(items[0].url, "");
  EXPECT_EQ(items[0].count, 0u);
  EXPECT_EQ(items[1].url, "");
  EXPECT_EQ(items[2].kind, FileKind::kDeleted);
  EXPECT_EQ(items[3].kind, FileKind::kOutcome);
  EXPECT_EQ(items[3].type, "OperationOutcome");
  EXPECT_EQ(items[3].text, "_since is not known");
  EXPECT_EQ(items[3].severity, "error");
}

// A list that is no list of objects must not pass for an empty one: nothing would be exported.
TEST(ManifestReader, L05ASingleEntryMayStandWithoutItsArray) {
  for (const std::size_t piece : {1u, 4096u}) {
    const auto [head, items] = read(
        R"({"output":{"type":"Patient","url":"https://e/p","count":3},"deleted":{},
"error":{"resourceType":"OperationOutcome","issue":[{"severity":"error","diagnostics":"no labs"}]},
"link":{"rel":"NEXT","href":"https://e/2"}})",
        piece);
    ASSERT_TRUE(head) << head.error().message;
    ASSERT_EQ(items.size(), 2u) << "{} is an empty list";
    EXPECT_EQ(items[0].url, "https://e/p");
    EXPECT_EQ(items[0].type, "Patient");
    EXPECT_EQ(items[0].count, 3u);
    EXPECT_FALSE(items[0].is_odd);
    EXPECT_EQ(items[1].kind, FileKind::kOutcome);
    EXPECT_EQ(items[1].text, "no labs");
    EXPECT_EQ(items[1].severity, "error");
    EXPECT_EQ(head->next, "https://e/2");
    EXPECT_FALSE(head->has_odd_link);
    EXPECT_TRUE(head->lists_deletions);
  }
}

TEST(ManifestReader, L05WhatIsNoObjectInAListIsGivenAsOdd) {
  const auto odd_of = [](const std::string& lists) {
    const auto [head, items] = read(R"({"transactionTime":"2026-01-01T00:00:00Z",)" + lists + "}");
    EXPECT_TRUE(head) << lists;
    std::string found;
    for (const auto& item : items)
      found += (item.is_odd ? "odd " : "") + std::string(to_string(item.kind)) + ":" + item.text +
               item.url + ";";
    return found;
  };
  EXPECT_EQ(odd_of(R"("output":["https://e/p"])"), "odd output:https://e/p;");
  EXPECT_EQ(odd_of(R"("output":"https://e/p")"), "odd output:https://e/p;");
  EXPECT_EQ(odd_of(R"("output":[[{"type":"Patient","url":"https://e/p"}],5,null,true])"),
            "odd output:;odd output:;odd output:;odd output:;");
  EXPECT_EQ(odd_of(R"("deleted":7,"error":["no labs"],"outcome":"and no notes")"),
            "odd deleted:;odd outcome:no labs;odd outcome:and no notes;");
  EXPECT_EQ(odd_of(R"("output":null,"deleted":false,"error":"","outcome":0)"), "")
      << "words for none";
  EXPECT_EQ(odd_of(R"("request":"x","extension":["y",1,[2]],"other":{"output":["z"]})"), "");
}

TEST(ManifestReader, L05ALinkThatIsNotUnderstoodIsTold) {
  const auto is_odd = [](const std::string& link) {
    const auto [head, items] = read(R"({"output":[],"link":)" + link + "}");
    EXPECT_TRUE(head) << link;
    return head && head->has_odd_link;
  };
  EXPECT_TRUE(is_odd(R"([{"relation":["next"],"url":"https://e/2"}])"));
  EXPECT_TRUE(is_odd(R"([{"relation":"next","url":["https://e/2"]}])"));
  EXPECT_TRUE(is_odd(R"([{"url":"https://e/2"}])"));
  EXPECT_TRUE(is_odd(R"(["https://e/2"])"));
  EXPECT_TRUE(is_odd(R"("https://e/2")"));
  EXPECT_FALSE(
      is_odd(R"([{"relation":"self","url":"https://e/1"},{"relation":"next","url":"u"}])"));
  EXPECT_FALSE(is_odd(R"([])"));
  EXPECT_FALSE(is_odd(R"(null)"));
  EXPECT_FALSE(is_odd(R"({})"));
}

TEST(ManifestReader, L11CountsMayBeTexts) {
  const auto [head, items] =
      read(R"({"output":[{"url":"u","count":"30","fileSize":"1234"},{"url":"v","count":7.0},
{"url":"w","count":-1},{"url":"x","count":"many"},{"url":"42","type":"7"}]})");
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(items[0].count, 30u);
  EXPECT_EQ(items[0].size, 1234u);
  EXPECT_EQ(items[1].count, 7u);
  EXPECT_FALSE(items[2].count) << "a negative one says nothing";
  EXPECT_FALSE(items[3].count);
  EXPECT_FALSE(items[4].count);
  EXPECT_EQ(items[4].url, "42");
}

TEST(ManifestReader, ExtensionsOfEveryShapeAndMissingListsArePassedOver) {
  for (const char* extension : {R"([{"url":"https://e/x","valueString":"y"}])", R"({"url":"z"})"}) {
    const auto [head, items] =
        read(std::string(R"({"transactionTime":"2026-01-01T00:00:00Z","extension":)") + extension +
             R"(,"error":[{"url":"https://e/e"}]})");
    ASSERT_TRUE(head) << head.error().message;
    ASSERT_EQ(items.size(), 1u) << "no output: nothing was left to export";
    EXPECT_EQ(items[0].url, "https://e/e");
  }
}

TEST(ManifestReader, WhatIsNoManifestIsRefused) {
  for (const char* text :
       {"", "  ", "null", "[]", "\"output\"", "{}", "<html>busy</html>", R"({"output":{}})",
        R"({"error":[]})", R"({"output":[],)", R"({"output":[]}{"output":[]})",
        R"({"output":[]} x)", R"([{"output":[]}])", "{\"output\":[{\"url\":\"\x80\"}]}",
        R"({"resourceType":"OperationOutcome","issue":[]})", R"({"output":[{"url":"u")"})
    EXPECT_FALSE(read(text).head) << text;
}

TEST(ManifestReader, LimitsHoldForHostileInput) {
  ManifestLimits limits;
  limits.text_size_max = 1000;
  limits.items_max = 2;
  const auto with_url = [](const std::string& url) {
    return R"({"output":[{"url":")" + url + "\"}]}";
  };
  EXPECT_TRUE(read(with_url(std::string(1000, 'u')), 10, limits).head);
  EXPECT_FALSE(read(with_url(std::string(1001, 'u')), 10, limits).head);
  const std::string longer(2000, 'k');
  EXPECT_TRUE(read("{\"" + longer + "\":\"" + longer + "\",\"output\":[]}", 10, limits).head)
      << "what we do not use may be of any length";
  EXPECT_FALSE(read(R"({"output":[{"url":"1"},{"url":"2"},{"url":"3"}]})", 10, limits).head);
  EXPECT_FALSE(read("{\"output\":" + std::string(100'000, '['), 4096, limits).head);
  EXPECT_FALSE(read(R"({"output":[{"url":"u","count":99999999999999999999999}]})").items.empty());
}

TEST(ManifestReader, AnErrorOfTheTakerStopsIt) {
  ManifestReader reader(
      [](const ManifestItem&) -> Result<void> { return storage_error("the disk is full", ""); });
  const auto fed = reader.feed(kStu1);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().kind, ErrorKind::kStorage);
}

TEST(ManifestReader, ManyFilesTakeNoMemory) {
  std::uint64_t count = 0;
  ManifestReader reader([&](const ManifestItem&) -> Result<void> {
    ++count;
    return {};
  });
  ASSERT_TRUE(reader.feed(R"({"output":[)"));
  for (int i = 0; i < 200'000; ++i)
    ASSERT_TRUE(reader.feed(std::string(i == 0 ? "" : ",") +
                            R"({"type":"Patient","url":"https://e/)" + std::to_string(i) + "\"}"));
  ASSERT_TRUE(reader.feed("]}"));
  EXPECT_TRUE(reader.finish());
  EXPECT_EQ(count, 200'000u);
}

}  // namespace
}  // namespace sluice::client
