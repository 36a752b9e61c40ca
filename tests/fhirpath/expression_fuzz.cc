// An expression and a resource, parted by the first line break: whatever they are, there is a
// result or an error, soon.
#include <cstdint>
#include <string_view>

#include "fhirpath/document.h"
#include "fhirpath/evaluation.h"
#include "fhirpath/expression.h"
#include "json/json_check.h"
#include "json/json_tokens.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  fhirpath::CompileOptions options;
  options.strictness =
      size % 2 == 0 ? fhirpath::Strictness::kStrict : fhirpath::Strictness::kLenient;
  const auto expression = fhirpath::Expression::compile(input.substr(0, line), options);
  if (!expression || line == std::string_view::npos) return 0;
  fhir::JsonTokens tokens;
  if (!tokens.read(input.substr(line + 1)) || !fhir::check_json_object(tokens, 64)) return 0;
  const fhirpath::Document document(tokens);
  fhirpath::EvaluationOptions limits;
  limits.steps_max = 100'000;
  limits.items_max = 10'000;
  limits.text_max = 100'000;
  const auto values = fhirpath::Evaluation(limits).evaluate(*expression, document);
  if (!values) return 0;
  for (const auto& value : *values)
    if (fhirpath::to_json(value).empty()) __builtin_trap();
  return 0;
}
