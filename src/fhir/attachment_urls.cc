#include "fhir/attachment_urls.h"

#include <algorithm>
#include <boost/json.hpp>

#include "fhir/json_check.h"
#include "fhir/json_walk.h"
#include "fhir/r4_tables.h"
#include "fhir/reference.h"

namespace sluice::fhir {
namespace {

constexpr std::size_t kDepthMax = 100;
// Without the slash, which JSON lets write in two ways.
constexpr std::string_view kBinary = "Binary";
constexpr std::string_view kUrl = "\"url\"";

// A choice says its type in its name, wherever it stands: valueAttachment, contentAttachment. Other
// elements of the type Attachment are in the table.
bool is_attachment(ResourceType type, std::string_view key, std::string_view path) {
  if (key.ends_with("Attachment")) return true;
  const auto& paths = r4::row(type).attachment_paths;
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

}  // namespace

bool AttachmentUrls::may_apply(std::string_view line) {
  return line.find(kBinary) != std::string_view::npos && line.find(kUrl) != std::string_view::npos;
}

Result<void> AttachmentUrls::rewrite(ResourceType type, std::string_view line, std::string& out) {
  if (!tokens_.read(line) || !check_json_object(tokens_, kDepthMax))
    return corrupt("stored resource: not JSON");
  out.clear();
  std::size_t copied = 0;
  std::string path;
  SLUICE_CHECK(walk_object(0, type, path, line, out, copied));
  out.append(line.substr(copied));
  return {};
}

// Contained resources and those in a Bundle have paths of their own.
ResourceType AttachmentUrls::type_of(std::size_t object, ResourceType otherwise) const {
  ResourceType type = otherwise;
  (void)each_member(tokens_, object, [&](std::size_t key, std::size_t value) -> Result<void> {
    if (tokens_.first(value) != '"' || !means(tokens_.raw_string(key), "resourceType")) return {};
    type = find_resource_type(unescape(tokens_.raw_string(value))).value_or(otherwise);
    return {};
  });
  return type;
}

Result<void> AttachmentUrls::walk_object(std::size_t object, ResourceType type, std::string& path,
                                         std::string_view line, std::string& out,
                                         std::size_t& copied) {
  return each_member(tokens_, object, [&](std::size_t key, std::size_t value) -> Result<void> {
    if (tokens_.first(value) != '{' && tokens_.first(value) != '[') return {};
    const std::string name = unescape(tokens_.raw_string(key));
    if (name == "contained" || name == "resource") {
      // An object with a type begins anew.
      const auto begin_anew = [&](std::size_t element) -> Result<void> {
        if (tokens_.first(element) != '{') return {};
        std::string inner;
        return walk_object(element, type_of(element, type), inner, line, out, copied);
      };
      if (tokens_.first(value) == '[') return each_element(tokens_, value, begin_anew);
      return begin_anew(value);
    }
    const std::size_t size = path.size();
    if (!path.empty()) path += '.';
    path += name;
    const auto look_at = [&](std::size_t element) -> Result<void> {
      if (tokens_.first(element) != '{') return {};
      if (is_attachment(type, name, path)) return replace_url(element, line, out, copied);
      return walk_object(element, type, path, line, out, copied);
    };
    Result<void> walked =
        tokens_.first(value) == '[' ? each_element(tokens_, value, look_at) : look_at(value);
    path.resize(size);
    return walked;
  });
}

Result<void> AttachmentUrls::replace_url(std::size_t attachment, std::string_view line,
                                         std::string& out, std::size_t& copied) {
  return each_member(tokens_, attachment, [&](std::size_t key, std::size_t value) -> Result<void> {
    if (tokens_.first(value) != '"' || !means(tokens_.raw_string(key), "url")) return {};
    const std::string url = unescape(tokens_.raw_string(value));
    const auto target = parse_reference(url, base_url_);
    if (!target || target->type != types::kBinary) return {};
    SLUICE_TRY(const std::string absolute, url_of_(target->id));
    out.append(line.substr(copied, tokens_.begin(value) - copied));
    out += boost::json::serialize(boost::json::string(absolute));
    copied = tokens_.scalar_end(value);
    return {};
  });
}

}  // namespace sluice::fhir
