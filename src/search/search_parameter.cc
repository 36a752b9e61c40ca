#include "search/search_parameter.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace sluice::search {

std::string_view to_string(ParameterType type) {
  switch (type) {
    case ParameterType::kToken:
      return "token";
    case ParameterType::kString:
      return "string";
    case ParameterType::kReference:
      return "reference";
    case ParameterType::kDate:
      return "date";
    case ParameterType::kNumber:
      return "number";
    case ParameterType::kQuantity:
      return "quantity";
    case ParameterType::kUri:
      return "uri";
    case ParameterType::kComposite:
      return "composite";
  }
  std::abort();
}

std::span<const SearchParameter> parameters_of(fhir::ResourceType) {
  return {};
}

const SearchParameter* find_parameter(fhir::ResourceType type, std::string_view name) {
  const auto all = parameters_of(type);
  const auto found = std::lower_bound(
      all.begin(), all.end(), name, [](const SearchParameter& parameter, std::string_view wanted) {
        return parameter.name < wanted;
      });
  return found != all.end() && found->name == name ? &*found : nullptr;
}

bool is_result_parameter(std::string_view name) {
  constexpr std::array kNames = {"_contained", "_containedType", "_count",   "_elements",
                                 "_format",    "_include",       "_pretty",  "_revinclude",
                                 "_score",     "_sort",          "_summary", "_total"};
  return std::find(kNames.begin(), kNames.end(), name.substr(0, name.find(':'))) != kNames.end();
}

}  // namespace sluice::search
