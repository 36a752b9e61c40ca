#include "search/evaluator.h"

#include <algorithm>

namespace sluice::search {
namespace {

template <class... Lambdas>
struct Overloaded : Lambdas... {
  using Lambdas::operator()...;
};
template <class... Lambdas>
Overloaded(Lambdas...) -> Overloaded<Lambdas...>;

}  // namespace

void Evaluator::read(const fhir::JsonTokens& tokens) {
  tokens_ = &tokens;
  scratch_.clear();
  if (!watched_) spent_ = 0;
  watched_ = {};
}

Result<bool> Evaluator::matches(const Query::Impl& query) {
  query_ = &query;
  find_roots(query);
  const bool all_hold = std::all_of(query.criteria.begin(), query.criteria.end(),
                                    [&](const Criterion& criterion) { return holds(criterion); });
  SLUICE_RETURN_IF_ERROR(watched_);
  return all_hold;
}

bool Evaluator::ask() {
  if (watched_ && watch_) watched_ = watch_();
  if (!watched_) return false;
  spent_ = 0;
  return true;
}

std::size_t Evaluator::bytes_of(std::size_t value) const {
  const char first = tokens_->first(value);
  const std::size_t last = first == '{' || first == '[' ? tokens_->closing(value) : value;
  return tokens_->begin(std::min(last + 1, tokens_->size())) - tokens_->begin(value);
}

// One pass over the root members, which ends when all are found: what a query looks at stands
// mostly near the beginning.
void Evaluator::find_roots(const Query::Impl& query) {
  const fhir::JsonTokens& tokens = *tokens_;
  roots_.assign(query.roots.size(), kNoToken);
  std::size_t left = roots_.size();
  std::size_t key = 1;
  while (left > 0 && key + 2 < tokens.size() && tokens.first(key) == '"') {
    const std::size_t value = key + 2;
    for (std::size_t i = 0; i < roots_.size(); ++i) {
      if (roots_[i] == kNoToken && is_key(tokens, key, query.roots[i])) {
        roots_[i] = value;
        --left;
        break;
      }
    }
    const char first = tokens.first(value);
    const std::size_t behind = (first == '{' || first == '[' ? tokens.closing(value) : value) + 1;
    if (behind >= tokens.size() || tokens.first(behind) != ',') break;
    key = behind + 1;
  }
  spend(key);
}

bool Evaluator::holds(const Criterion& criterion) {
  switch (criterion.kind) {
    case Criterion::Kind::kValues:
      return some_value_passes(criterion) != criterion.negated;
    case Criterion::Kind::kComposite:
      return some_element_passes(criterion);
    case Criterion::Kind::kMissing:
      return has_value(criterion) == criterion.negated;
    case Criterion::Kind::kChain:
      return refers_to_found(criterion);
    case Criterion::Kind::kHas:
      return is_found(criterion);
  }
  return false;
}

bool Evaluator::some_value_passes(const Criterion& criterion) {
  if (criterion.target.look == Target::Look::kPresence) {
    const bool is_present = has_value(criterion);
    return std::any_of(criterion.tests.begin(), criterion.tests.end(), [&](const auto& test) {
      return std::get<TokenTest>(test).code() == (is_present ? "true" : "false");
    });
  }
  return any_value_of(criterion, [&](const Path& path, std::size_t value) {
    if (!criterion.by_key.empty()) return some_value_is_found(criterion, path, value);
    return std::any_of(criterion.tests.begin(), criterion.tests.end(), [&](const ValueTest& test) {
      return passes(test, criterion.target, path, value);
    });
  });
}

// A key tells which tests may be passed; whether they are is asked of the value.
bool Evaluator::some_value_is_found(const Criterion& criterion, const Path& path,
                                    std::size_t value) {
  const auto some_passes = [&](const std::vector<std::uint32_t>& numbers) {
    return std::any_of(numbers.begin(), numbers.end(), [&](std::uint32_t number) {
      return passes(criterion.tests[number], criterion.target, path, value);
    });
  };
  if (some_passes(criterion.without_key)) return true;
  return any_key(criterion.target, path, value, [&](std::string_view key) {
    const auto* const numbers = criterion.by_key.find(key);
    return numbers != nullptr && some_passes(*numbers);
  });
}

bool Evaluator::has_value(const Criterion& criterion) {
  return any_value_of(criterion, [&](const Path& path, std::size_t value) {
    if (path.type == DataType::kPresence) return tokens_->first(value) != 'f';
    if (!path.target) return true;
    return reference_at(*tokens_, value, path, query_->base_url, scratch_.text).has_value();
  });
}

bool Evaluator::some_element_passes(const Criterion& criterion) {
  return any_value_of(criterion, [&](const Path&, std::size_t element) {
    return std::any_of(criterion.tuples.begin(), criterion.tuples.end(), [&](const auto& tuple) {
      for (std::size_t i = 0; i < tuple.size(); ++i) {
        if (!component_passes(criterion.components[i], tuple[i], element)) return false;
      }
      return true;
    });
  });
}

bool Evaluator::component_passes(const Target& target, const ValueTest& test, std::size_t element) {
  return std::any_of(target.paths.begin(), target.paths.end(), [&](const Path& path) {
    return any_value(*tokens_, path.from_root ? 0 : element, path, 0,
                     [&](std::size_t value) { return passes(test, target, path, value); });
  });
}

bool Evaluator::refers_to_found(const Criterion& criterion) {
  return any_value_of(criterion, [&](const Path& path, std::size_t value) {
    const auto found = reference_at(*tokens_, value, path, query_->base_url, scratch_.text);
    if (!found || !found->local) return false;
    return std::any_of(
        criterion.resources->begin(), criterion.resources->end(), [&](const auto& of_type) {
          return of_type.first == found->local->type && of_type.second->contains(found->local->id);
        });
  });
}

bool Evaluator::is_found(const Criterion& criterion) {
  const std::size_t id = string_member(*tokens_, 0, "id");
  if (id == kNoToken) return false;
  return criterion.resources->front().second->contains(string_of(*tokens_, id, scratch_.text));
}

bool Evaluator::passes(const ValueTest& test, const Target& target, const Path& path,
                       std::size_t value) {
  if (!spend(bytes_of(value))) return true;
  const fhir::JsonTokens& tokens = *tokens_;
  return std::visit(
      Overloaded{
          [&](const TokenTest& token) {
            if (target.look != Target::Look::kIdentifier)
              return token.matches(tokens, value, path.type, scratch_);
            const std::size_t identifier = member(tokens, value, "identifier");
            return identifier != kNoToken && token.matches_identifier(tokens, identifier) &&
                   reference_at(tokens, value, path, query_->base_url, scratch_.text).has_value();
          },
          [&](const StringTest& text) {
            return target.look == Target::Look::kText
                       ? token_text_matches(text, tokens, value, path.type, scratch_)
                       : text.matches(tokens, value, path, scratch_);
          },
          [&](const DateTest& date) {
            return date.matches(tokens, value, path.type, scratch_.text);
          },
          [&](const NumberTest& number) { return number.matches(tokens, value); },
          [&](const QuantityTest& quantity) {
            return quantity.matches(tokens, value, path.type, scratch_);
          },
          [&](const ReferenceTest& reference) {
            const auto found = reference_at(tokens, value, path, query_->base_url, scratch_.text);
            return found && reference.matches(*found, path.type);
          },
          [&](const std::string& uri) {
            return uri_matches(tokens, value, path.type, uri, scratch_.text);
          },
      },
      test);
}

}  // namespace sluice::search
