#include "search/canonical_query.h"

#include <algorithm>

#include "base/sort_unique.h"
#include "search/query.h"

namespace sluice::search {
namespace {

// What RFC 6749 allows in a scope and means nothing in a query string.
bool stands_for_itself(char c) {
  const bool is_alphanumeric =
      (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  return is_alphanumeric || std::string_view("-._~:/|,$@!*'();").find(c) != std::string_view::npos;
}

void append_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const char c : text) {
    if (stands_for_itself(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

std::vector<std::string> parts_of(std::string_view canonical) {
  std::vector<std::string> parts;
  while (!canonical.empty()) {
    const std::size_t end = std::min(canonical.find('&'), canonical.size());
    parts.emplace_back(canonical.substr(0, end));
    canonical.remove_prefix(std::min(end + 1, canonical.size()));
  }
  return parts;
}

std::string joined(std::vector<std::string> parts) {
  sort_unique(parts);
  std::string text;
  for (const auto& part : parts) {
    if (!text.empty()) text += '&';
    text += part;
  }
  return text;
}

}  // namespace

Result<std::string> canonical_query(std::string_view raw) {
  SLUICE_ASSIGN_OR_RETURN(const auto parameters, parse_query_string(raw));
  std::vector<std::string> parts;
  for (const auto& [name, value] : parameters) {
    std::string& part = parts.emplace_back();
    append_encoded(part, name);
    part += '=';
    append_encoded(part, value);
  }
  return joined(std::move(parts));
}

std::string both_queries(std::string_view a, std::string_view b) {
  auto parts = parts_of(a);
  for (auto& part : parts_of(b)) parts.push_back(std::move(part));
  return joined(std::move(parts));
}

bool query_is_within(std::string_view narrow, std::string_view wide) {
  const auto of_narrow = parts_of(narrow);
  const auto of_wide = parts_of(wide);
  return std::includes(of_narrow.begin(), of_narrow.end(), of_wide.begin(), of_wide.end());
}

bool limit_is_within(const QueryLimit& narrow, const QueryLimit& wide) {
  const auto part_is_within = [](const auto& narrow_part, const auto& wide_part) {
    return std::all_of(narrow_part.begin(), narrow_part.end(), [&](const auto& query) {
      return std::any_of(wide_part.begin(), wide_part.end(),
                         [&](const auto& other) { return query_is_within(query, other); });
    });
  };
  return std::all_of(wide.begin(), wide.end(), [&](const auto& wide_part) {
    return std::any_of(narrow.begin(), narrow.end(), [&](const auto& narrow_part) {
      return part_is_within(narrow_part, wide_part);
    });
  });
}

}  // namespace sluice::search
