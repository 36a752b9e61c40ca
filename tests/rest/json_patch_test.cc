// I-02: JSON Patch: the examples of RFC 6902's appendix, what stays byte by byte, errors, limits.
#include "rest/json_patch.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sluice::rest {
namespace {

std::string patched_text(std::string_view json, std::string_view patch) {
  const auto parsed = JsonPatch::parse(patch);
  if (!parsed) return "invalid: " + parsed.error().message;
  const auto applied = parsed->apply(json);
  if (applied) return *applied;
  return fmt::format("{}: {}", to_string(applied.error().kind), applied.error().message);
}

struct Example {
  const char* name;
  const char* before;
  const char* patch;
  const char* after;
};

std::string name_of(const testing::TestParamInfo<Example>& example) {
  return example.param.name;
}

class JsonPatchExample : public testing::TestWithParam<Example> {};

TEST_P(JsonPatchExample, GivesWhatTheStandardSays) {
  EXPECT_EQ(patched_text(GetParam().before, GetParam().patch), GetParam().after);
}

// The appendix of RFC 6902, in its order. White space of what is made anew is ours.
INSTANTIATE_TEST_SUITE_P(
    Rfc6902, JsonPatchExample,
    testing::Values(
        Example{"A1AddsAMember", R"({"foo":"bar"})",
                R"([{"op":"add","path":"/baz","value":"qux"}])", R"({"foo":"bar","baz":"qux"})"},
        Example{"A2AddsAnElement", R"({"foo":["bar","baz"]})",
                R"([{"op":"add","path":"/foo/1","value":"qux"}])",
                R"({"foo":["bar","qux","baz"]})"},
        Example{"A3RemovesAMember", R"({"baz":"qux","foo":"bar"})",
                R"([{"op":"remove","path":"/baz"}])", R"({"foo":"bar"})"},
        Example{"A4RemovesAnElement", R"({"foo":["bar","qux","baz"]})",
                R"([{"op":"remove","path":"/foo/1"}])", R"({"foo":["bar","baz"]})"},
        Example{"A5ReplacesAValue", R"({"baz":"qux","foo":"bar"})",
                R"([{"op":"replace","path":"/baz","value":"boo"}])",
                R"({"baz":"boo","foo":"bar"})"},
        Example{"A6MovesAValue", R"({"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}})",
                R"([{"op":"move","from":"/foo/waldo","path":"/qux/thud"}])",
                R"({"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}})"},
        Example{"A7MovesAnElement", R"({"foo":["all","grass","cows","eat"]})",
                R"([{"op":"move","from":"/foo/1","path":"/foo/3"}])",
                R"({"foo":["all","cows","eat","grass"]})"},
        Example{"A8TestsValues", R"({"baz":"qux","foo":["a",2,"c"]})",
                R"([{"op":"test","path":"/baz","value":"qux"},)"
                R"({"op":"test","path":"/foo/1","value":2}])",
                R"({"baz":"qux","foo":["a",2,"c"]})"},
        Example{
            "A9ATestFails", R"({"baz":"qux"})", R"([{"op":"test","path":"/baz","value":"bar"}])",
            "unprocessable: operation 0 (test '/baz'): the test failed: there is another value"},
        Example{"A10AddsANestedObject", R"({"foo":"bar"})",
                R"([{"op":"add","path":"/child","value":{"grandchild":{}}}])",
                R"({"foo":"bar","child":{"grandchild":{}}})"},
        Example{"A11IgnoresUnknownMembers", R"({"foo":"bar"})",
                R"([{"op":"add","path":"/baz","value":"qux","xyz":123}])",
                R"({"foo":"bar","baz":"qux"})"},
        Example{"A12AddsToWhatIsNotThere", R"({"foo":"bar"})",
                R"([{"op":"add","path":"/baz/bat","value":"qux"}])",
                "unprocessable: operation 0 (add '/baz/bat'): there is no '/baz'"},
        Example{"A13IsNoPatch", R"({"foo":"bar"})",
                R"([{"op":"add","path":"/baz","value":"qux","op":"remove"}])",
                "invalid: operation 0: 'op' stands twice"},
        Example{"A14EscapesStandForSlashAndTilde", R"({"/":9,"~1":10})",
                R"([{"op":"test","path":"/~01","value":10}])", R"({"/":9,"~1":10})"},
        Example{"A15AStringIsNoNumber", R"({"/":9,"~1":10})",
                R"([{"op":"test","path":"/~01","value":"10"}])",
                "unprocessable: operation 0 (test '/~01'): the test failed: there is another "
                "value"},
        Example{"A16AddsAnArrayAsElement", R"({"foo":["bar"]})",
                R"([{"op":"add","path":"/foo/-","value":["abc","def"]}])",
                R"({"foo":["bar",["abc","def"]]})"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Rules, JsonPatchExample,
    testing::Values(
        Example{"AddReplacesAMember", R"({"a":1})", R"([{"op":"add","path":"/a","value":null}])",
                R"({"a":null})"},
        Example{"AddAtTheEnd", R"({"a":[1]})", R"([{"op":"add","path":"/a/1","value":2}])",
                R"({"a":[1,2]})"},
        Example{"ReplacesTheWhole", R"({"a":1})",
                R"([{"op":"replace","path":"","value":{"b":2}},)"
                R"({"op":"add","path":"/c","value":[]}])",
                R"({"b":2,"c":[]})"},
        Example{"CopiesAndTheCopyIsItsOwn", R"({"a":{"x":[1]}})",
                R"([{"op":"copy","from":"/a","path":"/b"},)"
                R"({"op":"add","path":"/b/x/0","value":0},{"op":"copy","from":"/b","path":"/c"},)"
                R"({"op":"remove","path":"/c/x/1"}])",
                R"({"a":{"x":[1]},"b":{"x":[0,1]},"c":{"x":[0]}})"},
        Example{"MovesOverWhatIsThere", R"({"a":1,"b":2})",
                R"([{"op":"move","from":"/a","path":"/b"}])", R"({"b":1})"},
        Example{"MovesToItsOwnPlace", R"({"a":1,"b":2})",
                R"([{"op":"move","from":"/a","path":"/a"}])", R"({"a":1,"b":2})"},
        Example{"LaterOperationsSeeEarlierOnes", R"({"a":[]})",
                R"([{"op":"add","path":"/a/-","value":{}},{"op":"add","path":"/a/0/b","value":1},)"
                R"({"op":"test","path":"","value":{"a":[{"b":1.0}]}}])",
                R"({"a":[{"b":1}]})"},
        Example{"KeysMeanWhatTheirEscapesSay", R"({"a\u002fb":1,"\"":2})",
                R"([{"op":"remove","path":"/a~1b"},{"op":"replace","path":"/\"","value":3},)"
                R"({"op":"add","path":"/\u00e9\n","value":4}])",
                "{\"\\\"\":3,\"\u00e9\\n\":4}"},
        Example{"TheEmptyKey", R"({"":1})", R"([{"op":"replace","path":"/","value":2}])",
                R"({"":2})"},
        Example{
            "TestComparesMeaning", R"({"n":1.50,"s":"a\u0062","o":{"x":1,"y":[true,null]}})",
            R"([{"op":"test","path":"/n","value":15e-1},{"op":"test","path":"/s","value":"ab"},)"
            R"({"op":"test","path":"/o","value":{"y":[true,null],"x":1}}])",
            R"({"n":1.50,"s":"a\u0062","o":{"x":1,"y":[true,null]}})"},
        Example{"TestOfManyDigits", R"({"n":9007199254740993})",
                R"([{"op":"test","path":"/n","value":9007199254740992}])",
                "unprocessable: operation 0 (test '/n'): the test failed: there is another value"},
        Example{"AnEmptyPatch", R"({ "a" : 1 })", "[]", R"({ "a" : 1 })"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Errors, JsonPatchExample,
    testing::Values(
        Example{"NoArray", "{}", "{}", "invalid: the patch: not a JSON array"},
        Example{"NoJson", "{}", "[", "invalid: the patch: not JSON: a value is missing at byte 1"},
        Example{"NoObject", "{}", "[[]]", "invalid: operation 0: not an object"},
        Example{"NoOp", "{}", R"([{"path":"/a"}])", "invalid: operation 0: 'op' is missing"},
        Example{"OpUnknown", "{}", R"([{"op":"delete","path":"/a"}])",
                "invalid: operation 0: op 'delete' is none of add, remove, replace, move, copy and "
                "test"},
        Example{"NoPath", "{}", R"([{"op":"remove"}])", "invalid: operation 0: 'path' is missing"},
        Example{"PathNoString", "{}", R"([{"op":"remove","path":1}])",
                "invalid: operation 0: 'path' is not a string"},
        Example{"PathNoPointer", "{}", R"([{"op":"remove","path":"a"}])",
                "invalid: operation 0: 'path' 'a' does not begin with '/'"},
        Example{"PathBadEscape", "{}", R"([{"op":"remove","path":"/a~2"}])",
                "invalid: operation 0: 'path' '/a~2' has a '~' that is neither '~0' nor '~1'"},
        Example{"NoFrom", "{}", R"([{"op":"move","path":"/a"}])",
                "invalid: operation 0: 'from' is missing"},
        Example{"NoValue", "{}", R"([{"op":"add","path":"/a"}])",
                "invalid: operation 0: 'value' is missing"},
        Example{"RemoveOfNothing", R"({"a":[1]})",
                R"([{"op":"remove","path":"/a/0"},{"op":"remove","path":"/a/0"}])",
                "unprocessable: operation 1 (remove '/a/0'): there is no '/a/0'"},
        Example{"ReplaceOfNothing", R"({"a":1})", R"([{"op":"replace","path":"/b","value":1}])",
                "unprocessable: operation 0 (replace '/b'): there is no '/b'"},
        Example{"RemoveBehindTheEnd", R"({"a":[1]})", R"([{"op":"remove","path":"/a/-"}])",
                "unprocessable: operation 0 (remove '/a/-'): there is no '/a/-'"},
        Example{"AddBeyondTheEnd", R"({"a":[1]})", R"([{"op":"add","path":"/a/2","value":1}])",
                "unprocessable: operation 0 (add '/a/2'): the array ends before '/a/2'"},
        Example{"LeadingZero", R"({"a":[1,2]})", R"([{"op":"add","path":"/a/01","value":1}])",
                "unprocessable: operation 0 (add '/a/01'): '/a/01' is not an index of an array"},
        Example{"NegativeIndex", R"({"a":[1,2]})", R"([{"op":"remove","path":"/a/-1"}])",
                "unprocessable: operation 0 (remove '/a/-1'): '/a/-1' is not an index of an array"},
        Example{"IntoAScalar", R"({"a":"text"})", R"([{"op":"add","path":"/a/0","value":1}])",
                "unprocessable: operation 0 (add '/a/0'): there is no '/a/0'"},
        Example{"IntoItself", R"({"a":{"b":1}})", R"([{"op":"move","from":"/a","path":"/a/b/c"}])",
                "unprocessable: operation 0 (move '/a/b/c'): a value cannot be moved into itself"},
        Example{"RemoveAll", R"({"a":1})", R"([{"op":"remove","path":""}])",
                "unprocessable: operation 0 (remove ''): the whole resource cannot be taken away"},
        Example{"CopyOfNothing", R"({"a":1})", R"([{"op":"copy","from":"/b/c","path":"/d"}])",
                "unprocessable: operation 0 (copy '/d'): there is no '/b'"}),
    name_of);

TEST(JsonPatch, KeepsTheBytesOfWhatItDoesNotName) {
  EXPECT_EQ(
      patched_text("{ \"v\" : 1.50 , \"deep\": { \"x\" : [ 1e0 , \"\\u0041\" ] , \"y\":-0.0 }, "
                   "\"w\": 12345678901234567890.10}",
                   R"([{"op":"replace","path":"/deep/y","value":2.500}])"),
      "{\"v\":1.50,\"deep\":{\"x\":[ 1e0 , \"\\u0041\" ],\"y\":2.500},"
      "\"w\":12345678901234567890.10}");
}

TEST(JsonPatch, ChangesNothingWhereNothingIsAnother) {
  const std::string_view json = R"({ "a" : { "b" : 1.50 } })";
  EXPECT_EQ(patched_text(json, R"([{"op":"test","path":"/a/b","value":1.5},)"
                               R"({"op":"replace","path":"/a/b","value":1.50}])"),
            json);
}

TEST(JsonPatch, AppliesToManyTexts) {
  const auto patch = JsonPatch::parse(R"([{"op":"add","path":"/a/-","value":[{"b":1}]}])");
  ASSERT_TRUE(patch);
  EXPECT_EQ(patch->apply(R"({"a":[]})").value(), R"({"a":[[{"b":1}]]})");
  EXPECT_EQ(patch->apply(R"({"a":[0]})").value(), R"({"a":[0,[{"b":1}]]})");
}

// I-05: a small patch must not make something large, deep or endless.
TEST(JsonPatch, StopsAtLimits) {
  std::string doubling = R"([{"op":"add","path":"/a","value":["0123456789"]})";
  for (int i = 0; i < 40; ++i) doubling += R"(,{"op":"copy","from":"/a","path":"/a/-"})";
  EXPECT_NE(patched_text("{}", doubling + "]").find("too-large: operation 2"), std::string::npos);

  std::string deeper = R"([{"op":"add","path":"/a","value":{}})";
  for (int i = 0; i < 120; ++i)
    deeper += R"(,{"op":"move","from":"/a","path":"/b"},{"op":"add","path":"/a","value":{}},)"
              R"({"op":"move","from":"/b","path":"/a/c"})";
  EXPECT_NE(patched_text("{}", deeper + "]").find("nested more than 100 levels deep"),
            std::string::npos);

  std::string large = R"({"a":[0)";
  for (int i = 0; i < 200000; ++i) large += ",0";
  std::string turning = R"([{"op":"test","path":"/a/0","value":0})";
  for (int i = 0; i < 9000; ++i) turning += R"(,{"op":"move","from":"/a/0","path":"/a/-"})";
  EXPECT_NE(patched_text(large + "]}", turning + "]").find("too much work"), std::string::npos);

  std::string many = R"([{"op":"test","path":"","value":{}})";
  for (int i = 0; i < 10000; ++i) many += R"(,{"op":"test","path":"","value":{}})";
  EXPECT_EQ(patched_text("{}", many + "]"), "invalid: a patch has at most 10000 operations");
}

}  // namespace
}  // namespace sluice::rest
