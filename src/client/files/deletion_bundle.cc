#include "client/files/deletion_bundle.h"

#include <algorithm>

#include "client/files/line_scan.h"
#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::client {
namespace {

using fhir::JsonTokens;

constexpr std::size_t kDepthMax = 200;
constexpr std::size_t kTypeSizeMax = 64;

// One entry; `oddity`: what is odd about it.
Result<void> take_entry(const JsonTokens& tokens, std::size_t entry, const TakeDeletion& take,
                        std::string& oddity) {
  if (tokens.first(entry) != '{') {
    oddity = kEntryNoObject;
    return {};
  }
  oddity = kEntryNoRequest;
  return fhir::each_member(
      tokens, entry, [&](std::size_t name, std::size_t request) -> Result<void> {
        if (!fhir::means(tokens.raw_string(name), "request") || tokens.first(request) != '{')
          return {};
        const auto method = fhir::string_member(tokens, request, "method");
        const auto url = fhir::string_member(tokens, request, "url");
        auto target = deletion_target(url.value_or(""));
        if (method != "DELETE" || target.first.empty()) {
          oddity = kEntryNoDelete;
          return {};
        }
        oddity.clear();
        return take ? take(std::move(target.first), std::move(target.second)) : Result<void>();
      });
}

// All elements of a Bundle's `entry`; `first`: the first oddity among them.
Result<void> take_entries(const JsonTokens& tokens, std::size_t list, const TakeDeletion& take,
                          std::string& first) {
  return fhir::each_element(tokens, list, [&](std::size_t entry) -> Result<void> {
    std::string oddity;
    auto taken = take_entry(tokens, entry, take, oddity);
    if (first.empty()) first = std::move(oddity);
    return taken;
  });
}

Result<void> take_bundle(const JsonTokens& tokens, const TakeDeletion& take, std::string& first) {
  return fhir::each_member(tokens, 0, [&](std::size_t name, std::size_t value) -> Result<void> {
    if (!fhir::means(tokens.raw_string(name), "entry")) return {};
    if (tokens.first(value) == '[') return take_entries(tokens, value, take, first);
    if (first.empty()) first = kEntryNoList;
    return {};
  });
}

}  // namespace

bool is_type_name(std::string_view type) {
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  return !type.empty() && type.size() <= kTypeSizeMax && type.front() <= 'Z' &&
         std::all_of(type.begin(), type.end(), is_letter);
}

std::pair<std::string, std::string> deletion_target(std::string_view url) {
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

std::string find_deletion_oddity(const JsonTokens& tokens) {
  std::string oddity;
  (void)take_bundle(tokens, {}, oddity);  // nothing is taken that could fail
  return oddity;
}

Result<void> each_deletion(std::string_view line, const TakeDeletion& take) {
  const Error no_bundle = corrupt("a line of deletions is no Bundle");
  if (line.size() > kLongLine) {
    const auto facts = scan_line(line, take);
    if (!facts) return facts.error();
    return facts->type == "Bundle" ? Result<void>() : no_bundle;
  }
  thread_local JsonTokens tokens;
  if (!tokens.read(line) || !fhir::check_json_object(tokens, kDepthMax))
    return corrupt("a line is no JSON object");
  if (fhir::string_member(tokens, 0, "resourceType") != "Bundle") return no_bundle;
  std::string oddity;
  return take_bundle(tokens, take, oddity);
}

}  // namespace sluice::client
