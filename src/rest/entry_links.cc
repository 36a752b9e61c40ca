#include "rest/entry_links.h"

#include <fmt/format.h>

#include "fhir/reference.h"

namespace sluice::rest {
namespace {

// "https://server/fhir/" of "https://server/fhir/Patient/1"; empty for what is no such URL.
std::string_view server_of(std::string_view full_url) {
  const std::size_t id = full_url.rfind('/');
  if (id == std::string_view::npos || id == 0) return {};
  const std::size_t type = full_url.rfind('/', id - 1);
  if (type == std::string_view::npos || !fhir::parse_reference(full_url.substr(type + 1)))
    return {};
  return full_url.substr(0, type + 1);
}

}  // namespace

Result<void> EntryLinks::add(const std::string& full_url, const fhir::ResourceId& key) {
  if (full_url.empty()) return {};
  const auto [known, is_new] =
      targets_.try_emplace(full_url, fmt::format("{}/{}", fhir::type_name(key.type), key.id));
  if (is_new) return {};
  return invalid("its fullUrl is another entry's too");
}

std::optional<std::string> EntryLinks::target(std::string_view full_url,
                                              std::string_view link) const {
  auto known = targets_.find(std::string(link));
  if (known == targets_.end() && fhir::parse_reference(link)) {
    const std::string_view server = server_of(full_url);
    if (!server.empty()) known = targets_.find(std::string(server).append(link));
  }
  if (known == targets_.end()) return std::nullopt;
  return known->second;
}

}  // namespace sluice::rest
