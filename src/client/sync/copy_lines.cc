#include "client/sync/copy_lines.h"

#include <fmt/format.h>

#include "client/files/line_scan.h"
#include "json/json_check.h"
#include "json/json_tokens.h"
#include "json/json_walk.h"

namespace sluice::client {
namespace {

using fhir::JsonTokens;

constexpr std::size_t kDepthMax = 200;

Error bad_line(const char* what) {
  return corrupt(fmt::format("a line {}", what));
}

bool is_text(const JsonTokens& tokens, std::size_t token) {
  return tokens.first(token) == '"';
}

std::string text_of(const JsonTokens& tokens, std::size_t token) {
  return is_text(tokens, token) ? fhir::unescape(tokens.raw_string(token)) : std::string();
}

// The tokens of one checked object.
Result<void> read_object(JsonTokens& tokens, std::string_view line) {
  if (!tokens.read(line) || !fhir::check_json_object(tokens, kDepthMax))
    return bad_line("is no JSON object");
  return {};
}

Result<void> check(const LineKey& key) {
  const bool needs_id =
      key.type != "OperationOutcome" && key.type != "Bundle" && key.type != "Parameters";
  if (key.type.empty() || (key.id.empty() && needs_id))
    return bad_line("has no resourceType or no id");
  return {};
}

}  // namespace

Result<LineKey> read_line_key(std::string_view line) {
  LineKey key;
  if (line.size() > kLongLine) {
    auto facts = scan_line(line);
    if (!facts) return bad_line("is no JSON object");
    key = {std::move(facts->type), std::move(facts->id), facts->last_updated};
    SLUICE_RETURN_IF_ERROR(check(key));
    return key;
  }
  thread_local JsonTokens tokens;
  SLUICE_RETURN_IF_ERROR(read_object(tokens, line));
  SLUICE_RETURN_IF_ERROR(
      fhir::each_member(tokens, 0, [&](std::size_t name, std::size_t value) -> Result<void> {
        const auto raw = tokens.raw_string(name);
        if (fhir::means(raw, "resourceType")) key.type = text_of(tokens, value);
        if (fhir::means(raw, "id")) key.id = text_of(tokens, value);
        if (!fhir::means(raw, "meta") || tokens.first(value) != '{') return {};
        return fhir::each_member(
            tokens, value, [&](std::size_t inner, std::size_t at) -> Result<void> {
              if (!fhir::means(tokens.raw_string(inner), "lastUpdated") || !is_text(tokens, at))
                return {};
              if (const auto instant = parse_fhir_instant(text_of(tokens, at)))
                key.last_updated = *instant;
              return {};
            });
      }));
  SLUICE_RETURN_IF_ERROR(check(key));
  return key;
}

}  // namespace sluice::client
