#include "table/view_rows.h"

#include <fmt/format.h>

#include <utility>

#include "table/view_program.h"

namespace sluice::table {
namespace {

/// What went wrong, with where in the view.
Error placed(const Error& error, std::string_view place, std::string_view name = {}) {
  return {error.kind,
          name.empty() ? fmt::format("{}: {}", place, error.message)
                       : fmt::format("column '{}' ({}): {}", name, place, error.message),
          error.detail};
}

}  // namespace

ViewRows::ViewRows(View view, RowLimits limits)
    : view_(std::move(view)),
      limits_(std::move(limits)),
      evaluation_([this] {
        fhirpath::EvaluationOptions options = limits_.evaluation;
        options.joins_nothing_to_text = true;
        return options;
      }()),
      row_(view_.columns().size()) {
  variables_.emplace(kRowIndex, fhirpath::Collection{fhirpath::Integer{0}});
}

Result<void> ViewRows::each(const fhirpath::Document& resource, const Visit& visit) {
  rows_ = 0;
  set_index(0);
  const fhirpath::Value root(resource.root());
  SLUICE_ASSIGN_OR_RETURN(const bool wanted, is_wanted(root));
  if (!wanted) return {};
  return run_selects(0, root, [&]() -> Result<void> {
    if (++rows_ > limits_.rows_max)
      return Error{ErrorKind::kTooLarge,
                   fmt::format("the resource makes more than {} rows", limits_.rows_max)};
    return visit(row_);
  });
}

Result<bool> ViewRows::is_wanted(const fhirpath::Value& root) {
  fhirpath::Collection found;
  for (const auto& where : view_.program().where) {
    if (auto done = evaluation_.evaluate(where.expression, root, variables_, found); !done)
      return placed(done.error(), where.place);
    if (found.empty()) return false;
    const fhirpath::Value value = fhirpath::to_system(found.front());
    const bool* const holds = value.get<bool>();
    if (found.size() > 1 || holds == nullptr)
      return invalid(fmt::format("{}: the condition is neither true nor false", where.place));
    if (!*holds) return false;
  }
  return true;
}

// The rows are the product of what the selects of a level make: the next select runs within each
// row of the one before it.
Result<void> ViewRows::run_selects(std::size_t number, const fhirpath::Value& root,
                                   const Then& then) {
  const auto& selects = view_.program().selects;
  if (number == selects.size()) return then();
  set_index(0);
  return run(selects[number], root, [&] { return run_selects(number + 1, root, then); });
}

Result<void> ViewRows::run(const SelectProgram& select, const fhirpath::Value& context,
                           const Then& then) {
  using Each = SelectDefinition::Each;
  if (select.each == Each::kNone) {
    const auto index = variables_.begin()->second.front();
    return run_element(select, context, index.get<fhirpath::Integer>()->value, then);
  }
  if (select.each == Each::kRepeat) {
    std::int64_t index = 0;
    return run_repeat(select, context, index, then);
  }
  fhirpath::Collection elements;
  if (auto done = evaluation_.evaluate(select.paths.front(), context, variables_, elements); !done)
    return placed(done.error(), select.place);
  if (elements.empty() && select.each == Each::kForEachOrNull) {
    for (std::size_t i = select.first_column; i < select.end_column; ++i) row_[i].clear();
    set_index(0);
    fill_index(select);
    return then();
  }
  std::int64_t index = 0;
  for (const auto& element : elements)
    SLUICE_RETURN_IF_ERROR(run_element(select, element, index++, then));
  return {};
}

Result<void> ViewRows::run_repeat(const SelectProgram& select, const fhirpath::Value& context,
                                  std::int64_t& index, const Then& then) {
  for (const auto& path : select.paths) {
    fhirpath::Collection elements;
    if (auto done = evaluation_.evaluate(path, context, variables_, elements); !done)
      return placed(done.error(), select.place);
    for (const auto& element : elements) {
      SLUICE_RETURN_IF_ERROR(run_element(select, element, index++, then));
      SLUICE_RETURN_IF_ERROR(run_repeat(select, element, index, then));
    }
  }
  return {};
}

Result<void> ViewRows::run_element(const SelectProgram& select, const fhirpath::Value& element,
                                   std::int64_t index, const Then& then) {
  set_index(index);
  for (const auto& column : select.columns) SLUICE_RETURN_IF_ERROR(fill(column, element));
  return run_parts(select, 0, element, [&, index]() -> Result<void> {
    SLUICE_RETURN_IF_ERROR(then());
    set_index(index);
    return {};
  });
}

Result<void> ViewRows::run_parts(const SelectProgram& select, std::size_t part,
                                 const fhirpath::Value& element, const Then& then) {
  const auto index = variables_.begin()->second.front();
  const auto again = [&] { variables_.begin()->second.front() = index; };
  if (part < select.selects.size())
    return run(select.selects[part], element, [&]() -> Result<void> {
      again();
      return run_parts(select, part + 1, element, then);
    });
  if (part > select.selects.size() || select.unions.empty()) return then();
  for (const auto& branch : select.unions) {
    again();
    SLUICE_RETURN_IF_ERROR(run(branch, element, then));
  }
  return {};
}

// The row without an element is the first, and all that is known of it.
void ViewRows::fill_index(const SelectProgram& select) {
  for (const auto& column : select.columns)
    if (column.is_index) row_[column.number] = variables_.begin()->second;
  for (const auto& nested : select.selects) fill_index(nested);
}

Result<void> ViewRows::fill(const ColumnProgram& column, const fhirpath::Value& element) {
  auto& cell = row_[column.number];
  const Column& described = view_.columns()[column.number];
  if (auto done = evaluation_.evaluate(column.expression, element, variables_, cell); !done)
    return placed(done.error(), column.place, described.name);
  if (cell.size() > 1 && !described.is_collection)
    return invalid(fmt::format("column '{}' ({}) has {} values and is no collection",
                               described.name, column.place, cell.size()));
  return {};
}

void ViewRows::set_index(std::int64_t index) {
  variables_.begin()->second.front() = fhirpath::Integer{index};
}

}  // namespace sluice::table
