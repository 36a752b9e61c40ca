#include "fhir/attachment_urls.h"

#include <algorithm>
#include <boost/json.hpp>
#include <optional>

#include "base/json_text.h"
#include "base/sort_unique.h"
#include "fhir/attachment_walk.h"
#include "fhir/reference.h"
#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::fhir {
namespace {

constexpr std::size_t kDepthMax = 100;
// Without the slash, which JSON lets write in two ways.
constexpr std::string_view kBinary = "Binary";
constexpr std::string_view kUrl = "\"url\"";

Result<void> read_stored(JsonTokens& tokens, std::string_view line) {
  if (!tokens.read(line) || !check_json_object(tokens, kDepthMax))
    return corrupt("stored resource: not JSON");
  return {};
}

/// Calls `visit` with the text of each url of an Attachment.
template <class Visit>
void each_url(const JsonTokens& tokens, ResourceType type, Visit visit) {
  // It fails only when its visitor does.
  (void)each_attachment(tokens, type, [&](std::size_t attachment) -> Result<void> {
    if (const auto url = string_member(tokens, attachment, "url")) visit(*url);
    return {};
  });
}

/// "x" or "x/_history/3" of a URL of a Binary below `base_url`.
std::optional<std::string_view> named_binary(std::string_view url, std::string_view base_url) {
  const auto target = parse_reference(url, base_url);
  if (!target || target->type != types::kBinary) return std::nullopt;
  // The id is a view of the URL; nothing but a version comes behind it.
  return url.substr(static_cast<std::size_t>(target->id.data() - url.data()));
}

}  // namespace

bool may_name_binary(std::string_view json) {
  return json.find(kBinary) != std::string_view::npos && json.find(kUrl) != std::string_view::npos;
}

std::string binary_name(std::string_view id, std::string_view version) {
  std::string name(id);
  if (!version.empty()) name.append("/_history/").append(version);
  return name;
}

std::vector<std::string> possible_binaries(const JsonTokens& tokens, ResourceType type) {
  std::vector<std::string> ids;
  each_url(tokens, type, [&](const std::string& url) {
    const auto target = parse_reference_to_any_server(url);
    if (target && target->type == types::kBinary) ids.emplace_back(target->id);
  });
  sort_unique(ids);
  return ids;
}

Result<std::vector<std::string>> possible_binaries(std::string_view line, ResourceType type) {
  if (!may_name_binary(line)) return std::vector<std::string>();
  JsonTokens tokens;
  SLUICE_RETURN_IF_ERROR(read_stored(tokens, line));
  return possible_binaries(tokens, type);
}

Result<bool> names_binary(std::string_view line, ResourceType type, std::string_view binary,
                          std::string_view base_url) {
  if (!may_name_binary(line)) return false;
  JsonTokens tokens;
  SLUICE_RETURN_IF_ERROR(read_stored(tokens, line));
  bool found = false;
  each_url(tokens, type,
           [&](const std::string& url) { found = found || named_binary(url, base_url) == binary; });
  return found;
}

Result<void> AttachmentUrls::rewrite(ResourceType type, std::string_view line, std::string& out) {
  SLUICE_RETURN_IF_ERROR(read_stored(tokens_, line));
  replacements_.clear();
  SLUICE_RETURN_IF_ERROR(each_attachment(
      tokens_, type, [&](std::size_t attachment) { return replace_url(attachment); }));
  // The url of one may stand behind its extensions, and so behind those in them.
  std::sort(replacements_.begin(), replacements_.end(),
            [](const auto& a, const auto& b) { return a.begin < b.begin; });
  out.clear();
  std::size_t copied = 0;
  for (const auto& [begin, end, url] : replacements_) {
    out.append(line.substr(copied, begin - copied));
    out += json_string(url);
    copied = end;
  }
  out.append(line.substr(copied));
  return {};
}

Result<void> AttachmentUrls::replace_url(std::size_t attachment) {
  return each_member(tokens_, attachment, [&](std::size_t key, std::size_t value) -> Result<void> {
    if (tokens_.first(value) != '"' || !means(tokens_.raw_string(key), "url")) return {};
    const std::string url = unescape(tokens_.raw_string(value));
    const auto binary = named_binary(url, base_url_);
    if (!binary) return {};
    SLUICE_ASSIGN_OR_RETURN(std::string absolute, url_of_(*binary));
    replacements_.push_back({tokens_.begin(value), tokens_.scalar_end(value), std::move(absolute)});
    return {};
  });
}

}  // namespace sluice::fhir
