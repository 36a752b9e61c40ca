#include "fhir/operation_outcome.h"

#include <boost/json.hpp>

#include "fhir/utf8.h"

namespace sluice::fhir {

std::string operation_outcome(std::string_view severity, std::string_view code,
                              std::string_view diagnostics) {
  // Diagnostics quote what a client sent, and that need not be UTF-8; the answer must be.
  const auto quoted = [](std::string_view text) {
    return boost::json::serialize(boost::json::string_view(replace_invalid_utf8(text)));
  };
  std::string out = R"({"resourceType":"OperationOutcome","issue":[{"severity":)";
  out += quoted(severity);
  out += R"(,"code":)";
  out += quoted(code);
  if (!diagnostics.empty()) {
    out += R"(,"diagnostics":)";
    out += quoted(diagnostics);
  }
  out += "}]}";
  return out;
}

std::string diagnostics_of(std::string_view outcome_json) {
  boost::system::error_code failed;
  const auto outcome = boost::json::parse(outcome_json, failed);
  if (failed) return {};
  const auto* const text = outcome.find_pointer("/issue/0/diagnostics", failed);
  return text == nullptr || !text->is_string() ? std::string() : std::string(text->get_string());
}

}  // namespace sluice::fhir
