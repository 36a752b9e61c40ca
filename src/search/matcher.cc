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

// `tokens_of` finds the tokens when they are wanted; nullptr for what is no resource.
template <class Tokens>
Result<bool> Matcher::matches_tokens(std::span<const Query> queries, Tokens tokens_of) {
  if (std::any_of(queries.begin(), queries.end(),
                  [](const Query& query) { return query.needs_resolver(); }))
    return Error{ErrorKind::kInternal, "a query was used before its chains were resolved"};
  if (std::any_of(queries.begin(), queries.end(),
                  [](const Query& query) { return query.matches_everything(); }))
    return true;
  const fhir::JsonTokens* const tokens = tokens_of();
  if (tokens == nullptr || tokens->first(0) != '{')
    return corrupt("stored resource: not one JSON object");
  impl_->evaluator.read(*tokens);
  for (const Query& query : queries) {
    SLUICE_ASSIGN_OR_RETURN(const bool matches, impl_->evaluator.matches(*query.impl_));
    if (matches) return true;
  }
  return false;
}

Result<bool> Matcher::matches_any(std::span<const Query> queries, std::string_view resource) {
  return matches_tokens(queries, [&]() -> const fhir::JsonTokens* {
    return impl_->tokens.read(resource) ? &impl_->tokens : nullptr;
  });
}

Result<bool> Matcher::matches_any(std::span<const Query> queries,
                                  const fhir::JsonTokens& resource) {
  return matches_tokens(queries, [&] { return &resource; });
}

}  // namespace sluice::search
