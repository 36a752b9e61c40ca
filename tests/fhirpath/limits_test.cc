// What bounds the cost of an expression: its length and depth, steps, items, texts.
#include <gtest/gtest.h>

#include <chrono>

#include "evaluating.h"

namespace sluice::fhirpath {
namespace {

ErrorKind kind_of(std::string_view text, EvaluationOptions options = {}) {
  const auto expression = Expression::compile(text);
  if (!expression) return expression.error().kind;
  const Resource resource(kBasic);
  const auto values = Evaluation(options).evaluate(*expression, *resource.document);
  return values ? ErrorKind::kInternal : values.error().kind;
}

std::string repeated(std::string_view part, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += part;
  return text;
}

TEST(Limits, OfLengthAndDepth) {
  EXPECT_EQ(kind_of("'" + repeated("a", 65'536) + "'"), ErrorKind::kTooLarge);
  EXPECT_EQ(kind_of(repeated("(", 60'000)), ErrorKind::kInvalid);
  EXPECT_EQ(kind_of(repeated("-", 60'000) + "1"), ErrorKind::kInvalid);
  EXPECT_EQ(kind_of("1" + repeated(" + 1", 15'000)), ErrorKind::kInvalid);
  EXPECT_EQ(kind_of("id" + repeated(".id", 20'000)), ErrorKind::kInvalid);
  EXPECT_EQ(eval(repeated("(", 200) + "1" + repeated(")", 200)), "1");
  EXPECT_EQ(eval("1" + repeated(" + 1", 200)), "201");
}

TEST(Limits, OfSteps) {
  EvaluationOptions options;
  options.steps_max = 1000;
  EXPECT_EQ(kind_of("'a'.repeat($this & 'a')", options), ErrorKind::kTooLarge);
  const auto expression = Expression::compile("'a'.repeat($this & 'a')").value();
  const Resource resource(kBasic);
  const auto error = Evaluation(options).evaluate(expression, *resource.document).error();
  EXPECT_TRUE(error.message.starts_with("FHIRPath: the evaluation takes more than 1000 steps"))
      << error.message;
}

/// An evaluation takes a second; more on busy machines, and with sanitizers.
constexpr auto kSoon = std::chrono::minutes(2);

/// Whether the expression ends soon, with its limits or without. Without them each of these would
/// take minutes to years.
void expect_bounded(std::string_view text, const Resource& resource) {
  const auto start = std::chrono::steady_clock::now();
  const auto expression = Expression::compile(text);
  ASSERT_TRUE(expression) << expression.error().message;
  const auto values = Evaluation().evaluate(*expression, *resource.document);
  EXPECT_LT(std::chrono::steady_clock::now() - start, kSoon) << text;
  EXPECT_TRUE(values || values.error().kind == ErrorKind::kTooLarge) << values.error().message;
}

std::string names(std::size_t count, std::string_view each) {
  std::string list;
  for (std::size_t i = 0; i < count; ++i) (list += i == 0 ? "" : ",") += each;
  return R"({"resourceType":"Patient","id":"p","name":[)" + list + "]}";
}

TEST(Limits, TextsCostWhatTheirSizeSays) {
  std::string given;
  for (int i = 0; i < 50'000; ++i) given += R"("a",)";
  const Resource resource(
      names(1, R"({"text":")" + repeated("a", 4'000'000) + R"(","given":[)" + given + R"("a"]})"));
  expect_bounded("name.given.where(%resource.name.text.length() > 0).count()", resource);
  expect_bounded("name.given.select(%resource.name.text & '').count()", resource);
  expect_bounded("name.given.where(%resource.name.text > 'b').count()", resource);
  expect_bounded("name.given.where(%resource.name.text = 'b').count()", resource);
  expect_bounded("name.text.indexOf(name.text.substring(2000000) & 'b')", resource);
  expect_bounded("name.text.lastIndexOf('b' & name.text.substring(2000000))", resource);
  expect_bounded("name.text.replace(name.text.substring(2000000) & 'b', '')", resource);
  expect_bounded("name.text.toChars().count()", resource);
  expect_bounded("name.text.split('a').count()", resource);
  expect_bounded("name.text.matches('(a?){500}(a?){500}b')", resource);
  expect_bounded("name.given.where(matches('(x{100}){9}' & %resource.id)).count()", resource);
}

TEST(Limits, CopiesAndComparisonsCostWhatTheirSizeSays) {
  std::string given;
  for (int i = 0; i < 200'000; ++i) given += R"("a",)";
  const Resource many(names(1, R"({"given":[)" + given + R"("a"]})"));
  expect_bounded("defineVariable('x', name.given).name.given.select(%x.count()).count()", many);
  expect_bounded("name.given.select(%resource.id).count()", many);
  expect_bounded("name.given ~ name.given.combine(name.family)", many);
  const Resource large(names(2000, R"({"given":[)" + given.substr(0, 4000) + R"("z"]})"));
  expect_bounded("name.select(given.combine(%resource.name.family)).count()", large);
  std::string different;
  for (int i = 0; i < 2000; ++i)
    (different += i == 0 ? "" : ",") +=
        R"({"given":[)" + given.substr(0, 4000) + R"("z"],"text":")" + std::to_string(i) + R"("})";
  const Resource distinct(R"({"resourceType":"Patient","name":[)" + different + "]}");
  expect_bounded("name.distinct().count()", distinct);
  expect_bounded("name.isDistinct()", distinct);
}

TEST(Limits, OfMembers) {
  std::string members;
  for (int i = 0; i < 300'000; ++i) members += R"(,"k)" + std::to_string(i) + R"(":1)";
  const Resource resource(R"({"resourceType":"Basic","_k1":{"id":"i"})" + members + "}");
  expect_bounded("descendants().count()", resource);
  expect_bounded("descendants().select(%resource.language).count()", resource);
}

TEST(Limits, OfRepeatInRepeat) {
  EXPECT_EQ(kind_of(repeated("repeat(", 60) + "id" + repeated(")", 60)), ErrorKind::kTooLarge);
  EXPECT_EQ(eval("repeat(repeat(repeat(extension))).count()"), "0");
}

TEST(Limits, OfRegularExpressions) {
  std::string text = "true";
  for (int i = 0; i < 200; ++i) text += " and id.matches('\\\\w{1000}')";
  EXPECT_EQ(kind_of(text), ErrorKind::kTooLarge);
}

TEST(Limits, OfItems) {
  EvaluationOptions options;
  options.items_max = 100;
  EXPECT_EQ(kind_of("'a'.repeatAll($this)", options), ErrorKind::kTooLarge);
  EXPECT_EQ(kind_of("(1 | 2 | 3 | 4 | 5).select('abcdefghijklmnopqrstuvwxyz'.toChars())", options),
            ErrorKind::kTooLarge);
}

TEST(Limits, OfTexts) {
  EvaluationOptions options;
  options.text_max = 1000;
  EXPECT_EQ(kind_of("(1|2|3|4|5|6|7|8|9|10).aggregate($total & $total & 'abc', '')", options),
            ErrorKind::kTooLarge);
  EXPECT_EQ(kind_of("'" + repeated("a", 600) + "'.replace('a', 'bb')", options),
            ErrorKind::kTooLarge);
}

TEST(Limits, OfNumbers) {
  EXPECT_EQ(eval("2147483648"),
            "error: FHIRPath: the number is too large for an Integer (at character 1)");
  EXPECT_EQ(eval("1" + repeated("0", 80)),
            "error: FHIRPath: the number has too many digits (at character 1)");
  // A number in the data that is larger than any decimal is no error where it is not computed with.
  EXPECT_EQ(eval("value.ofType(Quantity).value",
                 R"({"resourceType":"Observation","valueQuantity":{"value":1e999}})"),
            "1e999");
}

}  // namespace
}  // namespace sluice::fhirpath
