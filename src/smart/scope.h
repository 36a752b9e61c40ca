// SMART system scopes: v1 (system/Patient.read), v2 (system/Patient.rs), v2 with a search query
// (system/Observation.rs?category=laboratory) and system/bulk-submit.
//
// What an export needs: SMART v2 splits v1's "read" into r (read by id) and s (search). A bulk
// export hands out whole resources (r) of everybody without naming an id (s), so a type is exported
// when the scopes together give both; v1 ".read" is "rs" by definition (SMART App Launch 2, scopes,
// "Scopes for requesting FHIR Resources").
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "search/canonical_query.h"

namespace sluice::smart {

/// A set of c, r, u, d, s.
struct Permissions {
  static constexpr std::uint8_t kCreate = 1, kRead = 2, kUpdate = 4, kDelete = 8, kSearch = 16;
  std::uint8_t bits = 0;

  bool all_of(Permissions other) const { return (bits & other.bits) == other.bits; }
  bool none() const { return bits == 0; }
  friend Permissions operator&(Permissions a, Permissions b) {
    return {static_cast<std::uint8_t>(a.bits & b.bits)};
  }
  friend Permissions operator|(Permissions a, Permissions b) {
    return {static_cast<std::uint8_t>(a.bits | b.bits)};
  }
  friend auto operator<=>(const Permissions&, const Permissions&) = default;
};
inline constexpr Permissions kExportPermissions{Permissions::kRead | Permissions::kSearch};
inline constexpr Permissions kWritePermissions{Permissions::kCreate | Permissions::kUpdate |
                                               Permissions::kDelete};
inline constexpr Permissions kAllPermissions{31};

inline constexpr std::size_t kScopeListSizeMax = 8u << 10;  ///< bytes of a list
/// The most scopes with a query in a list: each is evaluated for each resource.
inline constexpr std::size_t kScopeQueriesMax = 32;

struct Scope {
  /// How the client wrote it; answers keep it.
  enum class Spelling : std::uint8_t { kV1, kV2, kBulkSubmit };
  Spelling spelling = Spelling::kV2;
  std::optional<fhir::ResourceType> type;  ///< nullopt: every type ("*")
  Permissions permissions;                 ///< none for kBulkSubmit
  std::string query = {};                  ///< canonical; empty: all resources of the type
  friend auto operator<=>(const Scope&, const Scope&) = default;
};

/// Reads one scope. kInvalid with a message that names it for everything malformed, for types that
/// R4 does not know, for user/ and patient/ scopes and for queries that are none; kUnsupported for
/// search parameters that are not supported, or not in scopes (chained ones, _has).
Result<Scope> parse_scope(std::string_view text);
std::string to_string(const Scope& scope);

/// Scopes that hold together. Values; thread-safe for const use.
class ScopeSet {
 public:
  ScopeSet() = default;
  /// Reads a list separated by single spaces (RFC 6749 section 3.3; more spaces are tolerated).
  /// Errors of parse_scope; kInvalid when it is empty, kTooLarge over 8 KiB.
  static Result<ScopeSet> parse(std::string_view list);
  static ScopeSet of(std::vector<Scope> scopes);

  bool empty() const { return scopes_.empty(); }
  /// Sorted, each once.
  const std::vector<Scope>& scopes() const { return scopes_; }
  /// The canonical list: sorted (v1 first, "*" before types in the order of their numbers), each
  /// once.
  std::string to_string() const;

  /// What the scopes together allow for every resource of a type. Scopes with a query do not count,
  /// so this never allows too much.
  Permissions permissions(fhir::ResourceType type) const;
  /// What they allow for some resources of a type; limit() says which ones.
  Permissions permissions_for_some(fhir::ResourceType type) const;
  /// Which resources of a type the scopes allow all of `permissions` for: a part for each letter
  /// that has a query wherever it is given. No part: all of them.
  search::QueryLimit limit(fhir::ResourceType type, Permissions permissions) const;
  /// Whether resources of the type, or some of them, may be exported.
  bool may_read(fhir::ResourceType type) const {
    return permissions_for_some(type).all_of(kExportPermissions);
  }
  /// Whether all resources of the type may be exported, and used to select
  /// others.
  bool may_read_all(fhir::ResourceType type) const {
    return permissions(type).all_of(kExportPermissions);
  }
  /// Whether any resources of the type may be created, changed and deleted.
  bool may_write(fhir::ResourceType type) const {
    return permissions(type).all_of(kWritePermissions);
  }
  /// Whether every type may be exported, also future types, as far as limit() allows.
  bool covers_all() const;
  /// What "*" without a query gives to every type.
  Permissions permissions_on_all_types() const;
  bool may_bulk_submit() const { return bulk_submit_; }
  bool has_queries() const { return has_queries_; }
  /// The types that may be exported, ordered by name.
  std::vector<fhir::ResourceType> readable_types() const;
  /// Whether everything that `other` allows is allowed, judging by the queries' texts: false
  /// when in doubt.
  bool allows_all_of(const ScopeSet& other) const;

  friend bool operator==(const ScopeSet& a, const ScopeSet& b) { return a.scopes_ == b.scopes_; }

 private:
  std::vector<Scope> scopes_;
  bool bulk_submit_ = false;
  bool has_queries_ = false;
};

/// What is granted to a client that asks for `asked` and is registered for `registered`: for each
/// scope asked, its part that is registered, in the spelling of the question where v1 can spell it.
/// Asked system/*.rs, registered system/Patient.rs: system/Patient.rs. Where both have a query the
/// grant has the parameters of both. Empty when they share nothing.
ScopeSet intersect(const ScopeSet& asked, const ScopeSet& registered);

}  // namespace sluice::smart
