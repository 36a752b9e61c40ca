// A ViewDefinition compiled: the columns of its table, and the expressions that fill them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "table/column.h"
#include "table/view_definition.h"

namespace sluice::table {

/// Immutable, cheap to copy, safe to read in many threads at once.
class View {
 public:
  /// The JSON of a ViewDefinition. kInvalid names the place of what is wrong, and of a wrong
  /// expression the position in it (E-01 to E-05); kUnsupported for a function or a type that is
  /// not supported; kTooLarge for a limit.
  static Result<View> compile(std::string_view json);
  static Result<View> compile(const ViewDefinition& definition);

  /// Empty: the definition has none.
  const std::string& name() const;
  fhir::ResourceType type() const;
  /// In the order of the table: of a select first its own, then those of its selects, then of its
  /// unionAll.
  const std::vector<Column>& columns() const;

  struct Program;
  const Program& program() const { return *program_; }

 private:
  std::shared_ptr<const Program> program_;
};

}  // namespace sluice::table
