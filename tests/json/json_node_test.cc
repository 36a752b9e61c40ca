// I-02: values of a JSON text that are changed in places: what keeps its bytes, and which values
// are the same.
#include "json/json_node.h"

#include <gtest/gtest.h>

#include "json/json_check.h"

namespace sluice::fhir {
namespace {

/// A checked text in an array, so that any value can be looked at.
class Text {
 public:
  explicit Text(const std::string& value) {
    EXPECT_TRUE(tokens_.read("[" + value + "]"));
    EXPECT_TRUE(check_json_array(tokens_, 100));
  }
  JsonNode node() const { return {tokens_, 1}; }

 private:
  JsonTokens tokens_;
};

bool same(const std::string& a, const std::string& b) {
  const Text left(a);
  const Text right(b);
  EXPECT_EQ(same_value(left.node(), right.node()), same_value(right.node(), left.node()));
  return same_value(left.node(), right.node());
}

TEST(JsonNode, KeepsItsTextUntilItIsChanged) {
  const Text text(R"({ "a" : [ 1.0 , { } ] , "b":2 })");
  JsonNode node = text.node();
  node.open();
  node.child(0).open();
  std::string out;
  node.append_to(out);
  EXPECT_EQ(out, R"({ "a" : [ 1.0 , { } ] , "b":2 })");
  node.set_changed();
  out.clear();
  node.append_to(out);
  EXPECT_EQ(out, R"({"a":[ 1.0 , { } ],"b":2})");
  EXPECT_EQ(node.extent().depth, 3u);
  const JsonNode copy = node.clone();
  node.take_child(0);
  out.clear();
  node.append_to(out);
  EXPECT_EQ(out, R"({"b":2})");
  out.clear();
  copy.append_to(out);
  EXPECT_EQ(out, R"({"a":[ 1.0 , { } ],"b":2})");
}

TEST(JsonNode, NumbersAreTheSameByValue) {
  for (const auto& [a, b] : {std::pair("1.50", "1.5"),
                             {"15e-1", "1.5"},
                             {"-0", "0.00e5"},
                             {"100", "1e2"},
                             {"1E+2", "100.0"},
                             {"0.001", "1e-3"},
                             {"1e1000", "10e999"},
                             {"1e9999999999999999999", "1e9999999999999999999"}})
    EXPECT_TRUE(same(a, b)) << a << " " << b;
  for (const auto& [a, b] : {std::pair("1", "-1"),
                             {"1", "1.0000000000000000000001"},
                             {"9007199254740993", "9007199254740992"},
                             {"1", "10"},
                             {"1", "\"1\""},
                             {"0", "null"},
                             {"0", "false"},
                             {"1e1000", "1e1001"}})
    EXPECT_FALSE(same(a, b)) << a << " " << b;
}

TEST(JsonNode, OtherValuesAreTheSameByMeaning) {
  EXPECT_TRUE(same(R"("\u0041\/\n")", "\"A/\\u000a\""));
  EXPECT_TRUE(same(R"({"a":[1,{}],"b":null})", R"({ "b" : null , "\u0061" : [1.0,{ }]})"));
  EXPECT_TRUE(same("[ ]", "[]"));
  for (const auto& [a, b] : {std::pair("[1,2]", "[2,1]"),
                             {"[1]", "[1,1]"},
                             {"{}", "[]"},
                             {R"({"a":1})", R"({"b":1})"},
                             {R"({"a":1})", R"({"a":1,"b":1})"},
                             {"true", "false"},
                             {"\"true\"", "true"}})
    EXPECT_FALSE(same(a, b)) << a << " " << b;
}

TEST(JsonNode, EscapedTextMeansTheText) {
  const std::string text = "a\"b\\c\n\x01\u00e9/";
  EXPECT_EQ(unescape(escape(text)), text);
}

}  // namespace
}  // namespace sluice::fhir
