// HL7's tests of FHIRPath for R4, from the folder SLUICE_SHARED/suites/fhirpath, which is not part
// of the repository. suite_failures.tsv has those that fail and why; what is in it must fail.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "evaluating.h"
#include "xml_resource.h"

namespace sluice::fhirpath {
namespace {

struct SuiteTest {
  std::string name;
  std::string expression;
  std::string input;
  bool strict = false;
  bool ordered = true;
  bool checks_order = false;
  bool predicate = false;
  bool fails = false;                                        ///< the expression is invalid
  std::vector<std::pair<std::string, std::string>> outputs;  // type and text
};

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The value of an attribute in the text of a tag.
std::string attribute(std::string_view tag, const std::string& name) {
  const std::size_t begin = tag.find(" " + name + "=\"");
  if (begin == std::string_view::npos) return "";
  const std::size_t start = begin + name.size() + 3;
  return unescape_xml(tag.substr(start, tag.find('"', start) - start));
}

std::string without_comments(std::string text) {
  for (std::size_t begin; (begin = text.find("<!--")) != std::string::npos;) {
    const std::size_t end = text.find("-->", begin);
    text.erase(begin, end == std::string::npos ? end : end + 3 - begin);
  }
  return text;
}

/// The file is no well-formed XML ("<" stands in expressions), so tags are looked for by name.
SuiteTest read_test(std::string_view text) {
  const auto tag_of = [](std::string_view part) { return part.substr(0, part.find('>')); };
  const std::string_view tag = tag_of(text);
  SuiteTest test{attribute(tag, "name"),
                 "",
                 attribute(tag, "inputfile"),
                 attribute(tag, "mode") == "strict",
                 attribute(tag, "ordered") != "false",
                 attribute(tag, "checkOrderedFunctions") == "true",
                 attribute(tag, "predicate") == "true",
                 !attribute(tag, "invalid").empty(),
                 {}};
  const std::size_t begin = text.find("<expression");
  const std::size_t start = text.find('>', begin) + 1;
  test.fails = test.fails || !attribute(tag_of(text.substr(begin)), "invalid").empty();
  test.expression = unescape_xml(text.substr(start, text.find("</expression>", start) - start));
  for (std::size_t at = text.find("<output", start); at != std::string_view::npos;
       at = text.find("<output", at + 1)) {
    const std::string_view output = tag_of(text.substr(at));
    const std::size_t value = at + output.size() + 1;
    const bool empty = output.ends_with('/');
    test.outputs.emplace_back(
        attribute(output, "type"),
        empty ? "" : unescape_xml(text.substr(value, text.find("</output>", value) - value)));
  }
  return test;
}

std::vector<SuiteTest> read_suite(const std::string& text) {
  std::vector<SuiteTest> tests;
  for (std::size_t at = text.find("<test "); at != std::string::npos;) {
    const std::size_t end = text.find("</test>", at);
    tests.push_back(read_test(std::string_view(text).substr(at, end - at)));
    at = text.find("<test ", end);
  }
  return tests;
}

/// "string" of FHIR.string and of System.String.
std::string suite_type(const Value& value) {
  std::string name(short_name(type_of(value)));
  if (is_system(type_of(value)) && name != "Quantity")
    name[0] = static_cast<char>(std::tolower(name[0]));
  return name;
}

/// What is not as expected; empty if all is.
std::string run(const SuiteTest& test, const Document& document) {
  CompileOptions options;
  const std::string type(row_of(document.root().type).name);
  options.root_type = type;
  options.strictness = test.strict ? Strictness::kStrict : Strictness::kLenient;
  options.checks_order = test.checks_order;
  const auto expression = Expression::compile(test.expression, options);
  if (!expression) return test.fails ? "" : expression.error().message;
  const auto values = Evaluation().evaluate(*expression, document);
  if (!values) return test.fails ? "" : values.error().message;
  if (test.fails) return "no error";
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& value : *values)
    found.emplace_back(suite_type(value), to_text(to_system(value)).value_or(to_json(value)));
  if (test.predicate) found = {{"boolean", values->empty() ? "false" : "true"}};
  auto expected = test.outputs;
  if (!test.ordered) {
    std::sort(found.begin(), found.end());
    std::sort(expected.begin(), expected.end());
  }
  if (found == expected) return "";
  std::string text = "gives";
  for (const auto& [name, value] : found) text += " " + name + ":" + value;
  return text;
}

std::map<std::string, std::string> known_failures() {
  std::map<std::string, std::string> reasons;
  std::ifstream file(SLUICE_FHIRPATH_FAILURES);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t tab = line.find('\t');
    reasons[line.substr(0, tab)] = tab == std::string::npos ? "" : line.substr(tab + 1);
  }
  return reasons;
}

TEST(FhirpathSuite, AllTestsPassButThoseInTheListOfFailures) {
  const char* shared = std::getenv("SLUICE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "SLUICE_SHARED names no folder with HL7's tests";
  const auto folder = std::filesystem::path(shared) / "suites" / "fhirpath";
  const auto tests = read_suite(without_comments(read_file(folder / "tests-fhir-r4.xml")));
  EXPECT_EQ(tests.size(), 686u);
  auto failures = known_failures();
  EXPECT_LE(failures.size(), 15u);
  std::map<std::string, std::unique_ptr<Resource>> inputs;
  std::map<std::string, int> seen;
  std::size_t failed = 0;
  for (const auto& test : tests) {
    auto& input = inputs[test.input];
    if (input == nullptr)
      input = std::make_unique<Resource>(
          resource_json(read_xml(read_file(folder / "input" / test.input))));
    // Some names stand twice.
    const int number = ++seen[test.name];
    const std::string name = number == 1 ? test.name : test.name + "#" + std::to_string(number);
    const std::string wrong = run(test, *input->document);
    const auto known = failures.find(name);
    if (known == failures.end()) {
      EXPECT_EQ(wrong, "") << name << ": " << test.expression;
    } else {
      EXPECT_FALSE(known->second.empty()) << name << " has no reason";
      EXPECT_NE(wrong, "") << name << " is in the list of failures, and passes";
      failures.erase(known);
    }
    failed += wrong.empty() ? 0 : 1;
  }
  for (const auto& [name, reason] : failures) ADD_FAILURE() << "there is no test " << name;
  RecordProperty("failed", static_cast<int>(failed));
  std::printf("%zu of HL7's %zu tests pass\n", tests.size() - failed, tests.size());
}

// The harness itself, without the suite.
TEST(FhirpathSuite, XmlBecomesTheJsonThatFhirHas) {
  const auto json = resource_json(read_xml(
      "<?xml version=\"1.0\"?><Patient xmlns=\"http://hl7.org/fhir\"><!-- c --><id value=\"p\"/>"
      "<active value=\"true\"/><name><given value=\"A &amp; B\"/><given value=\"C\"><extension "
      "url=\"u\"><valueInteger value=\"1\"/></extension></given></name></Patient>"));
  EXPECT_EQ(json,
            R"({"resourceType":"Patient","id":"p","active":true,"name":[{"given":["A & B","C"],)"
            R"("_given":[null,{"extension":[{"url":"u","valueInteger":1}]}]}]})");
}

}  // namespace
}  // namespace sluice::fhirpath
