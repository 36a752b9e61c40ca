// What a view is compiled into. Internal to the module.
#pragma once

#include <string>
#include <vector>

#include "fhirpath/expression.h"
#include "table/view.h"

namespace sluice::table {

/// The name of the variable that counts the elements of a forEach or repeat (E-03).
inline constexpr std::string_view kRowIndex = "rowIndex";

struct ColumnProgram {
  std::size_t number;  ///< in View::columns()
  fhirpath::Expression expression;
  std::string place;
  bool is_index;  ///< it is %rowIndex, which has a value where there is no element too
};

struct SelectProgram {
  SelectDefinition::Each each = SelectDefinition::Each::kNone;
  std::vector<fhirpath::Expression> paths;
  std::string place;
  std::vector<ColumnProgram> columns;
  std::vector<SelectProgram> selects;
  /// Each fills the same columns; none: there is no unionAll.
  std::vector<SelectProgram> unions;
  /// All columns of it: [first_column, end_column).
  std::size_t first_column = 0;
  std::size_t end_column = 0;
};

struct WhereProgram {
  fhirpath::Expression expression;
  std::string place;
};

struct View::Program {
  std::string name;
  fhir::ResourceType type;
  std::vector<Column> columns;
  std::vector<WhereProgram> where;
  std::vector<SelectProgram> selects;
};

}  // namespace sluice::table
