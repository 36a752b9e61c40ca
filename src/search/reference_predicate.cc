#include "search/reference_predicate.h"

namespace sluice::search {
namespace {

constexpr std::string_view kHistory = "/_history/";

/// The text after /_history/.
std::string_view version_of(std::string_view text) {
  const std::size_t at = text.rfind(kHistory);
  return at == std::string_view::npos ? std::string_view{} : text.substr(at + kHistory.size());
}

/// The type that a reference to another server names: .../Patient/1.
std::optional<fhir::ResourceType> type_in(std::string_view text) {
  text = text.substr(0, text.rfind(kHistory));
  const std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  const std::size_t before = text.rfind('/', slash - 1);
  if (before == std::string_view::npos) return std::nullopt;
  return fhir::find_resource_type(text.substr(before + 1, slash - before - 1));
}

bool canonical_matches(std::string_view text, std::string_view wanted) {
  return wanted == text ||
         (wanted.find('|') == std::string_view::npos && wanted == text.substr(0, text.find('|')));
}

}  // namespace

std::optional<FoundReference> reference_at(const fhir::JsonTokens& tokens, std::size_t value,
                                           const Path& path, std::string_view base_url,
                                           std::string& buffer) {
  FoundReference found;
  if (path.type == DataType::kResource) {
    const std::size_t type = string_member(tokens, value, "resourceType");
    const std::size_t id = string_member(tokens, value, "id");
    if (type == kNoToken || id == kNoToken) return std::nullopt;
    const auto known = fhir::find_resource_type(string_of(tokens, type, buffer));
    if (!known) return std::nullopt;
    found.local = fhir::ReferenceView{*known, string_of(tokens, id, buffer)};
    return found;
  }
  std::size_t text = value;
  if (path.type == DataType::kReference) text = string_member(tokens, value, "reference");
  if (text != kNoToken && tokens.first(text) == '"') {
    found.text = string_of(tokens, text, buffer);
    found.local = fhir::parse_reference(found.text, base_url);
    if (found.local) found.version = version_of(found.text);
  }
  if (path.target) {
    auto type = found.local ? std::optional(found.local->type) : type_in(found.text);
    if (!type && path.type == DataType::kReference) {
      const std::size_t named = string_member(tokens, value, "type");
      // Compared in its place: the buffer holds the reference's text.
      if (named != kNoToken && is_string(tokens, named, fhir::type_name(*path.target)))
        type = path.target;
    }
    if (type != path.target) return std::nullopt;
  }
  return found;
}

Result<ReferenceTest> ReferenceTest::parse(std::string_view value,
                                           std::optional<fhir::ResourceType> type,
                                           std::string_view base_url) {
  ReferenceTest test;
  test.text_ = value;
  test.type_ = type;
  if (fhir::is_valid_id(value)) {
    test.id_ = value;
    return test;
  }
  if (const auto local = fhir::parse_reference(value, base_url)) {
    if (type && *type != local->type) return invalid("is of another type than the modifier");
    test.type_ = local->type;
    test.id_ = local->id;
    test.version_ = version_of(value);
    return test;
  }
  if (type) return invalid("is not the id of a resource");
  // An absolute URL, a urn or a canonical; a relative reference that is wrong is a mistake.
  if (value.find(':') == std::string_view::npos) return invalid("is not a reference");
  return test;
}

bool ReferenceTest::matches(const FoundReference& found, DataType type) const {
  if (!id_.empty() && found.local) {
    return found.local->id == id_ && (!type_ || *type_ == found.local->type) &&
           (version_.empty() || version_ == found.version);
  }
  if (found.text.empty()) return false;
  if (type == DataType::kCanonical || type == DataType::kUri)
    return canonical_matches(found.text, text_);
  return found.text == text_;
}

bool uri_matches(const fhir::JsonTokens& tokens, std::size_t value, DataType type,
                 std::string_view wanted, std::string& buffer) {
  if (tokens.first(value) != '"') return false;
  if (type != DataType::kCanonical) return is_string(tokens, value, wanted);
  return canonical_matches(string_of(tokens, value, buffer), wanted);
}

}  // namespace sluice::search
