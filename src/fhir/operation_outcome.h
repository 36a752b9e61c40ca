// OperationOutcome resources as JSON text.
#pragma once

#include <string>
#include <string_view>

namespace sluice::fhir {

/// An OperationOutcome with one issue on one line. `severity`: "fatal", "error", "warning",
/// "information"; `code` of the issue-type value set ("invalid", "not-found", "throttled" ...);
/// `diagnostics` is for people: it is escaped here, holds no PHI by the caller's promise, and may
/// be empty.
std::string operation_outcome(std::string_view severity, std::string_view code,
                              std::string_view diagnostics);

/// The diagnostics of the first issue; empty when there are none.
std::string diagnostics_of(std::string_view outcome_json);

}  // namespace sluice::fhir
