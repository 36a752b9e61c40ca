// What meta.security says was done to a resource, by the codes that the tool of the rule language
// writes.
#include <iterator>

#include "base/json_text.h"
#include "deid/walker.h"
#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::deid {
namespace {

struct TagRow {
  std::uint8_t tag;
  std::string_view code;
  std::string_view coding;
};

#define SLUICE_V3 R"({"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue",)"
constexpr TagRow kTags[] = {
    {kRedactedTag, "REDACTED", SLUICE_V3 R"("code":"REDACTED","display":"redacted"})"},
    {kAbstractedTag, "ABSTRED", SLUICE_V3 R"("code":"ABSTRED","display":"abstracted"})"},
    // Spelled as HL7 spells it.
    {kHashedTag, "CRYTOHASH",
     SLUICE_V3 R"("code":"CRYTOHASH","display":"cryptographic hash function"})"},
    {kMaskedTag, "MASKED", SLUICE_V3 R"("code":"MASKED","display":"masked"})"},
    {kPerturbedTag, "PERTURBED",
     R"({"code":"PERTURBED","display":"exact value is replaced with another exact value"})"},
    {kSubstitutedTag, "SUBSTITUTED",
     R"({"code":"SUBSTITUTED","display":"exact value is replaced with a predefined value"})"},
    {kGeneralizedTag, "GENERALIZED",
     R"({"code":"GENERALIZED","display":"exact value is replaced with a general value"})"}};
#undef SLUICE_V3

bool same_code(std::string_view code, std::string_view upper) {
  if (code.size() != upper.size()) return false;
  for (std::size_t i = 0; i < code.size(); ++i) {
    const char c = code[i] >= 'a' && code[i] <= 'z' ? static_cast<char>(code[i] - 32) : code[i];
    if (c != upper[i]) return false;
  }
  return true;
}

/// The tags of which `array` has the codes.
std::uint8_t tags_in(const fhir::JsonTokens& tokens, std::size_t array) {
  std::uint8_t tags = 0;
  (void)fhir::each_element(tokens, array, [&](std::size_t item) -> Result<void> {
    if (tokens.first(item) != '{') return {};
    const auto code = fhir::string_member(tokens, item, "code");
    for (const auto& row : kTags)
      if (code && same_code(*code, row.code)) tags |= row.tag;
    return {};
  });
  return tags;
}

std::string codings(std::uint8_t tags, bool is_first) {
  std::string text;
  for (const auto& row : kTags) {
    if ((tags & row.tag) == 0) continue;
    text += is_first ? "" : ",";
    text += row.coding;
    is_first = false;
  }
  return text;
}

}  // namespace

/// Puts the codes into the resource that was just written.
void Walker::add_meta() {
  const bool has_instant = program_.is_allow_list() && context_->last_updated.has_value();
  if (tags_ == 0 && !has_instant) return;
  if (resource_.meta_begin == 0) {
    std::string meta = "\"meta\":{";
    if (has_instant)
      meta += "\"lastUpdated\":" + json_string(to_fhir_instant(*context_->last_updated));
    if (tags_ != 0) {
      meta += has_instant ? "," : "";
      meta += "\"security\":[" + codings(tags_, true) + "]";
    }
    meta += '}';
    if (resource_.behind_type != 0)
      out_.insert(resource_.behind_type, "," + meta);
    else
      out_.insert(out_.size() - 1, (out_[out_.size() - 2] == '{' ? "" : ",") + meta);
    return;
  }
  const std::string_view meta = std::string_view(out_).substr(
      resource_.meta_begin, resource_.meta_end - resource_.meta_begin);
  // It was written of checked tokens.
  if (!meta_tokens_.read(meta)) return;
  std::size_t security = 0;
  (void)fhir::each_member(meta_tokens_, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
    if (fhir::means(meta_tokens_.raw_string(key), "security") && meta_tokens_.first(value) == '[')
      security = value;
    return {};
  });
  if (security == 0) {
    const bool is_empty = meta_tokens_.first(1) == '}';
    out_.insert(resource_.meta_end - 1,
                (is_empty ? "\"security\":[" : ",\"security\":[") + codings(tags_, true) + "]");
    return;
  }
  const auto missing = static_cast<std::uint8_t>(tags_ & ~tags_in(meta_tokens_, security));
  const bool is_empty = meta_tokens_.first(security + 1) == ']';
  out_.insert(resource_.meta_begin + meta_tokens_.begin(meta_tokens_.closing(security)),
              codings(missing, is_empty));
}

}  // namespace sluice::deid
