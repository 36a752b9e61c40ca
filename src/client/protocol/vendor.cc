#include "client/protocol/vendor.h"

#include <boost/json.hpp>

#include "base/text.h"
#include "client/http/json_tree.h"

namespace sluice::client {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

const std::vector<VendorProfile> kProfiles = {
    {"plain", "a server that keeps to the standard", false, false, 8, 1s, 60s, "", false, false,
     false},
    {"sluice", "Sluice", false, false, 8, 1s, 30s, "", false, false, true},
    {"epic", "Epic", true, true, 4, 30s, 600s, "", false, true, false},
    {"cerner", "Oracle Health (Cerner)", true, true, 4, 30s, 600s, "", false, true, false},
    {"bcda", "BCDA and its relatives (AB2D, DPC)", true, true, 5, 5s, 120s, "", false, false,
     false},
    {"hapi", "HAPI FHIR", false, true, 8, 1s, 120s, "", false, true, false},
    {"medplum", "Medplum", false, false, 8, 1s, 60s, "", false, true, false},
    {"smart", "SMART reference server (bulk-data-server)", false, false, 8, 1s, 10s, "", false,
     false, false},
};

// The words that tell a server: of software, implementation and publisher, in lower case.
std::string self_description(const json::object& statement) {
  std::string words;
  const auto add = [&](const json::value* value) {
    if (value != nullptr && value->is_string())
      words += to_lower(value->get_string().c_str()) + " \n";
  };
  for (const char* name : {"publisher", "name", "title"}) add(statement.if_contains(name));
  for (const char* name : {"software", "implementation"}) {
    const auto* part = statement.if_contains(name);
    if (part == nullptr || !part->is_object()) continue;
    for (const char* member : {"name", "description"}) add(part->get_object().if_contains(member));
  }
  return words;
}

// By the version of the guide, or by parameters that came with it.
bool says_stu4(std::string_view statement) {
  const auto has = [&](std::string_view word) {
    return statement.find(word) != std::string_view::npos;
  };
  return has("uv/bulkdata") &&
         (has("bulk-data|4.") || has("export|4.") || has("allowPartialManifests"));
}

}  // namespace

const std::vector<VendorProfile>& vendor_profiles() {
  return kProfiles;
}

std::optional<VendorProfile> find_vendor(std::string_view name) {
  for (const auto& profile : kProfiles)
    if (profile.name == name) return profile;
  return std::nullopt;
}

VendorProfile detect_vendor(std::string_view capability_statement) {
  struct Sign {
    std::string_view word;
    std::string_view profile;
  };
  constexpr Sign kSigns[] = {
      {"sluice", "sluice"},
      {"medplum", "medplum"},
      {"smart", "smart"},
      {"hapi", "hapi"},
      {"cerner", "cerner"},
      {"oracle health", "cerner"},
      {"millennium", "cerner"},
      {"beneficiary claims data", "bcda"},
      {"bcda", "bcda"},
      {"ab2d", "bcda"},
      {"data at the point of care", "bcda"},
      {"epic", "epic"},
  };
  const auto value = parse_json_tree(capability_statement);
  if (!value.is_object()) return kProfiles.front();
  const std::string words = self_description(value.get_object());
  for (const auto& sign : kSigns) {
    const auto at = words.find(sign.word);
    if (at == std::string::npos) continue;
    VendorProfile profile = *find_vendor(sign.profile);
    profile.is_stu4 = profile.is_stu4 || says_stu4(capability_statement);
    return profile;
  }
  VendorProfile plain = kProfiles.front();
  plain.is_stu4 = says_stu4(capability_statement);
  return plain;
}

}  // namespace sluice::client
