// The rows that a view makes of resources.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/result.h"
#include "fhirpath/evaluation.h"
#include "table/view.h"

namespace sluice::table {

struct ColumnProgram;
struct SelectProgram;

/// A row's value for each column: nothing is null, a column that is no collection has one at most.
/// Elements without a value, which only have extensions, are left out.
using Row = std::span<const fhirpath::Collection>;

struct RowLimits {
  /// Of one resource; what its selects multiply to beyond that is kTooLarge.
  std::uint64_t rows_max = 1'000'000;
  /// Of all expressions on one resource together, for all its rows; more is kTooLarge.
  std::uint64_t steps_max = 200'000'000;
  /// Bytes of the values that a row and its selects hold at once; more is kTooLarge.
  std::size_t held_max = 128u << 20;
  /// Bytes of the texts that a row's values stand for, and of all rows of one resource; more is
  /// kTooLarge. A value may stand in very many cells.
  std::size_t row_size_max = 32u << 20;
  std::uint64_t rows_size_max = 1u << 30;
  /// Ends a resource that takes long with kCancelled.
  std::stop_token stop = {};
  fhirpath::EvaluationOptions evaluation = {};
};

/// Keeps its memory from resource to resource. One thread at a time.
class ViewRows {
 public:
  /// The row lives during the call; an error of `visit` ends each() and is returned by it.
  using Visit = std::function<Result<void>(Row row)>;

  explicit ViewRows(View view, RowLimits limits = {});

  /// Calls `visit` for each row of one resource, which must be of the view's type. kInvalid names
  /// the column that breaks a rule (two values without `collection`, a condition that is none, what
  /// FHIRPath calls an error), never a value; kTooLarge for a limit. Rows may have been visited
  /// before an error.
  Result<void> each(const fhirpath::Document& resource, const Visit& visit);

  const View& view() const { return view_; }

 private:
  /// What comes next within a row. Owns nothing, so that it costs no memory: what it calls stands
  /// on the stack of who made it.
  class Then {
   public:
    template <class Call>
    Then(const Call& call)  // NOLINT: a lambda where a Then is taken
        : object_(&call),
          call_([](const void* object) { return (*static_cast<const Call*>(object))(); }) {}
    Result<void> operator()() const { return call_(object_); }

   private:
    const void* const object_;
    Result<void> (*const call_)(const void* object);
  };

  /// The elements of a select, in memory that is used again.
  class Elements {
   public:
    explicit Elements(ViewRows& rows) : rows_(rows) {
      if (rows.spare_.empty()) return;
      values_ = std::move(rows.spare_.back());
      rows.spare_.pop_back();
    }
    ~Elements() {
      constexpr std::size_t kItemsKept = 4096;  // one large list must not stay for ever
      if (values_.capacity() > kItemsKept) return;
      values_.clear();
      rows_.spare_.push_back(std::move(values_));
    }
    Elements(const Elements&) = delete;
    Elements& operator=(const Elements&) = delete;
    fhirpath::Collection& operator*() { return values_; }

   private:
    ViewRows& rows_;
    fhirpath::Collection values_;
  };

  Result<bool> is_wanted(const fhirpath::Value& root);
  Result<void> run(const SelectProgram& select, const fhirpath::Value& context, const Then& then);
  Result<void> run_element(const SelectProgram& select, const fhirpath::Value& element,
                           std::int64_t index, const Then& then);
  Result<void> run_parts(const SelectProgram& select, std::size_t part,
                         const fhirpath::Value& element, const Then& then);
  Result<void> run_repeat(const SelectProgram& select, const fhirpath::Value& context,
                          std::int64_t& index, std::size_t depth, const Then& then);
  Result<void> run_selects(std::size_t number, const fhirpath::Value& root, const Then& then);
  /// Evaluates within the limits of a resource. An error has no place yet.
  Result<void> evaluate(const fhirpath::Expression& expression, const fhirpath::Value& context,
                        fhirpath::Collection& out);
  Result<void> hold(std::size_t size);
  Result<void> count_row();
  void clear(std::size_t column);
  Result<void> fill(const ColumnProgram& column, const fhirpath::Value& element);
  void fill_index(const SelectProgram& select);
  void set_index(std::int64_t index);

  const View view_;
  const RowLimits limits_;
  fhirpath::Evaluation evaluation_;
  fhirpath::Variables variables_;
  std::vector<fhirpath::Collection> row_;
  std::vector<fhirpath::Collection> spare_;
  std::int64_t index_ = 0;
  struct Size {
    std::size_t held = 0;
    std::size_t text = 0;
  };
  static Size size_of(const fhirpath::Collection& values);
  std::vector<Size> row_sizes_;  // of the values in row_
  std::size_t row_size_ = 0;     // of their texts
  std::uint64_t rows_size_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t steps_ = 0;
  std::size_t held_ = 0;
};

}  // namespace sluice::table
