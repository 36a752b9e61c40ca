// OperationOutcome resources as JSON text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::fhir {

/// `severity`: "fatal", "error", "warning", "information"; `code` of the issue-type value set
/// ("invalid", "not-found", "throttled" ...); `diagnostics` is for people: it is escaped when it is
/// written, holds no PHI by the caller's promise, and may be empty.
struct OutcomeIssue {
  std::string_view severity;
  std::string_view code;
  std::string_view diagnostics;
  std::string_view expression = {};  ///< where the fault is: "patient"; empty: nothing is said
};

/// An OperationOutcome on one line. `issues` must not be empty: FHIR requires at least one.
std::string operation_outcome(const std::vector<OutcomeIssue>& issues);
/// With one issue.
std::string operation_outcome(std::string_view severity, std::string_view code,
                              std::string_view diagnostics);

/// The diagnostics of the first issue; empty when there are none.
std::string diagnostics_of(std::string_view outcome_json);

}  // namespace sluice::fhir
