#include "rest/condition.h"

#include <fmt/format.h>

#include <charconv>

#include "base/utf8.h"

namespace sluice::rest {
namespace {

using Kind = Condition::Kind;

// W/"3" or "3". 0, which is no version, for a tag that is not one of ours.
Result<std::uint32_t> version_of(std::string_view header, std::string_view tag) {
  const Error bad = invalid(
      fmt::format(R"({} '{}' is not one entity tag such as W/"3")", header, shortened(tag, 64)));
  if (tag.starts_with("W/")) tag.remove_prefix(2);
  if (tag.size() < 2 || tag.front() != '"' || tag.back() != '"') return bad;
  tag = tag.substr(1, tag.size() - 2);
  if (tag.find('"') != std::string_view::npos) return bad;
  std::uint32_t version = 0;
  const auto [end, failed] = std::from_chars(tag.data(), tag.data() + tag.size(), version);
  if (failed != std::errc() || end != tag.data() + tag.size()) return 0;
  return version;
}

}  // namespace

Result<Condition> parse_condition(const std::optional<std::string>& if_match,
                                  const std::optional<std::string>& if_none_match) {
  if (if_match && if_none_match) return invalid("If-Match and If-None-Match exclude each other");
  if (if_none_match) {
    if (*if_none_match != "*")
      return Error{ErrorKind::kUnsupported, "If-None-Match of a write takes '*' only"};
    return Condition{Kind::kAbsent};
  }
  if (!if_match) return Condition{};
  if (*if_match == "*") return Condition{Kind::kPresent};
  SLUICE_ASSIGN_OR_RETURN(const auto version, version_of("If-Match", *if_match));
  return Condition{Kind::kVersion, version};
}

Result<std::string_view> query_of_condition(std::string_view text, fhir::ResourceType type,
                                            std::string_view base_url) {
  std::string_view rest = text;
  const bool is_ours = !base_url.empty() && rest.starts_with(base_url) &&
                       rest.substr(base_url.size()).starts_with('/');
  if (is_ours) rest.remove_prefix(base_url.size());
  if (rest.starts_with('/')) rest.remove_prefix(1);
  const std::string_view name = fhir::type_name(type);
  if (rest.starts_with(name) && rest.substr(name.size()).starts_with('?'))
    return rest.substr(name.size() + 1);
  // Behind our base the type must stand; another server's URL is no name of a parameter.
  if (is_ours || rest.starts_with("http://") || rest.starts_with("https://"))
    return invalid(fmt::format("the condition is a URL, but not of {} on this server", name));
  return text.starts_with('?') ? text.substr(1) : text;
}

bool is_known(const Known& known, std::uint32_t version, Instant last_updated) {
  if (!known.tags.empty()) {
    if (known.tags == "*") return true;
    // Weak comparison (RFC 9110 section 8.8.3.2): with or without W/, one of several.
    return (", " + known.tags + ",").find(fmt::format("\"{}\",", version)) != std::string::npos;
  }
  // HTTP-dates have whole seconds.
  return known.since && last_updated.milliseconds / 1000 <= known.since->milliseconds / 1000;
}

}  // namespace sluice::rest
