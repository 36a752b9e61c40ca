// Whether the tokens of a resource satisfy a compiled query. Internal to the module.
#pragma once

#include <vector>

#include "fhir/json_tokens.h"
#include "search/criterion.h"

namespace sluice::search {

/// Looks at one resource at a time; keeps its buffers.
class Evaluator {
 public:
  /// The tokens must be of a JSON object.
  bool matches(const Query::Impl& query, const fhir::JsonTokens& tokens);

 private:
  void find_roots(const Query::Impl& query);
  bool holds(const Criterion& criterion);
  bool some_value_passes(const Criterion& criterion);
  bool some_element_passes(const Criterion& criterion);
  bool has_value(const Criterion& criterion);
  bool refers_to_found(const Criterion& criterion);
  bool is_found(const Criterion& criterion);
  bool component_passes(const Target& target, const ValueTest& test, std::size_t element);
  bool passes(const ValueTest& test, const Target& target, const Path& path, std::size_t value);

  /// Calls `visit(path, token)` for the criterion's values until one call returns true.
  template <class Visit>
  bool any_value_of(const Criterion& criterion, Visit&& visit);

  const fhir::JsonTokens* tokens_ = nullptr;
  const Query::Impl* query_ = nullptr;
  std::vector<std::size_t> roots_;  // for each of Query::Impl::roots its value or kNoToken
  Scratch scratch_;
};

}  // namespace sluice::search
