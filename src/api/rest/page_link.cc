#include "api/rest/page_link.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/base64.h"
#include "fhir/resource_type.h"

namespace sluice::api {
namespace {

// "1/sequence/instant/until/total/the cursor's sequence/owner/id": no id has a slash.
constexpr std::string_view kVersion = "1";
constexpr std::size_t kFields = 8;

template <class Number>
bool read(std::string_view text, Number& number) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failed == std::errc() && end == text.data() + text.size();
}

std::optional<PageLink> parse_fields(const std::array<std::string_view, kFields>& fields) {
  PageLink link;
  std::uint64_t total = 0;
  if (fields[0] != kVersion || !read(fields[1], link.as_of.sequence.value) ||
      !read(fields[2], link.as_of.instant.milliseconds) ||
      !read(fields[3], link.until.milliseconds) || !read(fields[5], link.cursor.sequence.value))
    return std::nullopt;
  if (!fields[4].empty()) {
    if (!read(fields[4], total)) return std::nullopt;
    link.total = total;
  }
  for (const auto id : {fields[6], fields[7]})
    if (!id.empty() && !fhir::is_valid_id(id)) return std::nullopt;
  link.cursor.walk = {std::string(fields[6]), std::string(fields[7])};
  return link;
}

}  // namespace

bool operator==(const PageLink& a, const PageLink& b) {
  return a.as_of.sequence == b.as_of.sequence && a.as_of.instant == b.as_of.instant &&
         a.until == b.until && a.cursor == b.cursor && a.total == b.total;
}

std::string to_text(const PageLink& link) {
  return base64url_encode(
      fmt::format("{}/{}/{}/{}/{}/{}/{}/{}", kVersion, link.as_of.sequence.value,
                  link.as_of.instant.milliseconds, link.until.milliseconds,
                  link.total ? fmt::to_string(*link.total) : "", link.cursor.sequence.value,
                  link.cursor.walk.owner, link.cursor.walk.id));
}

Result<PageLink> parse_page_link(std::string_view text) {
  const Error bad =
      invalid(fmt::format("{} is not of a link that this server made", kPageParameter));
  const auto decoded = base64url_decode(text);
  if (!decoded) return bad;
  std::array<std::string_view, kFields> fields;
  std::string_view rest = *decoded;
  for (std::size_t i = 0; i < kFields; ++i) {
    const std::size_t end = i + 1 < kFields ? rest.find('/') : rest.size();
    if (end == std::string_view::npos) return bad;
    fields[i] = rest.substr(0, end);
    rest.remove_prefix(std::min(rest.size(), end + 1));
  }
  auto link = parse_fields(fields);
  if (!link) return bad;
  return std::move(*link);
}

}  // namespace sluice::api
