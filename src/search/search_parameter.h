// The search parameters of FHIR R4 that this server understands: one table, which compiles queries
// and which /metadata lists, so that what is promised is what works (C-01).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "fhir/resource_type.h"

namespace sluice::search {

enum class ParameterType : std::uint8_t {
  kToken,
  kString,
  kReference,
  kDate,
  kNumber,
  kQuantity,
  kUri,
  kComposite,
};

/// "token", as SearchParameter.type and CapabilityStatement spell it.
std::string_view to_string(ParameterType type);

/// A search parameter of one resource type. Views live as long as the program.
struct SearchParameter {
  std::string_view name;  ///< "code", "_lastUpdated"
  ParameterType type = ParameterType::kToken;
  std::string_view canonical;  ///< http://hl7.org/fhir/SearchParameter/clinical-code
  /// kReference: the types it may point to, sorted; empty: any.
  std::span<const fhir::ResourceType> targets = {};
};

/// Every parameter that Query::compile accepts for the type, those of all types ("_id") included,
/// ordered by name. `_has` and chains are not in it.
std::span<const SearchParameter> parameters_of(fhir::ResourceType type);
/// nullptr for a parameter that the type does not have or that is not supported.
const SearchParameter* find_parameter(fhir::ResourceType type, std::string_view name);

/// Whether `name` is a result parameter (_sort, _count, _include:iterate ...), which does not
/// select resources. Filters refuse such names; a search removes them first.
bool is_result_parameter(std::string_view name);

}  // namespace sluice::search
