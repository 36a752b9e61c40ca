// The rows of the R4 tables as the module uses them. The data are in src/fhir/r4; the build makes a
// header of them, which only resource_type.cc includes.
#pragma once

#include <span>
#include <string_view>

#include "fhir/resource_type.h"

namespace sluice::fhir::r4 {

/// A root element by its name in JSON ("status", "valueQuantity").
struct RootElement {
  std::string_view name;
  std::string_view choice;  ///< the name of the choice it is one of ("value"), if it is
  JsonKind kind;            ///< of the element or, when it repeats, of each
  bool repeats;             ///< in JSON an array
};

/// An element whose values are uris, urls, oids or uuids, except below these parents.
struct LinkElement {
  std::string_view name;
  std::span<const std::string_view> but_in;
};

struct TypeRow {
  ResourceType type;
  std::string_view name;
  std::span<const std::string_view> mandatory;          ///< choices as "value[x]"
  std::span<const std::string_view> summary;            ///< besides id, meta and implicitRules
  std::span<const RootElement> root_elements;           ///< with Resource's and DomainResource's
  std::span<const std::string_view> compartment_paths;  ///< "participant.actor"; empty for none
  /// "content.attachment"; empty for none. Without choices, which say their type in their name.
  std::span<const std::string_view> attachment_paths;
};

/// Aborts for a code that is not in the table.
const TypeRow& row(ResourceType type);
/// Ordered by name.
std::span<const LinkElement> link_elements();

}  // namespace sluice::fhir::r4
