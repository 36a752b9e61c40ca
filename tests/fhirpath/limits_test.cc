// What bounds the cost of an expression: its length and depth, steps, items, texts.
#include <gtest/gtest.h>

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
