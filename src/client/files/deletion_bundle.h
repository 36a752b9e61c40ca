// What a Bundle of a manifest's `deleted` deletes.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "json/json_tokens.h"

namespace sluice::client {

/// Whether a server's word for a type can be one: letters, the first a capital one. It becomes the
/// name of a file.
bool is_type_name(std::string_view type);

/// Type and id of what a DELETE's url names: "Type/id", also behind a base URL and before a
/// history. Empty for all else: a search, say, or what would have to be decoded first.
std::pair<std::string, std::string> deletion_target(std::string_view url);

/// What an entry is that is no DELETE of one resource.
inline constexpr const char* kEntryNoList = "an entry that is no list";
inline constexpr const char* kEntryNoObject = "an entry that is no object";
inline constexpr const char* kEntryNoRequest = "an entry without a request";
inline constexpr const char* kEntryNoDelete =
    "an entry that is no DELETE of one resource by Type/id";

using TakeDeletion = std::function<Result<void>(std::string type, std::string id)>;
/// Of the tokens of a checked object that is a Bundle: the first oddity of its entries, or nothing.
std::string find_deletion_oddity(const fhir::JsonTokens& tokens);
/// Calls `take` with what a line deletes. kCorrupt when it is no Bundle.
Result<void> each_deletion(std::string_view line, const TakeDeletion& take);

}  // namespace sluice::client
