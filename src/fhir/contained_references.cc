#include "fhir/contained_references.h"

#include "json/json_check.h"

namespace sluice::fhir {
namespace {

constexpr std::string_view kMasked =
    R"("extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason",)"
    R"("valueCode":"masked"}])";

/// Whether the member with this key refers to a contained resource.
bool is_contained_reference(const JsonTokens& tokens, std::size_t key) {
  if (key + 3 >= tokens.size() || tokens.first(key) != '"' || tokens.first(key + 1) != ':' ||
      tokens.first(key + 2) != '"' || !means(tokens.raw_string(key), "reference"))
    return false;
  const std::string_view raw = tokens.raw_string(key + 2);
  if (raw.find('\\') == std::string_view::npos) return raw.size() > 1 && raw.front() == '#';
  const std::string text = unescape(raw);
  return text.size() > 1 && text.front() == '#';
}

}  // namespace

Result<void> cut_contained_references(std::string_view resource, JsonTokens& tokens,
                                      std::string& out) {
  if (!tokens.read(resource)) return corrupt("stored resource: not one JSON object");
  const std::string_view text = tokens.text();
  std::size_t copied = 0;
  for (std::size_t i = 1; i + 3 < tokens.size(); ++i) {
    if (!is_contained_reference(tokens, i)) continue;
    const bool is_first = tokens.first(i - 1) == '{';
    const bool is_last = tokens.first(i + 3) == '}';
    // With the comma before it, else with the one behind it.
    const std::size_t from = is_first ? tokens.begin(i) : tokens.begin(i - 1);
    const std::size_t to = is_first && !is_last ? tokens.begin(i + 4) : tokens.scalar_end(i + 2);
    out.append(text.substr(copied, from - copied));
    if (is_first && is_last) out.append(kMasked);
    copied = to;
  }
  out.append(text.substr(copied));
  return {};
}

}  // namespace sluice::fhir
