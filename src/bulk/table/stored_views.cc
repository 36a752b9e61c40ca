#include "bulk/table/stored_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "fhir/additional_resources.h"
#include "fhir/reference.h"
#include "json/json_tokens.h"
#include "json/json_walk.h"

namespace sluice::bulk {
namespace {

using fhir::types::kViewDefinition;

constexpr std::size_t kShownMax = 200;

Error not_found(std::string_view what) {
  return {ErrorKind::kNotFound,
          fmt::format("there is no ViewDefinition '{}'", shortened(what, kShownMax))};
}

Result<bool> may_see(const StoredViewScope& scope, std::string_view json) {
  if (!scope.may_see) return true;
  return scope.may_see(json);
}

bool is_number(std::string_view part) {
  return !part.empty() &&
         std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
}

int sign(int order) {
  return (order > 0) - (order < 0);
}

// Numbers come before texts, as semver has it. Leading zeros do not count.
int compare_parts(std::string_view a, std::string_view b) {
  if (!is_number(a) || !is_number(b)) {
    if (is_number(a) != is_number(b)) return is_number(a) ? -1 : 1;
    return sign(a.compare(b));
  }
  const auto digits = [](std::string_view part) {
    return part.substr(std::min(part.find_first_not_of('0'), part.size() - 1));
  };
  a = digits(a);
  b = digits(b);
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return sign(a.compare(b));
}

std::string_view next_part(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find_first_of(".-"));
  rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  return part;
}

// "1.2" is older than "1.2.1".
int compare_dotted(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty())
    if (const int order = compare_parts(next_part(a), next_part(b)); order != 0) return order;
  return static_cast<int>(!a.empty()) - static_cast<int>(!b.empty());
}

/// What its canonical URL can name of a stored view.
struct Naming {
  std::string url;
  std::string version;
  bool is_retired = false;
};

std::optional<Naming> naming_of(std::string_view json) {
  fhir::JsonTokens tokens;
  if (!tokens.read(json) || tokens.first(0) != '{') return std::nullopt;
  const auto text = [&](std::string_view name) {
    return fhir::string_member(tokens, 0, name).value_or(std::string());
  };
  return Naming{text("url"), text("version"), text("status") == "retired"};
}

struct Found {
  StoredView view;
  Naming naming;
};

int compare_age(const Naming& a, const Naming& b) {
  if (a.is_retired != b.is_retired) return a.is_retired ? -1 : 1;
  return compare_versions(a.version, b.version);
}

}  // namespace

std::string StoredView::source() const {
  return fmt::format("{}/{}/_history/{}", fhir::type_name(id.type), id.id, version);
}

int compare_versions(std::string_view a, std::string_view b) {
  const auto cut = [](std::string_view version) {
    version = version.substr(0, version.find('+'));
    // "2024-02-29" is a date.
    if (version.find_first_not_of("0123456789-") == std::string_view::npos)
      return std::pair(version, std::string_view());
    const std::size_t dash = std::min(version.find('-'), version.size());
    return std::pair(version.substr(0, dash), version.substr(std::min(dash + 1, version.size())));
  };
  const auto [core_a, before_a] = cut(a);
  const auto [core_b, before_b] = cut(b);
  if (const int order = compare_dotted(core_a, core_b); order != 0) return order;
  if (before_a.empty() != before_b.empty()) return before_a.empty() ? 1 : -1;
  return compare_dotted(before_a, before_b);
}

Result<StoredView> find_view_by_reference(const StoredViewScope& scope,
                                          std::string_view reference) {
  const auto parsed = fhir::parse_reference(reference, scope.base_url);
  if (!parsed || parsed->type != kViewDefinition)
    return invalid(fmt::format("'{}' is no reference to a ViewDefinition of this server",
                               shortened(reference, kShownMax)));
  if (reference.find("/_history/") != std::string_view::npos)
    return Error{ErrorKind::kUnsupported,
                 fmt::format("'{}' names a version: only the newest one can be used",
                             shortened(reference, kShownMax))};
  const fhir::ResourceId id{parsed->type, std::string(parsed->id)};
  SLUICE_ASSIGN_OR_RETURN(auto record, scope.store.read(id, scope.as_of));
  if (!record) return not_found(reference);
  SLUICE_ASSIGN_OR_RETURN(const bool is_visible, may_see(scope, record->json));
  if (!is_visible) return not_found(reference);
  return StoredView{id, record->version, std::move(record->json)};
}

Result<StoredView> find_view_by_canonical(const StoredViewScope& scope,
                                          std::string_view canonical) {
  const std::size_t bar = std::min(canonical.find('|'), canonical.size());
  const std::string_view url = canonical.substr(0, bar);
  const std::string_view version = canonical.substr(std::min(bar + 1, canonical.size()));
  if (url.empty()) return invalid("the canonical URL of a ViewDefinition is empty");
  std::optional<Found> newest;
  std::optional<std::string> as_new;  // the id of another that is as new
  SLUICE_ASSIGN_OR_RETURN(const auto scan,
                          scope.store.scan(store::whole_type(kViewDefinition), scope.as_of));
  store::RecordView record;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
    if (!more) break;
    if (record.is_link) continue;
    auto naming = naming_of(record.json);
    if (!naming || naming->url != url || (!version.empty() && naming->version != version)) continue;
    SLUICE_ASSIGN_OR_RETURN(const bool is_visible, may_see(scope, record.json));
    if (!is_visible) continue;
    const int order = newest ? compare_age(*naming, newest->naming) : 1;
    if (order == 0) as_new = std::string(record.id);
    if (order <= 0) continue;
    as_new.reset();
    newest =
        Found{{{record.type, std::string(record.id)}, record.version, std::string(record.json)},
              std::move(*naming)};
  }
  if (!newest) return not_found(canonical);
  if (as_new)
    return invalid(fmt::format(
        "ViewDefinition '{}' is ambiguous: ViewDefinition/{} and ViewDefinition/{} have the same "
        "version; name one of them by reference",
        shortened(canonical, kShownMax), newest->view.id.id, *as_new));
  return std::move(newest->view);
}

Result<StoredView> find_view(const StoredViewScope& scope, std::string_view text) {
  const bool is_reference = fhir::parse_reference(text, scope.base_url).has_value();
  if (!is_reference) return find_view_by_canonical(scope, text);
  auto found = find_view_by_reference(scope, text);
  if (found || found.error().kind != ErrorKind::kNotFound ||
      text.find("://") == std::string_view::npos)
    return found;
  return find_view_by_canonical(scope, text);
}

}  // namespace sluice::bulk
