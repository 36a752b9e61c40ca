#include "fhir/reference_walk.h"

#include <algorithm>
#include <string>

#include "fhir/json_check.h"
#include "fhir/json_walk.h"

namespace sluice::fhir {
namespace {

constexpr std::size_t kDepthMax = 1000;  // no limit but a promise: the store's lines were checked

}  // namespace

void ReferenceWalk::visit_from(std::size_t token, std::size_t end,
                               const std::function<void(const ReferenceView&)>& visit) const {
  for (std::size_t i = token; i + 2 < end; ++i) {
    // A string before a colon is a key.
    if (tokens_.first(i) != '"' || tokens_.first(i + 1) != ':' || tokens_.first(i + 2) != '"')
      continue;
    if (!means(tokens_.raw_string(i), "reference")) continue;
    const std::string_view raw = tokens_.raw_string(i + 2);
    const bool has_escapes = raw.find('\\') != std::string_view::npos;
    const std::string unescaped = has_escapes ? unescape(raw) : std::string();
    const auto reference =
        parse_reference(has_escapes ? std::string_view(unescaped) : raw, base_url_);
    if (reference) visit(*reference);
  }
}

Result<void> ReferenceWalk::each(std::string_view line,
                                 const std::function<void(const ReferenceView&)>& visit) {
  if (!tokens_.read(line)) return corrupt("stored resource: not JSON");
  visit_from(0, tokens_.size(), visit);
  return {};
}

Result<ProvenanceHead> ReferenceWalk::provenance(std::string_view line) {
  if (!tokens_.read(line) || !check_json_object(tokens_, kDepthMax))
    return corrupt("stored Provenance: not JSON");
  ProvenanceHead head;
  SLUICE_CHECK(each_member(tokens_, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
    const std::string_view name = tokens_.raw_string(key);
    if (means(name, "target")) {
      visit_from(value, tokens_.behind(value), [&](const ReferenceView& reference) {
        head.targets.push_back({reference.type, std::string(reference.id)});
      });
    } else if (means(name, "recorded") && tokens_.first(value) == '"') {
      const auto recorded = parse_fhir_instant(unescape(tokens_.raw_string(value)));
      if (recorded) head.recorded = *recorded;
    }
    return {};
  }));
  std::sort(head.targets.begin(), head.targets.end());
  head.targets.erase(std::unique(head.targets.begin(), head.targets.end()), head.targets.end());
  return head;
}

}  // namespace sluice::fhir
