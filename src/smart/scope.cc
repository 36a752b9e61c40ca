#include "smart/scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/sort_unique.h"
#include "search/query.h"

namespace sluice::smart {
namespace {

constexpr std::string_view kSystem = "system/";
constexpr std::string_view kBulkSubmitText = "system/bulk-submit";
constexpr std::string_view kLetters = "cruds";  // in the order of the bits

// Scopes come from anybody: what goes into a message is short and printable.
std::string printable(std::string_view text, std::size_t size_max, char first) {
  std::string result(text.substr(0, size_max));
  std::replace_if(
      result.begin(), result.end(),
      [first](char c) { return c < first || c > 0x7e || c == '"' || c == '\\'; }, '?');
  return text.size() > size_max ? result + "..." : result;
}

std::string shown(std::string_view text) {
  return printable(text, 80, '!');
}

Error bad_scope(std::string_view text, std::string_view why) {
  return invalid(fmt::format("scope '{}': {}", shown(text), why));
}

std::optional<Permissions> read_letters(std::string_view letters) {
  Permissions permissions;
  std::size_t next = 0;
  for (const char letter : letters) {
    const std::size_t at = kLetters.find(letter, next);
    if (at == std::string_view::npos) return std::nullopt;
    permissions.bits = static_cast<std::uint8_t>(permissions.bits | (1u << at));
    next = at + 1;
  }
  if (permissions.none()) return std::nullopt;
  return permissions;
}

// The v1 word for a set of permissions, if there is one.
std::string_view v1_word(Permissions permissions) {
  if (permissions == kExportPermissions) return "read";
  if (permissions == kWritePermissions) return "write";
  if (permissions == kAllPermissions) return "*";
  return {};
}

// A scope for every type takes the parameters that every type has.
Result<void> check_query(const Scope& scope) {
  const auto check = [&](fhir::ResourceType type) -> Result<void> {
    SLUICE_ASSIGN_OR_RETURN(const auto query, search::Query::compile(type, scope.query, {}));
    if (query.matches_everything()) return invalid("a query has a search parameter");
    if (query.needs_resolver())
      return Error{ErrorKind::kUnsupported,
                   "chained parameters and _has, which look at other resources, limit no scope"};
    return {};
  };
  if (scope.type) return check(*scope.type);
  for (const auto type : fhir::all_resource_types()) SLUICE_RETURN_IF_ERROR(check(type));
  return {};
}

Result<std::string> read_query(const Scope& scope, std::string_view text, std::string_view raw) {
  Scope with_query = scope;
  auto query = search::canonical_query(raw);
  if (query) {
    with_query.query = std::move(*query);
    const auto checked = check_query(with_query);
    if (checked) return std::move(with_query.query);
    query = checked.error();
  }
  Error error = bad_scope(text, printable(query.error().message, 200, ' '));
  error.kind = query.error().kind;
  return error;
}

bool is_of(const Scope& scope, fhir::ResourceType type) {
  return scope.spelling != Scope::Spelling::kBulkSubmit && (!scope.type || scope.type == type);
}

}  // namespace

Result<Scope> parse_scope(std::string_view text) {
  if (text == kBulkSubmitText) return Scope{Scope::Spelling::kBulkSubmit, std::nullopt, {}};
  if (text.starts_with("user/") || text.starts_with("patient/"))
    return bad_scope(text, "backend services have system/ scopes only");
  if (!text.starts_with(kSystem)) return bad_scope(text, "not a scope this server knows");
  const std::string_view rest = text.substr(kSystem.size());
  const std::size_t query = rest.find('?');
  const std::string_view plain = rest.substr(0, query);
  const std::size_t dot = plain.find('.');
  if (dot == std::string_view::npos) return bad_scope(text, "not a scope this server knows");

  Scope scope;
  const std::string_view type = plain.substr(0, dot);
  if (type != "*") {
    scope.type = fhir::find_resource_type(type);
    if (!scope.type) return bad_scope(text, "FHIR R4 knows no such resource type");
  }
  const std::string_view what = plain.substr(dot + 1);
  for (const Permissions permissions : {kExportPermissions, kWritePermissions, kAllPermissions}) {
    if (what != v1_word(permissions)) continue;
    if (query != std::string_view::npos)
      return bad_scope(text, "a search query belongs to SMART v2 scopes");
    scope.spelling = Scope::Spelling::kV1;
    scope.permissions = permissions;
    return scope;
  }
  const auto permissions = read_letters(what);
  if (!permissions)
    return bad_scope(text, "after the dot come read, write, * or letters of 'cruds' in order");
  scope.permissions = *permissions;
  if (query != std::string_view::npos) {
    SLUICE_ASSIGN_OR_RETURN(scope.query, read_query(scope, text, rest.substr(query + 1)));
  }
  return scope;
}

std::string to_string(const Scope& scope) {
  if (scope.spelling == Scope::Spelling::kBulkSubmit) return std::string(kBulkSubmitText);
  std::string text(kSystem);
  text += scope.type ? fhir::type_name(*scope.type) : "*";
  text += '.';
  if (scope.spelling == Scope::Spelling::kV1) {
    text += v1_word(scope.permissions);
  } else {
    for (std::size_t i = 0; i < kLetters.size(); ++i) {
      if ((scope.permissions.bits >> i) & 1) text += kLetters[i];
    }
  }
  if (!scope.query.empty()) text.append("?").append(scope.query);
  return text;
}

Result<ScopeSet> ScopeSet::parse(std::string_view list) {
  if (list.size() > kScopeListSizeMax)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("a list of scopes has at most {} bytes", kScopeListSizeMax)};
  std::vector<Scope> scopes;
  std::size_t queries = 0;
  while (!list.empty()) {
    const std::size_t space = std::min(list.find(' '), list.size());
    if (space > 0) {
      SLUICE_ASSIGN_OR_RETURN(const Scope scope, parse_scope(list.substr(0, space)));
      queries += scope.query.empty() ? 0 : 1;
      if (queries > kScopeQueriesMax)
        return Error{ErrorKind::kTooLarge,
                     fmt::format("a list has at most {} scopes with a query", kScopeQueriesMax)};
      scopes.push_back(scope);
    }
    list.remove_prefix(std::min(space + 1, list.size()));
  }
  if (scopes.empty()) return invalid("there is no scope");
  return of(std::move(scopes));
}

ScopeSet ScopeSet::of(std::vector<Scope> scopes) {
  ScopeSet set;
  sort_unique(scopes);
  set.scopes_ = std::move(scopes);
  set.bulk_submit_ = std::any_of(set.scopes_.begin(), set.scopes_.end(), [](const Scope& scope) {
    return scope.spelling == Scope::Spelling::kBulkSubmit;
  });
  set.has_queries_ = std::any_of(set.scopes_.begin(), set.scopes_.end(),
                                 [](const Scope& scope) { return !scope.query.empty(); });
  return set;
}

std::string ScopeSet::to_string() const {
  std::string text;
  for (const Scope& scope : scopes_) {
    if (!text.empty()) text += ' ';
    text += smart::to_string(scope);
  }
  return text;
}

Permissions ScopeSet::permissions(fhir::ResourceType type) const {
  Permissions permissions;
  for (const Scope& scope : scopes_)
    if (is_of(scope, type) && scope.query.empty()) permissions = permissions | scope.permissions;
  return permissions;
}

Permissions ScopeSet::permissions_for_some(fhir::ResourceType type) const {
  Permissions permissions;
  for (const Scope& scope : scopes_)
    if (is_of(scope, type)) permissions = permissions | scope.permissions;
  return permissions;
}

search::QueryLimit ScopeSet::limit(fhir::ResourceType type, Permissions permissions) const {
  const Permissions for_all = this->permissions(type);
  search::QueryLimit limit;
  for (std::size_t i = 0; i < kLetters.size(); ++i) {
    const Permissions letter{static_cast<std::uint8_t>(1u << i)};
    if ((letter & permissions).none() || for_all.all_of(letter)) continue;
    std::vector<std::string> part;
    for (const Scope& scope : scopes_)
      if (is_of(scope, type) && scope.permissions.all_of(letter)) part.push_back(scope.query);
    sort_unique(part);
    if (std::find(limit.begin(), limit.end(), part) == limit.end())
      limit.push_back(std::move(part));
  }
  return limit;
}

Permissions ScopeSet::permissions_on_all_types() const {
  Permissions every;
  for (const Scope& scope : scopes_)
    if (!scope.type && scope.query.empty()) every = every | scope.permissions;
  return every;
}

bool ScopeSet::covers_all() const {
  Permissions every;
  for (const Scope& scope : scopes_)
    if (!scope.type) every = every | scope.permissions;
  return every.all_of(kExportPermissions);
}

bool ScopeSet::allows_all_of(const ScopeSet& other) const {
  if (other.may_bulk_submit() && !may_bulk_submit()) return false;
  for (const fhir::ResourceType type : fhir::all_resource_types()) {
    const Permissions some = other.permissions_for_some(type);
    if (!permissions_for_some(type).all_of(some)) return false;
    for (std::size_t i = 0; i < kLetters.size(); ++i) {
      const Permissions letter{static_cast<std::uint8_t>(1u << i)};
      if (some.all_of(letter) &&
          !search::limit_is_within(other.limit(type, letter), limit(type, letter)))
        return false;
    }
  }
  return true;
}

std::vector<fhir::ResourceType> ScopeSet::readable_types() const {
  std::vector<fhir::ResourceType> types;
  for (const fhir::ResourceType type : fhir::all_resource_types()) {
    if (may_read(type)) types.push_back(type);
  }
  return types;
}

namespace {

/// What is granted of one scope for one type or for "*": by query, empty for no query.
using Granted = std::map<std::string, Permissions>;

// What another query gives already, which lets through the same or more, is left out.
void drop_repetitions(Granted& granted) {
  for (auto& [query, permissions] : granted) {
    for (const auto& [wider, others] : granted) {
      if (wider != query && search::query_is_within(query, wider))
        permissions.bits = static_cast<std::uint8_t>(permissions.bits & ~others.bits);
    }
  }
  std::erase_if(granted, [](const auto& entry) { return entry.second.none(); });
}

// The part of `asked` that `registered` gives to a type; nullopt: that "*" gives to every type.
Granted part_of(const Scope& asked, std::optional<fhir::ResourceType> type,
                const ScopeSet& registered) {
  Granted granted;
  for (const Scope& scope : registered.scopes()) {
    if (scope.spelling == Scope::Spelling::kBulkSubmit || (scope.type && scope.type != type))
      continue;
    const Permissions common = asked.permissions & scope.permissions;
    if (common.none()) continue;
    Permissions& permissions = granted[search::both_queries(asked.query, scope.query)];
    permissions = permissions | common;
  }
  drop_repetitions(granted);
  return granted;
}

void add(const Scope& asked, std::optional<fhir::ResourceType> type, const Granted& granted,
         std::vector<Scope>& scopes) {
  for (const auto& [query, permissions] : granted) {
    const bool keeps_v1 =
        asked.spelling == Scope::Spelling::kV1 && query.empty() && !v1_word(permissions).empty();
    scopes.push_back(
        {keeps_v1 ? Scope::Spelling::kV1 : Scope::Spelling::kV2, type, permissions, query});
  }
}

}  // namespace

ScopeSet intersect(const ScopeSet& asked, const ScopeSet& registered) {
  std::vector<Scope> granted;
  for (const Scope& scope : asked.scopes()) {
    if (scope.spelling == Scope::Spelling::kBulkSubmit) {
      if (registered.may_bulk_submit()) granted.push_back(scope);
      continue;
    }
    const Granted part = part_of(scope, scope.type, registered);
    add(scope, scope.type, part, granted);
    if (scope.type) continue;
    // Types that are registered with more than "*" gives.
    for (const fhir::ResourceType type : fhir::all_resource_types()) {
      const Granted of_type = part_of(scope, type, registered);
      if (of_type != part) add(scope, type, of_type, granted);
    }
  }
  return ScopeSet::of(std::move(granted));
}

}  // namespace sluice::smart
