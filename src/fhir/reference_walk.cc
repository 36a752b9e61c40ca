#include "fhir/reference_walk.h"

#include <string>

#include "base/sort_unique.h"
#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::fhir {
namespace {

constexpr std::size_t kDepthMax = 1000;  // no limit but a promise: the store's lines were checked

// Calls `visit` with what every reference between two tokens says, unescaped.
template <class Visit>
void each_reference(const JsonTokens& tokens, std::size_t token, std::size_t end, Visit visit) {
  for (std::size_t i = token; i + 2 < end; ++i) {
    // A string before a colon is a key.
    if (tokens.first(i) != '"' || tokens.first(i + 1) != ':' || tokens.first(i + 2) != '"')
      continue;
    if (!means(tokens.raw_string(i), "reference")) continue;
    const std::string_view raw = tokens.raw_string(i + 2);
    const bool has_escapes = raw.find('\\') != std::string_view::npos;
    const std::string unescaped = has_escapes ? unescape(raw) : std::string();
    visit(has_escapes ? std::string_view(unescaped) : raw);
  }
}

// Each target once, sorted. `parse` makes a ReferenceView of a reference, or nullopt.
template <class Parse>
std::vector<ResourceId> targets_at(const JsonTokens& tokens, std::size_t value, Parse parse) {
  std::vector<ResourceId> targets;
  each_reference(tokens, value, tokens.behind(value), [&](std::string_view text) {
    if (const auto reference = parse(text))
      targets.push_back({reference->type, std::string(reference->id)});
  });
  sort_unique(targets);
  return targets;
}

}  // namespace

std::vector<ResourceId> possible_targets(const JsonTokens& tokens) {
  std::vector<ResourceId> targets;
  // `each_member` fails only when its visitor does.
  (void)each_member(tokens, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
    if (means(tokens.raw_string(key), "target"))
      targets = targets_at(tokens, value, &parse_reference_to_any_server);
    return {};
  });
  return targets;
}

Result<void> ReferenceWalk::each(std::string_view line,
                                 const std::function<void(const ReferenceView&)>& visit) {
  if (!tokens_.read(line)) return corrupt("stored resource: not JSON");
  each_reference(tokens_, 0, tokens_.size(), [&](std::string_view text) {
    if (const auto reference = parse_reference(text, base_url_)) visit(*reference);
  });
  return {};
}

Result<ProvenanceHead> ReferenceWalk::provenance(std::string_view line) {
  if (!tokens_.read(line) || !check_json_object(tokens_, kDepthMax))
    return corrupt("stored Provenance: not JSON");
  ProvenanceHead head;
  SLUICE_RETURN_IF_ERROR(
      each_member(tokens_, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
        const std::string_view name = tokens_.raw_string(key);
        if (means(name, "target")) {
          head.targets = targets_at(tokens_, value, [&](std::string_view text) {
            return parse_reference(text, base_url_);
          });
        } else if (means(name, "recorded") && tokens_.first(value) == '"') {
          const auto recorded = parse_fhir_instant(unescape(tokens_.raw_string(value)));
          if (recorded) head.recorded = *recorded;
        }
        return {};
      }));
  return head;
}

}  // namespace sluice::fhir
