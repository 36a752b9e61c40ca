#include "fhir/reference.h"

namespace sluice::fhir {
namespace {

/// What follows `base_url` and a slash in `text`; nullopt when it is not below it.
std::optional<std::string_view> below(std::string_view text, std::string_view base_url) {
  while (base_url.ends_with('/')) base_url.remove_suffix(1);
  if (base_url.empty() || !text.starts_with(base_url)) return std::nullopt;
  text.remove_prefix(base_url.size());
  if (!text.starts_with('/')) return std::nullopt;
  text.remove_prefix(1);
  return text;
}

}  // namespace

std::optional<ReferenceView> parse_reference(std::string_view text, std::string_view base_url) {
  // No type's name and no id has a colon, so one before the first slash means a scheme.
  std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  if (text[slash - 1] == ':') {
    const auto rest = below(text, base_url);
    if (!rest) return std::nullopt;
    text = *rest;
    slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
  }
  const auto type = find_resource_type(text.substr(0, slash));
  if (!type) return std::nullopt;
  std::string_view id = text.substr(slash + 1);
  if (const std::size_t end = id.find('/'); end != std::string_view::npos) {
    constexpr std::string_view kHistory = "/_history/";
    const std::string_view rest = id.substr(end);
    if (!rest.starts_with(kHistory) || !is_valid_id(rest.substr(kHistory.size()))) {
      return std::nullopt;
    }
    id = id.substr(0, end);
  }
  if (!is_valid_id(id)) return std::nullopt;
  return ReferenceView{*type, id};
}

std::optional<ConditionalReference> parse_conditional_reference(std::string_view text) {
  const std::size_t mark = text.find('?');
  if (mark == std::string_view::npos) return std::nullopt;
  const auto type = find_resource_type(text.substr(0, mark));
  if (!type) return std::nullopt;
  return ConditionalReference{*type, text.substr(mark + 1)};
}

std::optional<ReferenceView> parse_reference_to_any_server(std::string_view text) {
  // Only behind its last slashes can a URL name a resource: Type/id or Type/id/_history/version.
  if (const auto found = parse_reference(text)) return found;
  std::size_t start = text.size();
  for (int slashes = 0; slashes < 4; ++slashes) {
    if (start == 0) return std::nullopt;
    start = text.rfind('/', start - 1);
    if (start == std::string_view::npos) return std::nullopt;
    if (slashes == 0) continue;
    if (const auto found = parse_reference(text.substr(start + 1))) return found;
  }
  return std::nullopt;
}

}  // namespace sluice::fhir
