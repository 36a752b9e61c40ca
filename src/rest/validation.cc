#include "rest/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/json_check.h"
#include "fhir/json_tokens.h"
#include "search/cohort.h"

namespace sluice::rest {
namespace {

Error unprocessable(std::string message) {
  return {ErrorKind::kUnprocessable, std::move(message)};
}

// "value[x]" is there as "valueQuantity".
bool is_there(const std::vector<std::string>& names, std::string_view mandatory) {
  if (!mandatory.ends_with("[x]"))
    return std::find(names.begin(), names.end(), mandatory) != names.end();
  mandatory.remove_suffix(3);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return name.size() > mandatory.size() && name.starts_with(mandatory);
  });
}

}  // namespace

Result<void> validate(const fhir::IncomingResource& resource, MemberFilters filters) {
  fhir::JsonTokens tokens;
  SLUICE_CHECK(tokens.read(resource.content));
  const std::string_view type = fhir::type_name(resource.type);
  std::vector<std::string> names;
  // The reader has checked that this is one object: key, colon, value, comma.
  for (std::size_t key = 1; key + 2 < tokens.size() && tokens.first(key) == '"';) {
    std::string name = fhir::unescape(tokens.raw_string(key));
    // "_birthDate" holds the id and the extensions of "birthDate".
    if (name.starts_with('_')) name.erase(0, 1);
    if (name != "resourceType" && !fhir::is_root_element(resource.type, name))
      return unprocessable(fmt::format("'{}' is not an element of {}", name.substr(0, 64), type));
    names.push_back(std::move(name));
    key = tokens.behind(key + 2) + 1;
  }
  for (const auto mandatory : fhir::mandatory_root_elements(resource.type))
    if (!is_there(names, mandatory))
      return unprocessable(fmt::format("{}.{} is missing", type, mandatory));
  if (resource.type != fhir::types::kGroup) return {};
  SLUICE_TRY(const auto cohort,
             search::read_cohort(resource.content, {}, search::Strictness::kWholeProfile));
  if (cohort && filters == MemberFilters::kRefused)
    return Error{ErrorKind::kUnsupported,
                 "a Group with member-filter is written by a POST or PUT of its own only"};
  return {};
}

}  // namespace sluice::rest
