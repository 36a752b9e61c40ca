// Walks the tree of an expression for one context. Its functions return false after an error, which
// the machine keeps: a Result in each step would cost more than most steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fhirpath/equality.h"
#include "fhirpath/evaluation.h"
#include "fhirpath/functions.h"
#include "fhirpath/syntax.h"

namespace sluice::fhirpath {

class Machine {
 public:
  explicit Machine(EvaluationOptions options);

  /// Appends the results to `out`.
  [[nodiscard]] bool run(const Expression& expression, const Value& context,
                         const Variables& variables, Collection& out);
  const Error& error() const { return error_; }
  std::size_t error_position() const { return error_position_; }
  std::size_t steps() const { return steps_; }

 private:
  /// What $this, $index and $total mean.
  struct Frame {
    const Value* self = nullptr;  ///< null: {}
    std::int64_t index = 0;
    const Collection* total = nullptr;
  };

  /// A collection from the pool, which gets it back.
  class Lease {
   public:
    explicit Lease(Machine& machine) : machine_(machine), values_(machine.borrow()) {
      machine_.leased_.push_back(values_.get());
    }
    ~Lease() {
      machine_.leased_.pop_back();
      machine_.give_back(std::move(values_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Collection& operator*() { return *values_; }
    Collection* operator->() { return values_.get(); }

   private:
    Machine& machine_;
    std::unique_ptr<Collection> values_;
  };
  std::unique_ptr<Collection> borrow();
  void give_back(std::unique_ptr<Collection> values);

  // Every function of the machine appends to `out`.
  bool eval(const Syntax& tree, const Frame& frame, Collection& out);
  /// As eval(), but what the tree defines is forgotten.
  bool eval_apart(const Syntax& tree, const Frame& frame, Collection& out);
  bool literal(const Syntax& tree, Collection& out);
  bool member(const Syntax& tree, const Frame& frame, Collection& out);
  bool path(const Syntax& tree, const Node& start, Collection& out);
  bool select_member(const Syntax& tree, const Value& value, Collection& out);
  bool select_node(const Syntax& tree, const Node& node, Collection& out);
  bool variable(const Syntax& tree, Collection& out);
  bool indexer(const Syntax& tree, const Frame& frame, Collection& out);
  bool type_operator(const Syntax& tree, const Frame& frame, Collection& out);

  bool unary(const Syntax& tree, const Frame& frame, Collection& out);
  bool binary(const Syntax& tree, const Frame& frame, Collection& out);
  bool logic(const Syntax& tree, const Frame& frame, Collection& out);
  bool comparison(const Syntax& tree, const Collection& left, const Collection& right,
                  Collection& out);
  bool membership(const Syntax& tree, const Collection& left, const Collection& right,
                  Collection& out);
  bool arithmetic(const Syntax& tree, const Collection& left, const Collection& right,
                  Collection& out);
  bool arithmetic_on_numbers(const Syntax& tree, const Value& left, const Value& right,
                             Collection& out);
  bool arithmetic_on_quantities(const Syntax& tree, const Quantity& left, const Quantity& right,
                                Collection& out);
  bool move_date(const Syntax& tree, const Temporal& date, const Quantity& by, Collection& out);
  bool concatenate(const Syntax& tree, const Collection& left, const Collection& right,
                   Collection& out);

  bool call(const Syntax& tree, const Frame& frame, Collection& out);
  bool existence(const Syntax& tree, const Frame& frame, Collection& input, Collection& out);
  bool all_of(const Syntax& tree, const Collection& input, bool wanted, bool any, Collection& out);
  bool any_holds(const Syntax& tree, const Frame& frame, const Collection& input, bool wanted,
                 Collection& out);
  bool filtering(const Syntax& tree, const Frame& frame, Collection& input, Collection& out);
  bool subsetting(const Syntax& tree, const Frame& frame, Collection& input, Collection& out);
  bool set_function(const Syntax& tree, const Frame& frame, Collection& input, Collection& out);
  bool where(const Syntax& tree, const Frame& frame, const Collection& input, Collection& out);
  bool select(const Syntax& tree, const Frame& frame, const Collection& input, Collection& out);
  bool repeat(const Syntax& tree, const Frame& frame, const Collection& input, Collection& out);
  bool sort(const Syntax& tree, const Frame& frame, Collection& input, Collection& out);
  bool aggregate(const Syntax& tree, const Frame& frame, const Collection& input, Collection& out);
  bool iif(const Syntax& tree, const Frame& frame, const Collection& input, Collection& out);
  bool trace(const Syntax& tree, const Frame& frame, Collection& input, Collection& out);
  bool define(const Syntax& tree, const Frame& frame, Collection& input, Collection& out);
  bool conversion(const Syntax& tree, const Frame& frame, const Collection& input, Collection& out);
  bool string_function(const Syntax& tree, const Frame& frame, const Collection& input,
                       Collection& out);
  bool push_characters(const Syntax& tree, const std::string& text, Collection& out);
  bool string_search(const Syntax& tree, const Frame& frame, const std::string& text,
                     Collection& out);
  bool substring(const Syntax& tree, const Frame& frame, const std::string& text, Collection& out);
  bool replace(const Syntax& tree, const Frame& frame, const std::string& text, Collection& out);
  bool match(const Syntax& tree, const Frame& frame, const std::string& text, Collection& out);
  bool code_text(const Syntax& tree, const Frame& frame, const std::string& text, Collection& out);
  bool split(const Syntax& tree, const Frame& frame, const std::string& text, Collection& out);
  bool join(const Syntax& tree, const Frame& frame, const Collection& input, Collection& out);
  bool math(const Syntax& tree, const Frame& frame, const Collection& input, Collection& out);
  bool rounding(const Syntax& tree, const Frame& frame, const Value& value, Collection& out);
  bool boundary(const Syntax& tree, const Frame& frame, const Collection& input, Collection& out);
  bool date_part(const Syntax& tree, const Collection& input, Collection& out);
  bool clock(const Syntax& tree, Collection& out);
  bool utility(const Syntax& tree, const Frame& frame, Collection& input, Collection& out);
  bool fhir_function(const Syntax& tree, const Frame& frame, const Collection& input,
                     Collection& out);
  bool extension(const Syntax& tree, const Frame& frame, const Collection& input, Collection& out);
  bool resolve(const Syntax& tree, const Collection& input, Collection& out);
  bool reference_key(const Syntax& tree, const Collection& input, Collection& out);

  // ---- for all of them ----

  bool fail(const Syntax& tree, std::string message, ErrorKind kind = ErrorKind::kInvalid);
  /// Counts a step.
  bool step(const Syntax& tree) {
    if (++steps_ <= options_.steps_max) return true;
    return too_many_steps(tree);
  }
  bool steps(const Syntax& tree, std::size_t count);
  /// Runs a comparison of equality.h, which gets what it may cost.
  template <class Compare>
  auto compare(const Compare& comparison) {
    Work work{steps_, options_.steps_max};
    auto result = comparison(work);
    steps_ = work.steps;
    return result;
  }
  /// As to_system(). What a long text costs is seen by the next step.
  Value system_value(const Value& value);
  /// Appends copies.
  bool append_copies(const Syntax& tree, const Collection& values, Collection& out);
  bool too_many_steps(const Syntax& tree);
  bool too_many_items(const Syntax& tree);
  bool check_size(const Syntax& tree, const Collection& values) {
    return check_room(tree, values, 0);
  }
  /// Whether `values` may get so many more items.
  bool check_room(const Syntax& tree, const Collection& values, std::size_t more);
  bool push_text(const Syntax& tree, std::string text, Collection& out);
  /// The only item, null for {}; more are an error.
  bool single(const Syntax& tree, const Collection& values, const Value*& one);
  bool to_boolean(const Syntax& tree, const Collection& values, std::optional<bool>& boolean);
  bool holds(const Syntax& criterion, const Frame& frame, std::optional<bool>& result);
  /// Arguments that are one text or one whole number; nullopt for {}.
  bool text_argument(const Syntax& tree, std::size_t at, const Frame& frame,
                     std::optional<std::string>& text);
  bool integer_argument(const Syntax& tree, std::size_t at, const Frame& frame,
                        std::optional<std::int64_t>& number);
  bool append_distinct(const Syntax& tree, const Collection& values, Collection& out);
  bool is_in(const Syntax& tree, const Value& value, const Collection& values, bool& found);
  static void push_integer(std::optional<std::int64_t> value, bool is_long, Collection& out);

  EvaluationOptions options_;
  std::vector<std::unique_ptr<Collection>> pool_;
  std::vector<const Collection*> leased_;
  // Of path(), which evaluates nothing else meanwhile.
  std::vector<Node> nodes_;
  std::vector<Node> next_nodes_;
  std::vector<const Syntax*> members_;
  std::vector<std::pair<std::string_view, Collection>> defined_;
  const Expression* expression_ = nullptr;
  const Value* context_ = nullptr;
  const Variables* variables_ = nullptr;
  std::optional<Instant> now_;
  std::size_t steps_ = 0;
  Error error_;
  std::size_t error_position_ = 0;
};

}  // namespace sluice::fhirpath
