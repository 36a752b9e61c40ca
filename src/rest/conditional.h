// Conditional create, update, patch and delete (FHIR R4, RESTful API): a search names the resource,
// and its result holds at the instant of the write (docs/decisions/0019).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/resource_reader.h"
#include "fhir/resource_type.h"
#include "query/matches.h"
#include "rest/interactions.h"
#include "rest/json_patch.h"
#include "rest/validation.h"
#include "store/store.h"

namespace sluice::rest {

/// What a conditional write is about to do with a resource.
struct Intent {
  enum class Kind : std::uint8_t { kLeave, kCreate, kUpdate, kDelete } kind = Kind::kLeave;
  fhir::ResourceId key;
  friend bool operator==(const Intent&, const Intent&) = default;
};
/// Called before anything is done, and again when other writers make it something else; an error
/// ends the interaction.
using Announce = std::function<Result<void>(const std::vector<Intent>&)>;

/// Called for the current version of every match, also when there are too many (kLeave): its error
/// ends the interaction before anything of the matches is revealed.
using MayUse = std::function<Result<void>(Intent::Kind, const Stored&)>;
/// Callbacks during a conditional interaction; may be empty.
struct Watch {
  Announce announce;
  MayUse may_use = {};
};

struct ConditionallyWritten {
  fhir::ResourceId key;
  Written written;
};

/// The resource of a conditional update.
struct SentResource {
  const fhir::IncomingResource& resource;  ///< under its own id, or under `new_id` if it has none
  std::string_view new_id;
  /// The same under another id, when it has none of its own.
  std::function<Result<fhir::IncomingResource>(std::string_view id)> under_id;

  bool has_id() const { return resource.id != new_id; }
};

/// If-None-Exist: writes `resource`, whose id is new, unless something matches; then returns the
/// unchanged match. kPreconditionFailed when several match.
Result<ConditionallyWritten> create_unless_found(store::Store& store, query::Matches& matches,
                                                 const fhir::IncomingResource& resource,
                                                 const Watch& watch);

/// What an update does that nothing matches.
enum class Unmatched : std::uint8_t {
  kCreate,
  kRefuse,  ///< for a client that may not see all resources: the answer would reveal which ids
            ///< are taken
};

/// What kRefuse answers.
Error nothing_to_update();

/// Replaces the match, or creates a resource when nothing matches: under its own id, or under
/// `new_id`; kNotFound when that is refused. kPreconditionFailed when several match or `condition`
/// does not hold of what does; kInvalid when the body has another id than the match; kConflict when
/// nothing matches but the body's id is taken.
Result<ConditionallyWritten> update_found(store::Store& store, query::Matches& matches,
                                          const SentResource& sent, const Condition& condition,
                                          Unmatched unmatched, const Watch& watch);

/// Applies the patch to the match, with base_url and leniency as of patched(). kNotFound when
/// nothing matches, kPreconditionFailed when several do or `condition` does not hold of what does;
/// errors of patched().
struct PatchOf {
  const JsonPatch& patch;
  std::string_view base_url;
  Leniency leniency = Leniency::kStrict;
};
Result<ConditionallyWritten> patch_found(store::Store& store, query::Matches& matches,
                                         const PatchOf& asked, const Condition& condition,
                                         const Watch& watch);

/// Deletes what matches, all together. kPreconditionFailed when more than `most` match or
/// `condition` does not hold of the only one; kForbidden when one of them may not be deleted. How
/// many were deleted.
Result<std::size_t> remove_found(store::Store& store, query::Matches& matches, std::size_t most,
                                 const Condition& condition, const Watch& watch);

}  // namespace sluice::rest
