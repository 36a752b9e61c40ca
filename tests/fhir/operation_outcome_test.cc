#include "fhir/operation_outcome.h"

#include <gtest/gtest.h>

namespace sluice::fhir {
namespace {

TEST(OperationOutcome, HasOneIssueOnOneLine) {
  EXPECT_EQ(operation_outcome("error", "invalid", "_type: 'Martian' is unknown"),
            R"({"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid",)"
            R"("diagnostics":"_type: 'Martian' is unknown"}]})");
}

TEST(OperationOutcome, LeavesEmptyDiagnosticsOut) {
  EXPECT_EQ(operation_outcome("information", "informational", ""),
            R"({"resourceType":"OperationOutcome","issue":[{"severity":"information",)"
            R"("code":"informational"}]})");
}

TEST(OperationOutcome, EscapesWhatAClientSent) {
  EXPECT_EQ(operation_outcome("error", "value", "a\"b\\c\nd\x01"),
            R"({"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"value",)"
            R"("diagnostics":"a\"b\\c\nd\u0001"}]})");
}

TEST(OperationOutcome, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(operation_outcome("error", "value", "\xC3\xA4\xFF\xC3z\xED\xA0\x80"),
            "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"error\","
            "\"code\":\"value\",\"diagnostics\":\"\xC3\xA4\xEF\xBF\xBD\xEF\xBF\xBDz"
            "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"}]}");
}

TEST(OperationOutcome, GivesItsDiagnosticsBack) {
  EXPECT_EQ(diagnostics_of(operation_outcome("error", "value", "a \"b\"")), "a \"b\"");
  for (const char* none :
       {R"({"issue":[{}]})", R"({"issue":[]})", R"({"issue":[{"diagnostics":7}]})", "{}", "", "["})
    EXPECT_EQ(diagnostics_of(none), "") << none;
}

}  // namespace
}  // namespace sluice::fhir
