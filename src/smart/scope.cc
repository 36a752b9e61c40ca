#include "smart/scope.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::smart {
namespace {

constexpr std::string_view kSystem = "system/";
constexpr std::string_view kBulkSubmitText = "system/bulk-submit";
constexpr std::string_view kLetters = "cruds";  // in the order of the bits

// Scopes come from anybody: what goes into a message is short and printable.
std::string shown(std::string_view text) {
  constexpr std::size_t kShownMax = 80;
  std::string result(text.substr(0, kShownMax));
  std::replace_if(
      result.begin(), result.end(),
      [](char c) { return c <= 0x20 || c > 0x7e || c == '"' || c == '\\'; }, '?');
  return text.size() > kShownMax ? result + "..." : result;
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
  if (query != std::string_view::npos)
    return Error{
        ErrorKind::kUnsupported,
        fmt::format("scope '{}': scopes with a search query are not supported", shown(text))};
  scope.permissions = *permissions;
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
  return text;
}

Result<ScopeSet> ScopeSet::parse(std::string_view list) {
  if (list.size() > kScopeListSizeMax)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("a list of scopes has at most {} bytes", kScopeListSizeMax)};
  std::vector<Scope> scopes;
  while (!list.empty()) {
    const std::size_t space = std::min(list.find(' '), list.size());
    if (space > 0) {
      SLUICE_TRY(const Scope scope, parse_scope(list.substr(0, space)));
      scopes.push_back(scope);
    }
    list.remove_prefix(std::min(space + 1, list.size()));
  }
  if (scopes.empty()) return invalid("there is no scope");
  return of(std::move(scopes));
}

ScopeSet ScopeSet::of(std::vector<Scope> scopes) {
  ScopeSet set;
  std::sort(scopes.begin(), scopes.end());
  scopes.erase(std::unique(scopes.begin(), scopes.end()), scopes.end());
  set.scopes_ = std::move(scopes);
  for (const Scope& scope : set.scopes_) {
    if (scope.spelling == Scope::Spelling::kBulkSubmit) {
      set.bulk_submit_ = true;
    } else if (scope.type) {
      Permissions& permissions = set.by_type_[*scope.type];
      permissions = permissions | scope.permissions;
    } else {
      set.every_ = set.every_ | scope.permissions;
    }
  }
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
  const auto found = by_type_.find(type);
  return found == by_type_.end() ? every_ : every_ | found->second;
}

std::vector<fhir::ResourceType> ScopeSet::readable_types() const {
  std::vector<fhir::ResourceType> types;
  for (const fhir::ResourceType type : fhir::all_resource_types()) {
    if (may_read(type)) types.push_back(type);
  }
  return types;
}

namespace {

// Adds the part of `asked` that `registered` gives to one type (nullopt: every).
void grant(const Scope& asked, std::optional<fhir::ResourceType> type, Permissions permissions,
           std::vector<Scope>& granted) {
  if (permissions.none()) return;
  const bool keeps_v1 = asked.spelling == Scope::Spelling::kV1 && !v1_word(permissions).empty();
  granted.push_back({keeps_v1 ? Scope::Spelling::kV1 : Scope::Spelling::kV2, type, permissions});
}

}  // namespace

ScopeSet intersect(const ScopeSet& asked, const ScopeSet& registered) {
  std::vector<Scope> granted;
  for (const Scope& scope : asked.scopes()) {
    if (scope.spelling == Scope::Spelling::kBulkSubmit) {
      if (registered.may_bulk_submit()) granted.push_back(scope);
    } else if (scope.type) {
      grant(scope, scope.type, scope.permissions & registered.permissions(*scope.type), granted);
    } else {
      const Permissions every = scope.permissions & registered.every();
      grant(scope, std::nullopt, every, granted);
      // Types that are registered with more than "*" gives.
      for (const auto& [type, ignored] : registered.by_type()) {
        const Permissions all = scope.permissions & registered.permissions(type);
        if (all != every) grant(scope, type, all, granted);
      }
    }
  }
  return ScopeSet::of(std::move(granted));
}

}  // namespace sluice::smart
