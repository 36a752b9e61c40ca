// Whether the tokens of a resource satisfy a compiled query. Internal to the module.
#pragma once

#include <vector>

#include "json/json_tokens.h"
#include "search/criterion.h"
#include "search/watch.h"

namespace sluice::search {

/// Evaluates one resource at a time; reuses its buffers.
class Evaluator {
 public:
  explicit Evaluator(Watch watch = {}) : watch_(std::move(watch)) {}
  /// The resource that the other calls look at, until the next read(). The tokens must be of a JSON
  /// object, and stay.
  void read(const fhir::JsonTokens& tokens);
  /// Errors of the watch.
  Result<bool> matches(const Query::Impl& query);
  /// Calls `visit(text)` for each text by which values of a criterion that pass may be found; the
  /// text ends with the call.
  template <class Visit>
  void each_key(const Query::Impl& query, const Criterion& criterion, Visit&& visit);

 private:
  /// So many bytes are looked at now. Whether to go on.
  bool spend(std::size_t bytes) {
    spent_ += bytes;
    return spent_ < kWatchStep || ask();
  }
  bool ask();
  std::size_t bytes_of(std::size_t value) const;
  void find_roots(const Query::Impl& query);
  bool holds(const Criterion& criterion);
  bool some_value_passes(const Criterion& criterion);
  bool some_value_is_found(const Criterion& criterion, const Path& path, std::size_t value);
  bool some_element_passes(const Criterion& criterion);
  bool has_value(const Criterion& criterion);
  bool refers_to_found(const Criterion& criterion);
  bool is_found(const Criterion& criterion);
  bool component_passes(const Target& target, const ValueTest& test, std::size_t element);
  bool passes(const ValueTest& test, const Target& target, const Path& path, std::size_t value);

  /// Calls `visit(path, token)` for the criterion's values until one call returns true.
  template <class Visit>
  bool any_value_of(const Criterion& criterion, Visit&& visit);
  /// Calls `visit(text)` for the keys of one value until one call returns true.
  template <class Visit>
  bool any_key(const Target& target, const Path& path, std::size_t value, Visit&& visit);

  const fhir::JsonTokens* tokens_ = nullptr;
  const Query::Impl* query_ = nullptr;
  std::vector<std::size_t> roots_;  // for each of Query::Impl::roots its value or kNoToken
  Scratch scratch_;

  // What looks at values ends as if it had found one when the watch has an error.
  static constexpr std::size_t kWatchStep = 1u << 20;
  const Watch watch_;
  std::size_t spent_ = 0;
  Result<void> watched_ = {};
};

template <class Visit>
bool Evaluator::any_value_of(const Criterion& criterion, Visit&& visit) {
  const auto& paths = criterion.target.paths;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const Path& path = paths[i];
    const bool is_whole = criterion.roots[i] == kNoToken;
    const std::size_t begin = is_whole ? 0 : roots_[criterion.roots[i]];
    if (begin == kNoToken) continue;
    if (!spend(bytes_of(begin))) return true;
    if (any_value(*tokens_, begin, path, is_whole ? 0 : 1,
                  [&](std::size_t value) { return visit(path, value); }))
      return true;
  }
  return false;
}

template <class Visit>
bool Evaluator::any_key(const Target& target, const Path& path, std::size_t value, Visit&& visit) {
  const fhir::JsonTokens& tokens = *tokens_;
  const auto string_in = [&](std::size_t object, std::string_view name) {
    const std::size_t text = string_member(tokens, object, name);
    return text != kNoToken && visit(string_of(tokens, text, scratch_.text));
  };
  if (target.look == Target::Look::kIdentifier) {
    const std::size_t identifier = member(tokens, value, "identifier");
    return identifier != kNoToken && string_in(identifier, "value");
  }
  if (target.type == ParameterType::kReference) {
    const auto found = reference_at(tokens, value, path, query_->base_url, scratch_.text);
    if (!found) return false;
    if (found->local && visit(found->local->id)) return true;
    if (found->text.empty()) return false;
    const std::size_t bar = found->text.find('|');
    return visit(found->text) ||
           (bar != std::string_view::npos && visit(found->text.substr(0, bar)));
  }
  switch (path.type) {
    case DataType::kCodeableConcept: {
      const std::size_t codings = member(tokens, value, "coding");
      return codings != kNoToken && any_element(tokens, codings, [&](std::size_t coding) {
               return string_in(coding, "code");
             });
    }
    case DataType::kCoding:
      return string_in(value, "code");
    case DataType::kIdentifier:
    case DataType::kContactPoint:
      return string_in(value, "value");
    default:
      return tokens.first(value) == '"' && visit(string_of(tokens, value, scratch_.text));
  }
}

template <class Visit>
void Evaluator::each_key(const Query::Impl& query, const Criterion& criterion, Visit&& visit) {
  query_ = &query;
  find_roots(query);
  any_value_of(criterion, [&](const Path& path, std::size_t value) {
    return any_key(criterion.target, path, value, [&](std::string_view text) {
      visit(text);
      return false;
    });
  });
}

}  // namespace sluice::search
