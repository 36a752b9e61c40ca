// The rows of the tables in src/search/r4 as the module uses them. The build makes headers of the
// data: one of the search parameters, which only search_parameter.cc includes, and one of the
// compartments, which only compartment.cc includes.
#pragma once

#include <string_view>

#include "fhir/resource_type.h"

namespace sluice::search {

/// A row of src/search/r4/search_parameters.tsv, whose README explains the columns.
struct TableRow {
  std::string_view base;
  std::string_view name;
  std::string_view type;
  std::string_view targets;
  std::string_view paths;
  std::string_view components;
  std::string_view definition;
};

/// A row of src/search/r4/compartments.tsv.
struct CompartmentRow {
  std::string_view compartment;
  std::string_view type;
  std::string_view parameters;
};

/// The row of a parameter that find_parameter() knows; aborts for another.
const TableRow& row_of(fhir::ResourceType type, std::string_view name);

}  // namespace sluice::search
