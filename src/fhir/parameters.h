// The Parameters resource of an operation's request body, and its kin as query parameters: name and
// value pairs in order.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::fhir {

/// The most parameters of one request.
inline constexpr std::size_t kParametersMax = 200'000;

/// One parameter. `kind` is the value[x] that carried it ("valueString", "valueInstant",
/// "valueReference", "valueCode", "valueCoding", "valueUri", "valueUrl", "valueCanonical",
/// "valueBoolean", "valueInteger", "valueUnsignedInt", "valuePositiveInt", "valueInteger64",
/// "valueDecimal", "valueDate", "valueDateTime", "valueId"), or "query" for one of a query string
/// or form. `value` is its text: a Reference's `reference`, a Coding's `code`, a boolean's
/// "true"/"false", a number's digits.
struct Parameter {
  std::string name;
  std::string value;
  std::string kind;
  std::string system = {};  ///< of a Coding, when it has one
};

/// Reads a Parameters resource. kInvalid for malformed JSON, another resourceType, an entry without
/// name, without or with two values, with `resource` or `part`, or with a value[x] not listed
/// above; the message names the entry. kTooLarge for more
/// than kParametersMax. An absent or empty `parameter` is an empty list.
Result<std::vector<Parameter>> read_parameters(std::string_view json);

/// A parameter of an operation that takes resources and parameters of several parts.
struct NestedParameter {
  Parameter value;            ///< no `kind` when it has a resource or parts
  std::string resource = {};  ///< its JSON, as it stands there
  std::vector<NestedParameter> parts = {};
};

/// The same with `resource` and `part`, each entry with one of them or a value.
Result<std::vector<NestedParameter>> read_nested_parameters(std::string_view json);

}  // namespace sluice::fhir
