#include "fhir/cohort_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::fhir {
namespace {

constexpr std::size_t kDepthMax = 1000;  // the reader has held it to its own limit

std::size_t find_member(const JsonTokens& tokens, std::size_t object, std::string_view name) {
  std::size_t found = 0;
  (void)each_member(tokens, object, [&](std::size_t key, std::size_t value) -> Result<void> {
    if (means(tokens.raw_string(key), name)) found = value;
    return {};
  });
  return found;
}

bool has_url(const JsonTokens& tokens, std::size_t extension, std::string_view url) {
  return tokens.first(extension) == '{' && string_member(tokens, extension, "url") == url;
}

/// Calls `visit(extension token)` for the elements of the root's list `name`.
template <class Visit>
Result<void> each_extension(const JsonTokens& tokens, std::string_view name, Visit visit) {
  const std::size_t list = find_member(tokens, 0, name);
  if (list == 0 || tokens.first(list) != '[') return {};
  return each_element(tokens, list, visit);
}

std::string_view value_text(const JsonTokens& tokens, std::size_t value) {
  const std::size_t begin = tokens.begin(value);
  return tokens.text().substr(begin, tokens.end(tokens.behind(value) - 1) - begin);
}

// The root's extensions but those with a url.
std::string extensions_without(const JsonTokens& tokens, std::string_view url, bool& had_any) {
  std::string out;
  (void)each_extension(tokens, "extension", [&](std::size_t extension) -> Result<void> {
    if (has_url(tokens, extension, url)) {
      had_any = true;
      return {};
    }
    out.append(out.empty() ? "" : ",").append(value_text(tokens, extension));
    return {};
  });
  return out;
}

}  // namespace

namespace {

CohortLimit read_limit(const JsonTokens& tokens, std::size_t extension) {
  CohortLimit limit;
  const std::size_t parts = find_member(tokens, extension, "extension");
  if (parts == 0 || tokens.first(parts) != '[') return limit;
  (void)each_element(tokens, parts, [&](std::size_t part) -> Result<void> {
    if (has_url(tokens, part, "type"))
      limit.type = string_member(tokens, part, "valueCode").value_or("");
    if (has_url(tokens, part, "query"))
      limit.queries.push_back(string_member(tokens, part, "valueString").value_or(""));
    return {};
  });
  return limit;
}

// Type names, and queries in the spelling of scopes: no quote and no backslash is in them.
std::string text_of(const CohortLimit& limit) {
  std::string out = fmt::format(R"({{"url":"{}","extension":[{{"url":"type","valueCode":"{}"}})",
                                kCohortLimitUrl, limit.type);
  for (const auto& query : limit.queries)
    out += fmt::format(R"(,{{"url":"query","valueString":"{}"}})", query);
  return out + "]}";
}

}  // namespace

bool is_cohort(const JsonTokens& tokens) {
  bool found = false;
  (void)each_extension(tokens, "modifierExtension", [&](std::size_t extension) -> Result<void> {
    found = found || has_url(tokens, extension, kMemberFilterUrl);
    return {};
  });
  return found;
}

bool may_be_cohort(std::string_view group_json) {
  // A backslash may hide a letter of it.
  return group_json.find("modifierExtension") != std::string_view::npos ||
         group_json.find('\\') != std::string_view::npos;
}

std::optional<std::string> unknown_modifier(const JsonTokens& tokens) {
  std::optional<std::string> unknown;
  const auto look = [&](std::size_t object, bool is_root) {
    const std::size_t list = find_member(tokens, object, "modifierExtension");
    if (list == 0) return;
    if (tokens.first(list) != '[') {
      unknown = "";
      return;
    }
    (void)each_element(tokens, list, [&](std::size_t extension) -> Result<void> {
      if (!unknown && !(is_root && has_url(tokens, extension, kMemberFilterUrl)))
        unknown = tokens.first(extension) == '{'
                      ? string_member(tokens, extension, "url").value_or("")
                      : "";
      return {};
    });
  };
  look(0, true);
  for (const std::string_view part : {"member", "characteristic"}) {
    const std::size_t list = find_member(tokens, 0, part);
    if (list == 0 || tokens.first(list) != '[') continue;
    (void)each_element(tokens, list, [&](std::size_t element) -> Result<void> {
      if (tokens.first(element) == '{') look(element, false);
      return {};
    });
  }
  return unknown;
}

Result<std::optional<CohortText>> read_cohort_text(std::string_view group_json) {
  if (!may_be_cohort(group_json)) return std::optional<CohortText>();
  JsonTokens tokens;
  if (!tokens.read(group_json) || !check_json_object(tokens, kDepthMax))
    return corrupt("stored Group: not JSON");
  return read_cohort_text(tokens);
}

Result<std::optional<CohortText>> read_cohort_text(const JsonTokens& tokens) {
  if (!may_be_cohort(tokens.text())) return std::optional<CohortText>();
  if (const auto unknown = unknown_modifier(tokens))
    return Error{ErrorKind::kUnprocessable,
                 fmt::format("a modifierExtension '{}' of a Group is not known here: {} is",
                             unknown->size() > 200 ? "..." : *unknown, kMemberFilterUrl)};
  if (!is_cohort(tokens)) return std::optional<CohortText>();
  CohortText out;
  SLUICE_RETURN_IF_ERROR(
      each_extension(tokens, "modifierExtension", [&](std::size_t extension) -> Result<void> {
        CohortText::Filter filter;
        const std::size_t expression = find_member(tokens, extension, "valueExpression");
        if (expression != 0 && tokens.first(expression) == '{')
          filter = {string_member(tokens, expression, "language").value_or(""),
                    string_member(tokens, expression, "expression").value_or("")};
        out.filters.push_back(std::move(filter));
        return {};
      }));
  SLUICE_RETURN_IF_ERROR(
      each_extension(tokens, "extension", [&](std::size_t extension) -> Result<void> {
        if (has_url(tokens, extension, kCohortLimitUrl))
          out.limits.push_back(read_limit(tokens, extension));
        return {};
      }));
  out.type = string_member(tokens, 0, "type").value_or("");
  out.has_name = !string_member(tokens, 0, "name").value_or("").empty();
  out.has_characteristic = find_member(tokens, 0, "characteristic") != 0;
  const std::size_t members = find_member(tokens, 0, "member");
  // An empty list says nothing of the base population; it must not mean that everybody is in it.
  out.has_members = members != 0;
  if (const std::size_t actual = find_member(tokens, 0, "actual"); actual != 0)
    out.actual = tokens.scalar(actual) == "true";
  return std::optional(std::move(out));
}

Result<std::string> with_refreshed(std::string_view group_json,
                                   const std::optional<Refreshed>& refreshed) {
  JsonTokens tokens;
  if (!tokens.read(group_json) || !check_json_object(tokens, kDepthMax))
    return corrupt("stored Group: not JSON");
  bool had_any = false;
  std::string extensions = extensions_without(tokens, kMembersRefreshedUrl, had_any);
  const bool drops_quantity = refreshed || had_any;
  std::string out = "{";
  SLUICE_RETURN_IF_ERROR(
      each_member(tokens, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
        const std::string_view name = tokens.raw_string(key);
        if (means(name, "extension") && tokens.first(value) == '[') return {};
        if (drops_quantity && (means(name, "quantity") || means(name, "_quantity"))) return {};
        if (out.size() > 1) out += ',';
        out.append("\"").append(name).append("\":").append(value_text(tokens, value));
        return {};
      }));
  if (refreshed) {
    extensions +=
        fmt::format(R"({}{{"url":"{}","valueDateTime":"{}"}})", extensions.empty() ? "" : ",",
                    kMembersRefreshedUrl, to_fhir_instant(refreshed->at));
    out += fmt::format(R"(,"quantity":{})", refreshed->quantity);
  }
  if (!extensions.empty()) out += fmt::format(R"(,"extension":[{}])", extensions);
  return out + "}";
}

Result<std::string> with_limits(std::string_view group_json,
                                const std::vector<CohortLimit>& limits) {
  JsonTokens tokens;
  if (!tokens.read(group_json) || !check_json_object(tokens, kDepthMax))
    return corrupt("stored Group: not JSON");
  return with_limits(tokens, limits);
}

Result<std::string> with_limits(const JsonTokens& tokens, const std::vector<CohortLimit>& limits) {
  bool had_any = false;
  std::string extensions = extensions_without(tokens, kCohortLimitUrl, had_any);
  if (!had_any && limits.empty()) return std::string(tokens.text());
  for (const auto& limit : limits)
    extensions.append(extensions.empty() ? "" : ",").append(text_of(limit));
  std::string out = "{";
  SLUICE_RETURN_IF_ERROR(
      each_member(tokens, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
        const std::string_view name = tokens.raw_string(key);
        if (means(name, "extension") && tokens.first(value) == '[') return {};
        out.append(out.size() > 1 ? "," : "").append("\"").append(name).append("\":");
        out.append(value_text(tokens, value));
        return {};
      }));
  if (!extensions.empty()) out += fmt::format(R"(,"extension":[{}])", extensions);
  return out + "}";
}

}  // namespace sluice::fhir
