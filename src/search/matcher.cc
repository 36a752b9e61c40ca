#include "search/matcher.h"

#include <algorithm>
#include <utility>

#include "search/evaluator.h"

namespace sluice::search {

struct Matcher::Impl {
  explicit Impl(Watch watch) : evaluator(std::move(watch)) {}
  fhir::JsonTokens tokens;
  Evaluator evaluator;
};

Matcher::Matcher(Watch watch) : impl_(std::make_unique<Impl>(std::move(watch))) {}
Matcher::~Matcher() = default;
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;

Result<bool> Matcher::matches(const Query& query, std::string_view resource) {
  return matches_any({&query, 1}, resource);
}

Result<bool> Matcher::matches_any(std::span<const Query> queries, std::string_view resource) {
  if (std::any_of(queries.begin(), queries.end(),
                  [](const Query& query) { return query.needs_resolver(); }))
    return Error{ErrorKind::kInternal, "a query was used before its chains were resolved"};
  if (std::any_of(queries.begin(), queries.end(),
                  [](const Query& query) { return query.matches_everything(); }))
    return true;
  fhir::JsonTokens& tokens = impl_->tokens;
  if (!tokens.read(resource) || tokens.first(0) != '{')
    return corrupt("stored resource: not one JSON object");
  impl_->evaluator.read(tokens);
  for (const Query& query : queries) {
    SLUICE_ASSIGN_OR_RETURN(const bool matches, impl_->evaluator.matches(*query.impl_));
    if (matches) return true;
  }
  return false;
}

}  // namespace sluice::search
