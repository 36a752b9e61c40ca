// Finds and replaces the links of a resource in a transaction. Every other byte of the resource
// stays as it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/json_tokens.h"

namespace sluice::fhir {

enum class LinkPlace : std::uint8_t {
  kReference,  ///< Reference.reference
  kUri,        ///< an element of type uri, url, oid or uuid (never a canonical)
  kNarrative,  ///< <a href=""> and <img src=""> in the text
};

/// What a link becomes: a "Type/id", which needs no escapes in JSON and XHTML; nullopt: it stays.
using LinkTarget =
    std::function<Result<std::optional<std::string>>(LinkPlace place, std::string_view text)>;

/// Appends to `out` the object that begins with token `resource`, its links replaced, also those in
/// contained resources, extensions and the narrative; to `offsets`, if it is given, its tokens as
/// JsonTokens takes them. The tokens must be of a checked text. Errors are those of `target`.
Result<void> rewrite_links(const JsonTokens& tokens, std::size_t resource, const LinkTarget& target,
                           std::string& out, std::vector<std::uint32_t>* offsets = nullptr);

/// Calls `visit` for these links.
using LinkVisit = std::function<Result<void>(LinkPlace place, std::string_view text)>;
Result<void> each_link(const JsonTokens& tokens, std::size_t resource, const LinkVisit& visit);

}  // namespace sluice::fhir
