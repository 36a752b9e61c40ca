#include "fhir/attachment_walk.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "fhir/r4_tables.h"
#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::fhir {
namespace {

// A choice says its type in its name, wherever it stands: valueAttachment, contentAttachment. Of
// the data types only RelatedArtifact has an Attachment; it is a choice too, or one of these
// elements. Other elements of the type Attachment are in the table.
bool is_attachment(ResourceType type, std::string_view key, std::string_view path) {
  if (key.ends_with("Attachment")) return true;
  if (key == "document" &&
      (path.ends_with("elatedArtifact.document") || path.ends_with("documentation.document")))
    return true;
  const auto& paths = r4::row(type).attachment_paths;
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

struct Walk {
  const JsonTokens& tokens;
  const std::function<Result<void>(std::size_t)>& visit;

  // Contained resources and those in a Bundle have paths of their own.
  ResourceType type_of(std::size_t object, ResourceType otherwise) const {
    ResourceType type = otherwise;
    (void)each_member(tokens, object, [&](std::size_t key, std::size_t value) -> Result<void> {
      if (tokens.first(value) != '"' || !means(tokens.raw_string(key), "resourceType")) return {};
      type = find_resource_type(unescape(tokens.raw_string(value))).value_or(otherwise);
      return {};
    });
    return type;
  }

  Result<void> object(std::size_t start, ResourceType type, std::string& path) const {
    return each_member(tokens, start, [&](std::size_t key, std::size_t value) -> Result<void> {
      if (tokens.first(value) != '{' && tokens.first(value) != '[') return {};
      const std::string name = unescape(tokens.raw_string(key));
      if (name == "contained" || name == "resource") return begin_anew(value, type);
      const std::size_t size = path.size();
      if (!path.empty()) path += '.';
      path += name;
      const auto look_at = [&](std::size_t element) -> Result<void> {
        if (tokens.first(element) != '{') return {};
        if (is_attachment(type, name, path)) SLUICE_RETURN_IF_ERROR(visit(element));
        // An Attachment has extensions, and so have its elements, in which others may stand.
        return object(element, type, path);
      };
      Result<void> walked =
          tokens.first(value) == '[' ? each_element(tokens, value, look_at) : look_at(value);
      path.resize(size);
      return walked;
    });
  }

  // An object with a type starts over.
  Result<void> begin_anew(std::size_t value, ResourceType type) const {
    const auto each = [&](std::size_t element) -> Result<void> {
      if (tokens.first(element) != '{') return {};
      std::string inner;
      return object(element, type_of(element, type), inner);
    };
    return tokens.first(value) == '[' ? each_element(tokens, value, each) : each(value);
  }
};

}  // namespace

Result<void> each_attachment(const JsonTokens& tokens, ResourceType type,
                             const std::function<Result<void>(std::size_t object)>& visit) {
  std::string path;
  return Walk{tokens, visit}.object(0, type, path);
}

}  // namespace sluice::fhir
