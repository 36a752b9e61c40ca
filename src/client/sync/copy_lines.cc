#include "client/sync/copy_lines.h"

#include <fmt/format.h>

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

// "Type/id", also behind a base URL and before a history.
std::pair<std::string, std::string> split_reference(std::string url) {
  if (const auto history = url.find("/_history/"); history != std::string::npos)
    url.resize(history);
  const auto slash = url.rfind('/');
  if (slash == std::string::npos || slash == 0) return {};
  const auto before = url.rfind('/', slash - 1);
  const std::size_t start = before == std::string::npos ? 0 : before + 1;
  return {url.substr(start, slash - start), url.substr(slash + 1)};
}

}  // namespace

Result<LineKey> read_line_key(std::string_view line) {
  thread_local JsonTokens tokens;
  SLUICE_CHECK(read_object(tokens, line));
  LineKey key;
  SLUICE_CHECK(
      fhir::each_member(tokens, 0, [&](std::size_t name, std::size_t value) -> Result<void> {
        const auto raw = tokens.raw_string(name);
        if (raw == "resourceType") key.type = text_of(tokens, value);
        if (raw == "id") key.id = text_of(tokens, value);
        if (raw != "meta" || tokens.first(value) != '{') return {};
        return fhir::each_member(
            tokens, value, [&](std::size_t inner, std::size_t at) -> Result<void> {
              if (tokens.raw_string(inner) != "lastUpdated" || !is_text(tokens, at)) return {};
              if (const auto instant = parse_fhir_instant(tokens.raw_string(at)))
                key.last_updated = *instant;
              return {};
            });
      }));
  if (key.type.empty() || key.id.empty()) return bad_line("has no resourceType or no id");
  return key;
}

Result<std::vector<std::pair<std::string, std::string>>> read_deletions(std::string_view line) {
  JsonTokens tokens;
  SLUICE_CHECK(read_object(tokens, line));
  std::vector<std::pair<std::string, std::string>> deletions;
  bool is_bundle = false;
  const auto take_request = [&](std::size_t, std::size_t request) -> Result<void> {
    std::string method;
    std::string url;
    if (tokens.first(request) != '{') return bad_line("has a request that is no object");
    SLUICE_CHECK(fhir::each_member(tokens, request,
                                   [&](std::size_t name, std::size_t value) -> Result<void> {
                                     if (tokens.raw_string(name) == "method")
                                       method = text_of(tokens, value);
                                     if (tokens.raw_string(name) == "url")
                                       url = text_of(tokens, value);
                                     return {};
                                   }));
    auto target = split_reference(url);
    if (method != "DELETE" || target.first.empty() || target.second.empty() ||
        url.find('?') != std::string::npos)
      return bad_line("of deletions has an entry that is no DELETE of one resource");
    deletions.push_back(std::move(target));
    return {};
  };
  const auto take_entry = [&](std::size_t entry) -> Result<void> {
    if (tokens.first(entry) != '{') return bad_line("has an entry that is no object");
    const std::size_t before = deletions.size();
    SLUICE_CHECK(
        fhir::each_member(tokens, entry, [&](std::size_t name, std::size_t value) -> Result<void> {
          return tokens.raw_string(name) == "request" ? take_request(name, value) : Result<void>();
        }));
    if (deletions.size() == before) return bad_line("of deletions has an entry without a request");
    return {};
  };
  SLUICE_CHECK(
      fhir::each_member(tokens, 0, [&](std::size_t name, std::size_t value) -> Result<void> {
        const auto raw = tokens.raw_string(name);
        if (raw == "resourceType") is_bundle = text_of(tokens, value) == "Bundle";
        if (raw == "entry" && tokens.first(value) == '[')
          return fhir::each_element(tokens, value, take_entry);
        return {};
      }));
  if (!is_bundle) return bad_line("of deletions is no Bundle");
  return deletions;
}

}  // namespace sluice::client
