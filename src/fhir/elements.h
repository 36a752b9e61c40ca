// _elements and _summary: which root elements of a resource go out (P-06; FHIR R4, search,
// summary).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"

namespace sluice::fhir {

/// A parsed _elements parameter: "id", "Patient.id" ... Immutable, thread-safe, cheap to copy.
class ElementsSelection {
 public:
  /// `values`: already split at commas. kInvalid names a value that is not a root element of its
  /// type ("Patient.name.family", "Patient.nosuch"), or, without a type, of none of `types`.
  static Result<ElementsSelection> parse(const std::vector<std::string>& values,
                                         const std::vector<ResourceType>& types);
  /// Whether anything is left out of resources of this type (a selection of only "Patient.id"
  /// leaves other types whole).
  bool applies_to(ResourceType type) const;

 private:
  friend class ElementsProjector;
  struct Impl;
  std::shared_ptr<const Impl> impl_;  // shared: a selection is copied into every shard
};

/// What _summary leaves of a resource: the elements that R4 marks as its summary, the mandatory
/// ones too; the narrative with the mandatory ones; everything but the narrative. Elements are
/// those of the root: what is in them is whole.
enum class Summary : std::uint8_t { kTrue, kText, kData };

/// Projects lines of one type. Holds a parser: one a thread.
class ElementsProjector {
 public:
  ElementsProjector(const ElementsSelection& selection, ResourceType type);
  ElementsProjector(Summary summary, ResourceType type);
  ~ElementsProjector();
  ElementsProjector(ElementsProjector&&) noexcept;
  ElementsProjector& operator=(ElementsProjector&&) noexcept;

  /// Appends to `out` the projection of `line` (a stored line: valid JSON on one line, no line
  /// break at the end): resourceType, id, meta, mandatory and selected root elements and their
  /// "_element" siblings in source order and with the source's bytes; meta.tag gains SUBSETTED.
  /// When `contained` is left out, so are the references to what it held
  /// (cut_contained_references). kCorrupt when the line is not what the store promised.
  Result<void> project(std::string_view line, std::string& out);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::fhir
