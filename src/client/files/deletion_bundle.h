// What a Bundle of a manifest's `deleted` deletes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "json/json_tokens.h"

namespace sluice::client {

/// Whether a server's word for a type can be one: letters, the first a capital one. It becomes the
/// name of a file.
bool is_type_name(std::string_view type);

struct Deletions {
  std::vector<std::pair<std::string, std::string>> resources;  ///< type and id
  std::string oddity;  ///< of the first entry that is no DELETE of one resource: "an entry ..."
};
/// Of the tokens of a checked object that is a Bundle.
Deletions read_deletions(const fhir::JsonTokens& tokens);
/// Of a line. kCorrupt when it is no Bundle.
Result<Deletions> read_deletions(std::string_view line);

}  // namespace sluice::client
