// How a client wants resources shown: _elements, _summary, _pretty (FHIR R4, http and search).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fhir/elements.h"
#include "fhir/resource_type.h"
#include "http/message.h"

namespace sluice::api {

class ResourceView {
 public:
  /// Whether `name` is a parameter of the view; if so, stores its value. kInvalid for a wrong value
  /// and for a repeated parameter.
  Result<bool> take(fhir::ResourceType type, std::string_view name, std::string_view value);
  /// After the last: kUnsupported for parameters that do not go together.
  Result<void> finish() const;

  bool is_count() const { return is_count_; }    ///< _summary=count
  bool is_pretty() const { return is_pretty_; }  ///< _pretty
  bool is_summary() const { return summary_ == fhir::Summary::kTrue; }
  bool is_text() const { return summary_ == fhir::Summary::kText; }

  /// What the client gets of resources of one type, which a search includes, or which it finds:
  /// _elements is for these only.
  enum class Role { kMatch, kIncluded };
  /// nullopt: all of it.
  std::optional<fhir::ElementsProjector> projector(fhir::ResourceType type,
                                                   Role role = Role::kMatch) const;
  /// The whole answer in the requested layout; kTooLarge when the layout makes it too large.
  Result<std::string> laid_out(std::string json) const;

 private:
  Result<void> take_summary(std::string_view value);

  std::map<std::string, std::string, std::less<>> taken_;
  std::optional<fhir::ElementsSelection> elements_;
  std::optional<fhir::Summary> summary_;
  bool is_count_ = false;
  bool is_pretty_ = false;
};

/// The view that a read asks for, with Accept and _format checked; kUnsupported for every other
/// parameter, and for what is for searches only.
Result<ResourceView> read_view(const http::Request& request, fhir::ResourceType type);

/// A stored resource as it is to be shown.
Result<std::string> shown(const ResourceView& view, fhir::ResourceType type, std::string json);

}  // namespace sluice::api
