// Expressions in one line each: what they give on a resource, or which error.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fhirpath/document.h"
#include "fhirpath/evaluation.h"
#include "fhirpath/expression.h"
#include "json/json_tokens.h"

namespace sluice::fhirpath {

/// A resource that lives as long as the test.
struct Resource {
  explicit Resource(std::string_view json) {
    tokens.read(json).value();
    document = std::make_unique<Document>(tokens);
  }
  fhir::JsonTokens tokens;
  std::unique_ptr<Document> document;
};

inline constexpr std::string_view kBasic = R"({"resourceType":"Basic","id":"b"})";

struct Outcome {
  std::vector<std::string> values;  ///< as JSON
  std::string error;
};

inline Outcome outcome(std::string_view expression, std::string_view json = kBasic,
                       CompileOptions options = {}, const Variables& variables = {},
                       EvaluationOptions evaluation = {}) {
  const Resource resource(json);
  const auto root = resource.document->root();
  if (options.root_type.empty() && root.type != system::kAny)
    options.root_type = row_of(root.type).name;
  const auto compiled = Expression::compile(expression, options);
  if (!compiled) return {{}, compiled.error().message};
  const auto values = Evaluation(evaluation).evaluate(*compiled, *resource.document, variables);
  if (!values) return {{}, values.error().message};
  Outcome result;
  for (const auto& value : *values) result.values.push_back(to_json(value));
  return result;
}

/// The results as JSON, separated by blanks; "{}" for none, "error: ..." for an error.
inline std::string eval(std::string_view expression, std::string_view json = kBasic) {
  const Outcome result = outcome(expression, json);
  if (!result.error.empty()) return "error: " + result.error;
  std::string text;
  for (const auto& value : result.values) text += (text.empty() ? "" : " ") + value;
  return text.empty() ? "{}" : text;
}

}  // namespace sluice::fhirpath
