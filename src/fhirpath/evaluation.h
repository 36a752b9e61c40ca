// Runs compiled expressions on resources.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"
#include "fhirpath/document.h"
#include "fhirpath/expression.h"
#include "fhirpath/value.h"

namespace sluice::fhirpath {

/// Values for the names that an expression was compiled with (CompileOptions::variables). A name
/// that is missing here means {}.
using Variables = std::map<std::string, Collection, std::less<>>;

/// Finds what references lead to outside of a document, for resolve().
class ReferenceResolver {
 public:
  virtual ~ReferenceResolver() = default;
  /// `reference` as it is written: "Patient/1", an URL. Null where there is none. The document must
  /// live as long as the results of the evaluation are used.
  virtual Result<const Document*> resolve(std::string_view reference) = 0;
};

struct EvaluationOptions {
  /// Steps, items of one collection (and half of those that are held at once), and bytes of one
  /// text; more is kTooLarge. What takes longer than a step counts as several, so that a second is
  /// enough for all of them.
  std::size_t steps_max = 10'000'000;
  std::size_t items_max = 1'000'000;
  std::size_t text_max = 16 << 20;
  /// Whether join() of nothing is an empty text, as SQL on FHIR has it, and not nothing.
  bool joins_nothing_to_text = false;
  ReferenceResolver* resolver = nullptr;
  /// For now() and today(), in UTC; null for the machine's.
  const Clock* clock = nullptr;
  /// Gets what trace() is called on.
  std::function<void(std::string_view name, const Collection& values)> trace = {};
};

/// Keeps its memory from one evaluation to the next. Not thread-safe: one for each thread.
class Evaluation {
 public:
  explicit Evaluation(EvaluationOptions options = {});
  ~Evaluation();
  Evaluation(Evaluation&&) noexcept;
  Evaluation& operator=(Evaluation&&) noexcept;

  /// On a whole resource. kInvalid for what the language calls an error (more than one item where
  /// one may stand, types that an operator does not take), with its place; kTooLarge for a limit.
  Result<Collection> evaluate(const Expression& expression, const Document& document,
                              const Variables& variables = {});
  /// On a value, for instance the result of another expression.
  Result<Collection> evaluate(const Expression& expression, const Value& context,
                              const Variables& variables = {});
  /// The same into `out`, which is emptied before and whose memory is used again.
  Result<void> evaluate(const Expression& expression, const Value& context,
                        const Variables& variables, Collection& out);
  /// What the last evaluation took.
  std::size_t steps() const;
  /// The offset in the expression's text where the last error arose.
  std::size_t error_position() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::fhirpath
