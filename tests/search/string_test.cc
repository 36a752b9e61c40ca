// Strings (Q-01, Q-04): case, accents, punctuation, parts of names.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/folded_texts.h"
#include "search/text_folding.h"
#include "searching.h"

namespace sluice::search {
namespace {

std::string given(std::string_view query, std::string_view name) {
  return search("Patient?given" + std::string(query),
                R"({"name":[{"given":["Xaver",")" + std::string(name) + R"("]}]})");
}

TEST(String, TheSearchPagesExamples_Q04) {
  EXPECT_EQ(given("=eve", "Eve"), "match");
  EXPECT_EQ(given("=eve", "Evelyn"), "match");
  EXPECT_EQ(given("=eve", "Severine"), "no match");
  EXPECT_EQ(given(":contains=eve", "Severine"), "match");
  EXPECT_EQ(given(":exact=Eve", "Eve"), "match");
  EXPECT_EQ(given(":exact=Eve", "eve"), "no match");
  EXPECT_EQ(given(":exact=Eve", "EVE"), "no match");
  EXPECT_EQ(given(":exact=Eve", "Evelyn"), "no match");
}

TEST(String, CaseAccentsAndPunctuationDoNotCount_Q01) {
  EXPECT_EQ(given("=jose", "Jos\u00e9"), "match");
  EXPECT_EQ(given("=JOS%C3%89", "Jose\u0301"), "match");
  EXPECT_EQ(given("=strasse", "Stra\u00dfe"), "match");
  EXPECT_EQ(given("=obrien", "O'Brien"), "match");
  EXPECT_EQ(given("=anna maria", "Anna\\t  Maria"), "match");
  EXPECT_EQ(given("=%CF%83%CE%BF%CF%86", "\u03a3\u039f\u03a6\u0399\u0391"), "match") << "Greek";
  EXPECT_EQ(given(":exact=Jose", "Jos\u00e9"), "no match");
}

TEST(String, EachTextOfANameOrAddressIsLookedAt_Q01) {
  constexpr std::string_view patient = R"({"name":[{"family":"Carreno Quinones","prefix":["Dr"],
     "text":"Dr Eva Carreno","use":"official"}],
     "address":[{"line":["12 Main St"],"city":"Boston","postalCode":"02101","use":"home"}]})";
  for (const char* name : {"carr", "Quinones", "dr", "dr eva"})
    EXPECT_EQ(search("Patient?name=" + std::string(name), patient), "match") << name;
  EXPECT_EQ(search("Patient?name=official", patient), "no match");
  EXPECT_EQ(search("Patient?family=quin", patient), "match");
  EXPECT_EQ(search("Patient?family=uinones", patient), "no match");
  EXPECT_EQ(search("Patient?address=12 main", patient), "match");
  EXPECT_EQ(search("Patient?address=home", patient), "no match");
  EXPECT_EQ(search("Patient?address-city=BOS", patient), "match");
  EXPECT_EQ(search("Patient?address-use=home", patient), "match") << "a token";
}

TEST(String, PhoneticFindsWhatSoundsAlike_Q01) {
  constexpr std::string_view patient = R"({"name":[{"family":"Robert","given":["Tymczak"]}]})";
  EXPECT_EQ(search("Patient?phonetic=Rupert", patient), "match");
  EXPECT_EQ(search("Patient?phonetic=Rubin", patient), "no match");
  std::string codes;
  soundex("tymczak ashcraft pfister honeyman", codes);
  EXPECT_EQ(codes, "t522 a261 p236 h555");
}

TEST(String, LongValuesAreFoundWhereverTheyStand_Q01) {
  const std::string many(100'000, 'a');
  for (const std::size_t size : {2u, 300u, 999u}) {
    const std::string wanted = std::string(size, 'a') + "b";
    const std::string query = "Patient?family:contains=" + wanted;
    const auto named = [](std::string_view family) {
      return R"({"name":[{"family":")" + std::string(family) + R"("}]})";
    };
    EXPECT_EQ(search(query, named(many)), "no match");
    EXPECT_EQ(search(query, named(many + "B")), "match");
    EXPECT_EQ(search(query, named(many + "b" + many)), "match");
    EXPECT_EQ(search(query, named(wanted.substr(1))), "no match");
  }
  EXPECT_EQ(search("Patient?family=b b a", R"({"name":[{"family":"b b b b a"}]})"), "match");
  EXPECT_EQ(search("Patient?family=b b a", R"({"name":[{"family":"xb b a"}]})"), "no match");
  EXPECT_EQ(search("Patient?phonetic=11", R"({"name":[{"family":"111 11"}]})"), "match");
  EXPECT_EQ(search("Patient?phonetic=11", R"({"name":[{"family":"111 x11"}]})"), "no match");
}

// One large text that a thousand values, or a hundred parameters, ask for is folded once.
TEST(FoldedTexts, AreMadeOnceForAResource_R01) {
  std::string json = "[";
  for (int i = 0; i < 3'000; ++i) json += fmt::format(R"({}"Jos\u00e9 {}")", i == 0 ? "" : ",", i);
  fhir::JsonTokens tokens;
  ASSERT_TRUE(tokens.read(json + "]"));
  FoldedTexts texts;
  for (int i = 0; i < 3'000; ++i) {
    const auto token = static_cast<std::size_t>(1 + 2 * i);
    EXPECT_EQ(texts.folded(tokens, token), fmt::format("jose {}", i));
    EXPECT_EQ(texts.codes(tokens, token), fmt::format(" j200 {} ", i));
  }
  for (std::size_t token = 1; token < 6'000; token += 2) {
    const auto first = texts.folded(tokens, token);
    EXPECT_EQ(texts.folded(tokens, token).data(), first.data());
    const auto codes = texts.codes(tokens, token);
    EXPECT_EQ(texts.codes(tokens, token).data(), codes.data());
  }
  ASSERT_TRUE(tokens.read(R"(["Other"])"));
  texts.clear();
  EXPECT_EQ(texts.folded(tokens, 1), "other");
}

TEST(String, NothingToLookForIsRefused) {
  EXPECT_THAT(refusal("Patient?name=-"), testing::HasSubstr("no letter or digit"));
  EXPECT_THAT(refusal("Patient?name="), testing::HasSubstr("has no value"));
  EXPECT_THAT(refusal("Condition?code:text=.."), testing::HasSubstr("no letter or digit"));
}

}  // namespace
}  // namespace sluice::search
