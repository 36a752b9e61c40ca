#include "fhir/operation_outcome.h"

#include <boost/json.hpp>

#include "base/json_text.h"

namespace sluice::fhir {
namespace {

void append_issue(std::string& out, const OutcomeIssue& issue) {
  out += R"({"severity":)";
  out += json_string(issue.severity);
  out += R"(,"code":)";
  out += json_string(issue.code);
  if (!issue.diagnostics.empty()) {
    out += R"(,"diagnostics":)";
    out += json_string(issue.diagnostics);
  }
  if (!issue.expression.empty()) {
    out += R"(,"expression":[)";
    out += json_string(issue.expression);
    out += ']';
  }
  out += '}';
}

}  // namespace

std::string operation_outcome(const std::vector<OutcomeIssue>& issues) {
  std::string out = R"({"resourceType":"OperationOutcome","issue":[)";
  for (const auto& issue : issues) {
    if (&issue != &issues.front()) out += ',';
    append_issue(out, issue);
  }
  out += "]}";
  return out;
}

std::string operation_outcome(std::string_view severity, std::string_view code,
                              std::string_view diagnostics) {
  return operation_outcome({{severity, code, diagnostics}});
}

std::string diagnostics_of(std::string_view outcome_json) {
  boost::system::error_code failed;
  const auto outcome = boost::json::parse(outcome_json, failed);
  if (failed) return {};
  const auto* const text = outcome.find_pointer("/issue/0/diagnostics", failed);
  return text == nullptr || !text->is_string() ? std::string() : std::string(text->get_string());
}

}  // namespace sluice::fhir
