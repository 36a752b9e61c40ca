// The links in a narrative: XHTML in a JSON string. Apart from bundle_links.h, which walks JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::fhir {

/// The value of an href of <a> or a src of <img>.
struct NarrativeLink {
  std::string text;       ///< with the escapes of JSON and XML resolved
  std::size_t begin = 0;  ///< its offset in the raw string
  std::size_t end = 0;
};

/// Finds the links in `raw`, the bytes between the quotes of a checked JSON string. Tags in
/// comments count for nothing, as do attributes without quotes, which XHTML does not have.
std::vector<NarrativeLink> narrative_links(std::string_view raw);

}  // namespace sluice::fhir
