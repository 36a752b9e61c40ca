// Shorthand of the search tests: a query as text, a resource as text, yes or no.
#pragma once

#include <string>
#include <string_view>

#include "search/matcher.h"
#include "search/query.h"

namespace sluice::search {

inline constexpr std::string_view kBase = "https://sluice.example/fhir";

inline fhir::ResourceType type_of(std::string_view name) {
  return fhir::find_resource_type(name).value();
}

/// "Patient?gender=male". 2026-01-01 is now.
inline Result<Query> compile(std::string_view query) {
  const std::size_t mark = query.find('?');
  return Query::compile(type_of(query.substr(0, mark)), query.substr(mark + 1),
                        {.base_url = std::string(kBase), .now = Instant{1767225600000}});
}

/// "match", "no match" or the error.
inline std::string search(std::string_view query, std::string_view resource) {
  const auto compiled = compile(query);
  if (!compiled) return "error: " + compiled.error().message;
  Matcher matcher;
  const auto matches = matcher.matches(*compiled, resource);
  if (!matches) return "error: " + matches.error().message;
  return *matches ? "match" : "no match";
}

/// The error of a query that must be refused.
inline std::string refusal(std::string_view query) {
  const auto compiled = compile(query);
  return compiled ? "compiled" : compiled.error().message;
}

}  // namespace sluice::search
