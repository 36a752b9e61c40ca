#include "table/view_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "table/view_program.h"

namespace sluice::table {
namespace {

/// What went wrong, with where in the view.
Error placed(const Error& error, std::string_view place, std::string_view name = {}) {
  if (error.kind == ErrorKind::kCancelled) return error;
  return {error.kind,
          name.empty() ? fmt::format("{}: {}", place, error.message)
                       : fmt::format("column '{}' ({}): {}", name, place, error.message),
          error.detail};
}

constexpr std::size_t kSmall = 16u << 10;  // values of so many bytes are not counted
constexpr std::size_t kKept = 1u << 20;    // bytes: one large cell must not stay for ever
/// A resource is not nested deeper: more is a path that leads back to where it begins.
constexpr std::size_t kRepeatDepthMax = 128;

/// Counts what a select's elements hold while they are there.
class Held {
 public:
  Held(std::size_t& held, std::size_t size) : held_(held), size_(size) { held_ += size_; }
  ~Held() { held_ -= size_; }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  std::size_t& held_;
  const std::size_t size_;
};

}  // namespace

ViewRows::Size ViewRows::size_of(const fhirpath::Collection& values) {
  Size size{values.size() * sizeof(fhirpath::Value)};
  for (const auto& value : values) {
    if (const auto* const node = value.node()) {
      if (node->value != fhirpath::Node::kNone)
        size.text += node->document->text_of(node->value).size();
    } else if (const auto* const text = value.get<std::string>()) {
      size.held += text->size();
      size.text += text->size();
    }
  }
  return std::max(size.held, size.text) < kSmall ? Size() : size;
}

ViewRows::ViewRows(View view, RowLimits limits)
    : view_(std::move(view)),
      limits_(std::move(limits)),
      evaluation_([this] {
        fhirpath::EvaluationOptions options = limits_.evaluation;
        options.joins_nothing_to_text = true;
        return options;
      }()),
      row_(view_.columns().size()),
      row_sizes_(row_.size()) {
  variables_.emplace(kRowIndex, fhirpath::Collection{fhirpath::Integer{0}});
}

Result<void> ViewRows::each(const fhirpath::Document& resource, const Visit& visit) {
  rows_ = 0;
  steps_ = 0;
  rows_size_ = 0;
  set_index(0);
  const fhirpath::Value root(resource.root());
  SLUICE_ASSIGN_OR_RETURN(const bool wanted, is_wanted(root));
  if (!wanted) return {};
  return run_selects(0, root, [&]() -> Result<void> {
    if (++rows_ > limits_.rows_max)
      return Error{ErrorKind::kTooLarge,
                   fmt::format("the resource makes more than {} rows", limits_.rows_max)};
    SLUICE_RETURN_IF_ERROR(count_row());
    return visit(row_);
  });
}

Result<void> ViewRows::evaluate(const fhirpath::Expression& expression,
                                const fhirpath::Value& context, fhirpath::Collection& out) {
  if (limits_.stop.stop_requested()) return Error{ErrorKind::kCancelled, "interrupted"};
  SLUICE_RETURN_IF_ERROR(evaluation_.evaluate(expression, context, variables_, out));
  steps_ += evaluation_.steps();
  if (steps_ <= limits_.steps_max) return {};
  return Error{ErrorKind::kTooLarge,
               fmt::format("the resource takes more than {} steps", limits_.steps_max)};
}

Result<void> ViewRows::hold(std::size_t size) {
  held_ += size;
  if (held_ <= limits_.held_max) return {};
  return Error{
      ErrorKind::kTooLarge,
      fmt::format("a row's values and elements are larger than {} bytes", limits_.held_max)};
}

Result<void> ViewRows::count_row() {
  if (row_size_ > limits_.row_size_max)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("the values of a row are larger than {} bytes", limits_.row_size_max)};
  rows_size_ += row_size_;
  if (rows_size_ <= limits_.rows_size_max) return {};
  return Error{
      ErrorKind::kTooLarge,
      fmt::format("the rows of the resource are larger than {} bytes", limits_.rows_size_max)};
}

Result<bool> ViewRows::is_wanted(const fhirpath::Value& root) {
  Elements lease(*this);
  fhirpath::Collection& found = *lease;
  for (const auto& where : view_.program().where) {
    if (auto done = evaluate(where.expression, root, found); !done)
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
  if (select.each == Each::kNone) return run_element(select, context, index_, then);
  if (select.each == Each::kRepeat) {
    std::int64_t index = 0;
    return run_repeat(select, context, index, 1, then);
  }
  Elements lease(*this);
  fhirpath::Collection& elements = *lease;
  if (auto done = evaluate(select.paths.front(), context, elements); !done)
    return placed(done.error(), select.place);
  const Held held(held_, size_of(elements).held);
  if (auto done = hold(0); !done) return placed(done.error(), select.place);
  if (elements.empty() && select.each == Each::kForEachOrNull) {
    for (std::size_t i = select.first_column; i < select.end_column; ++i) clear(i);
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
                                  std::int64_t& index, std::size_t depth, const Then& then) {
  for (const auto& path : select.paths) {
    Elements lease(*this);
    fhirpath::Collection& elements = *lease;
    if (auto done = evaluate(path, context, elements); !done)
      return placed(done.error(), select.place);
    const Held held(held_, size_of(elements).held);
    if (auto done = hold(0); !done) return placed(done.error(), select.place);
    if (depth > kRepeatDepthMax && !elements.empty())
      return Error{ErrorKind::kTooLarge, fmt::format("{}: repeat goes more than {} levels deep",
                                                     select.place, kRepeatDepthMax)};
    for (const auto& element : elements) {
      SLUICE_RETURN_IF_ERROR(run_element(select, element, index++, then));
      SLUICE_RETURN_IF_ERROR(run_repeat(select, element, index, depth + 1, then));
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
  const std::int64_t index = index_;
  const auto again = [&] { set_index(index); };
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
  // The branches fill the same columns.
  if (!select.unions.empty()) fill_index(select.unions.front());
}

void ViewRows::clear(std::size_t column) {
  auto& cell = row_[column];
  const Size size = std::exchange(row_sizes_[column], {});
  held_ -= size.held;
  row_size_ -= size.text;
  if (cell.capacity() * sizeof(fhirpath::Value) > kKept) fhirpath::Collection().swap(cell);
  cell.clear();
}

Result<void> ViewRows::fill(const ColumnProgram& column, const fhirpath::Value& element) {
  auto& cell = row_[column.number];
  const Column& described = view_.columns()[column.number];
  clear(column.number);
  if (auto done = evaluate(column.expression, element, cell); !done)
    return placed(done.error(), column.place, described.name);
  // A primitive that has extensions only is no value.
  std::erase_if(cell, [](const fhirpath::Value& value) {
    const auto* const node = value.node();
    return node != nullptr && node->value == fhirpath::Node::kNone;
  });
  const Size size = row_sizes_[column.number] = size_of(cell);
  row_size_ += size.text;
  if (auto done = hold(size.held); !done) return placed(done.error(), column.place, described.name);
  if (cell.size() > 1 && !described.is_collection)
    return invalid(fmt::format("column '{}' ({}) has {} values and is no collection",
                               described.name, column.place, cell.size()));
  return {};
}

void ViewRows::set_index(std::int64_t index) {
  if (index == index_) return;
  index_ = index;
  variables_.begin()->second.front() = fhirpath::Integer{index};
}

}  // namespace sluice::table
