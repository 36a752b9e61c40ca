#include "client/files/deletion_bundle.h"

#include <algorithm>

#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::client {
namespace {

using fhir::JsonTokens;

constexpr std::size_t kDepthMax = 200;
constexpr std::size_t kTypeSizeMax = 64;

// "Type/id", also behind a base URL and before a history. Empty for all else: a search, say, or
// what would have to be decoded first.
std::pair<std::string, std::string> target_of(std::string_view url) {
  if (const auto history = url.find("/_history/"); history != std::string_view::npos)
    url = url.substr(0, history);
  const bool is_plain = std::all_of(url.begin(), url.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != '?' && c != '#' && c != '%';
  });
  const auto slash = url.rfind('/');
  if (!is_plain || slash == std::string_view::npos || slash == 0 || slash + 1 == url.size())
    return {};
  const auto before = url.rfind('/', slash - 1);
  const std::size_t start = before == std::string_view::npos ? 0 : before + 1;
  const auto type = url.substr(start, slash - start);
  if (!is_type_name(type)) return {};
  return {std::string(type), std::string(url.substr(slash + 1))};
}

// One entry; what is odd about it.
std::string take_entry(const JsonTokens& tokens, std::size_t entry, Deletions& deletions) {
  if (tokens.first(entry) != '{') return "an entry that is no object";
  std::string oddity = "an entry without a request";
  (void)fhir::each_member(
      tokens, entry, [&](std::size_t name, std::size_t request) -> Result<void> {
        if (!fhir::means(tokens.raw_string(name), "request") || tokens.first(request) != '{')
          return {};
        const auto method = fhir::string_member(tokens, request, "method");
        const auto url = fhir::string_member(tokens, request, "url");
        auto target = target_of(url.value_or(""));
        if (method != "DELETE" || target.first.empty()) {
          oddity = "an entry that is no DELETE of one resource by Type/id";
          return {};
        }
        oddity.clear();
        deletions.resources.push_back(std::move(target));
        return {};
      });
  return oddity;
}

}  // namespace

bool is_type_name(std::string_view type) {
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  return !type.empty() && type.size() <= kTypeSizeMax && type.front() <= 'Z' &&
         std::all_of(type.begin(), type.end(), is_letter);
}

Deletions read_deletions(const JsonTokens& tokens) {
  Deletions deletions;
  const auto note = [&](std::string oddity) {
    if (deletions.oddity.empty()) deletions.oddity = std::move(oddity);
  };
  (void)fhir::each_member(tokens, 0, [&](std::size_t name, std::size_t value) -> Result<void> {
    if (!fhir::means(tokens.raw_string(name), "entry")) return {};
    if (tokens.first(value) != '[') {
      note("an entry that is no list");
      return {};
    }
    return fhir::each_element(tokens, value, [&](std::size_t entry) -> Result<void> {
      note(take_entry(tokens, entry, deletions));
      return {};
    });
  });
  return deletions;
}

Result<Deletions> read_deletions(std::string_view line) {
  thread_local JsonTokens tokens;
  if (!tokens.read(line) || !fhir::check_json_object(tokens, kDepthMax))
    return corrupt("a line is no JSON object");
  if (fhir::string_member(tokens, 0, "resourceType") != "Bundle")
    return corrupt("a line of deletions is no Bundle");
  return read_deletions(tokens);
}

}  // namespace sluice::client
