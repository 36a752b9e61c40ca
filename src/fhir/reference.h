// References between resources, as text: "Patient/1", "Patient/1/_history/2",
// "https://server/fhir/Patient/1".
#pragma once

#include <optional>
#include <string_view>

#include "fhir/resource_type.h"

namespace sluice::fhir {

/// A parsed literal reference. `id` is a view into the given text.
struct ReferenceView {
  ResourceType type;
  std::string_view id;
};

/// Understands relative references and, when `base_url` is not empty, absolute ones below it
/// (without regard to a trailing slash); a "/_history/..." part is skipped. nullopt for everything
/// else:
/// "#contained", urn:uuid, other servers, unknown types, invalid ids.
std::optional<ReferenceView> parse_reference(std::string_view text, std::string_view base_url = {});

/// The resource that an absolute or relative reference names, on any server: for callers that do
/// not know this server's URLs.
std::optional<ReferenceView> parse_reference_to_any_server(std::string_view text);

/// "Patient?identifier=a|b" as a Reference: which type, and the query.
struct ConditionalReference {
  ResourceType type;
  std::string_view query;  ///< a view of the text given
};
/// nullopt for everything else.
std::optional<ConditionalReference> parse_conditional_reference(std::string_view text);

}  // namespace sluice::fhir
