// The FHIR RESTful interactions on one resource, as calls of the store: the current version, the
// precondition, the result of a write. Knows no HTTP.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "fhir/resource_reader.h"
#include "fhir/resource_type.h"
#include "rest/condition.h"
#include "store/store.h"

namespace sluice::rest {

/// A version of a resource as it is sent.
struct Stored {
  std::uint32_t version = 0;
  Instant last_updated;
  std::string json;
};

struct Written {
  bool created = false;
  Stored stored;
  /// Of what is stored: see fhir::StoredText. Empty when it was there before.
  std::vector<std::uint32_t> token_offsets = {};
};

/// Asked about the newest version before it is replaced or deleted: its error ends the interaction.
using MayChange = std::function<Result<void>(const Stored&)>;

/// The number of a version as an address has it; nullopt for what is none.
std::optional<std::uint32_t> version_number(std::string_view text);

/// The newest version: kNotFound when there never was one, kGone when it is deleted.
Result<Stored> read(const store::Store& store, const fhir::ResourceId& key);
/// One version: kNotFound when it does not exist or is no longer kept, kGone when it is a
/// deletion.
Result<Stored> read_version(const store::Store& store, const fhir::ResourceId& key,
                            std::uint32_t version);

/// Writes a resource under an id that must be new: kConflict else.
Result<Written> create(store::Store& store, const fhir::IncomingResource& resource);
/// Updates a resource, or creates it if it does not exist. The same content makes no new version.
/// kPreconditionFailed when the condition does not hold at the instant of the write, kConflict when
/// it held but another write came between. Replaces exactly the version
/// that `may_change` has checked.
Result<Written> update(store::Store& store, const fhir::IncomingResource& resource,
                       const Condition& condition, const MayChange& may_change = {});
/// What a put that was committed came to.
Result<Written> written_by(const store::Store& store, const fhir::IncomingResource& resource,
                           const store::Commit& commit, const store::PutOutcome& put);
/// Deletes a resource, or leaves it deleted; the version of the deletion, 0 when there was nothing.
/// Errors as update().
Result<std::uint32_t> remove(store::Store& store, const fhir::ResourceId& key,
                             const Condition& condition, const MayChange& may_change = {});

}  // namespace sluice::rest
