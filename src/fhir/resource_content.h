// From the tokens of an incoming resource to the content that is stored: one line, without
// meta.versionId and meta.lastUpdated, with a place kept for them.
#pragma once

#include "fhir/resource_reader.h"
#include "json/json_tokens.h"

namespace sluice::fhir {

/// The token numbers of the keys of root members; 0 for one that is not there (token 0 is the
/// opening bracket).
struct RootMembers {
  std::size_t resource_type = 0;
  std::size_t id = 0;
  std::size_t meta = 0;
};

/// Sets content, meta_offset and meta_place of `out`, and with `keeps_tokens` its token_offsets.
/// The id of `out` is put into the content if the text has none, and with `replaces_id` anyway. The
/// text must be checked, have a resourceType, and its meta, if any, must be an object.
void write_content(const JsonTokens& tokens, const RootMembers& root, bool replaces_id,
                   bool keeps_tokens, IncomingResource& out);

}  // namespace sluice::fhir
