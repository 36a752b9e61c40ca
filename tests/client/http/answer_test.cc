// What Answer::problem() shows of a body, and what it keeps back.
#include <gtest/gtest.h>

#include <string>

#include "client/http/exchange.h"

namespace sluice::client {
namespace {

std::string problem_of(std::string body) {
  return Answer{.status = 500, .url = {}, .headers = {}, .body = std::move(body)}.problem();
}

TEST(Answer, ShowsTheTextsOfAnOutcomeAndOfAnOAuthError) {
  EXPECT_EQ(problem_of(R"({"resourceType":"OperationOutcome","issue":[{"diagnostics":"a"},)"
                       R"({"details":{"text":"b"}}]})"),
            "a; b");
  EXPECT_EQ(problem_of(R"({"error":"invalid_client","error_description":"no"})"),
            "invalid_client: no");
}

TEST(Answer, ShowsTheBeginningOfAPageOnOneLine) {
  EXPECT_EQ(problem_of("<h1>Bad\nGateway</h1>"), "<h1>Bad Gateway</h1>");
  EXPECT_EQ(problem_of(std::string(300, 'a')), std::string(200, 'a'));
  EXPECT_EQ(problem_of(""), "");
}

// L-15: what is somebody's data is neither shown nor logged.
TEST(Answer, ShowsOfResourcesOnlyTheirType) {
  const std::string line = R"({"resourceType":"Patient","id":"s","name":[{"family":"Secret"}]})";
  EXPECT_EQ(problem_of(line), "a body of resourceType Patient");
  EXPECT_EQ(problem_of(line + "\n" + line + "\n"), "a body of resourceType Patient");
  EXPECT_EQ(problem_of("\xEF\xBB\xBF \n" + line), "a body of resourceType Patient");
  EXPECT_EQ(problem_of(line.substr(0, 50)), "a body of resourceType Patient");
  EXPECT_EQ(problem_of("[" + line + "]"), "a body of resourceType Patient");
  EXPECT_EQ(problem_of("error: " + line), "a body of resourceType Patient");
  EXPECT_EQ(problem_of(R"({"error":"Secret","resourceType":"Basic"})"),
            "a body of resourceType Basic");
}

TEST(Answer, ShowsNothingOfOtherJsonXmlAndGzip) {
  const std::string nothing = "a body that is no OperationOutcome";
  EXPECT_EQ(problem_of(R"({"name":"Secret"})"), nothing);
  EXPECT_EQ(problem_of(R"({"resourceType":"Sec ret 1"})"), "a body of resourceType Sec");
  EXPECT_EQ(problem_of(R"({"resourceType":1,"a":"Secret"})"), nothing);
  EXPECT_EQ(problem_of("<Patient xmlns=\"http://hl7.org/fhir\"><name value=\"Secret\"/>"), nothing);
  EXPECT_EQ(problem_of("\x1f\x8b\x08Secret"), nothing);
}

}  // namespace
}  // namespace sluice::client
