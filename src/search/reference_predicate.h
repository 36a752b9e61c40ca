// One value of a reference or uri parameter, and references in resources.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fhir/reference.h"
#include "search/path.h"
#include "search/search_parameter.h"

namespace sluice::search {

/// A reference in a resource: type and id when it is to a resource of this server.
struct FoundReference {
  std::string_view text;
  std::optional<fhir::ReferenceView> local;
  std::string_view version;  ///< after /_history/
};

/// The reference at the end of a path (a Reference, a canonical or uri, or a resource itself);
/// nullopt when there is none, or one to another type than the path is limited to. Views into the
/// tokens or `buffer`.
std::optional<FoundReference> reference_at(const fhir::JsonTokens& tokens, std::size_t value,
                                           const Path& path, std::string_view base_url,
                                           std::string& buffer);

class ReferenceTest {
 public:
  /// `value`: unescaped: Type/id, id, Type/id/_history/version, a URL, url|version. `type`: of
  /// the modifier :[type]. kInvalid.
  static Result<ReferenceTest> parse(std::string_view value, std::optional<fhir::ResourceType> type,
                                     std::string_view base_url);

  bool matches(const FoundReference& found, DataType type) const;

  /// The id when it is one of a resource of this server; the type when it was named.
  const std::string& id() const { return id_; }
  /// As it was given.
  const std::string& text() const { return text_; }
  const std::optional<fhir::ResourceType>& type() const { return type_; }

 private:
  std::string text_;
  std::string id_;  // empty: not a resource of this server
  std::optional<fhir::ResourceType> type_;
  std::string version_;  // empty: any
};

/// Whether the uri or canonical at a token is `wanted`; a canonical's version counts only if asked.
bool uri_matches(const fhir::JsonTokens& tokens, std::size_t value, DataType type,
                 std::string_view wanted, std::string& buffer);

}  // namespace sluice::search
