// The patch interaction: a JSON Patch applied to the newest version of a resource. Apart from the
// other interactions because it reads before it writes.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "fhir/resource_reader.h"
#include "rest/interactions.h"
#include "rest/json_patch.h"
#include "rest/validation.h"

namespace sluice::rest {

/// What a patch makes of a stored resource: checked and valid, of the same type and id. `base_url`
/// as in fhir::ResourceReader. kUnprocessable for what it must not become, errors of
/// JsonPatch::apply() otherwise.
Result<fhir::IncomingResource> patched(const fhir::ResourceId& key, std::string_view json,
                                       const JsonPatch& patch, std::string_view base_url,
                                       Leniency leniency = Leniency::kStrict);

/// The two halves of patched(), for callers that change the text in between.
Result<std::string> patched_text(const fhir::ResourceId& key, std::string_view json,
                                 const JsonPatch& patch);
/// `text`: with its tokens, as ResourceReader takes them.
Result<fhir::IncomingResource> read_patched(const fhir::ResourceId& key,
                                            const fhir::JsonTokens& text, std::string_view base_url,
                                            Leniency leniency = Leniency::kStrict);

/// Applies `patch` to the newest version and writes what comes out, unless it is the same. When
/// another write comes between, it starts over with what that left. kNotFound and kGone when there
/// is nothing to patch; kPreconditionFailed when `condition` does not hold; kConflict when others
/// came between again and again; errors of patched().
Result<Written> patch(store::Store& store, const fhir::ResourceId& key, const JsonPatch& patch,
                      const Condition& condition, std::string_view base_url,
                      const MayChange& may_change = {}, Leniency leniency = Leniency::kStrict);

}  // namespace sluice::rest
