// What an entry of a posted Bundle asks for, by its method and URL.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fhir/bundle_request.h"
#include "fhir/resource_type.h"
#include "rest/condition.h"

namespace sluice::rest {

struct EntryAction {
  /// In the order in which the standard has them done.
  enum class Kind : std::uint8_t {
    kDelete,
    kCreate,
    kUpdate,
    kPatch,
    kRead,
    kReadVersion,
    kSearch
  };

  Kind kind = Kind::kRead;
  fhir::ResourceType type;
  std::string id = {};        ///< empty: found by `search`, or made by the server
  std::uint32_t version = 0;  ///< of kReadVersion
  /// The query of a search, of a conditional write or of ifNoneExist, as it was sent.
  std::optional<std::string> search = std::nullopt;
  Condition condition = {};  ///< of a write
  Known known = {};          ///< of a read

  bool is_write() const { return kind <= Kind::kPatch; }
};

/// kInvalid or kUnsupported for what is not an interaction that a transaction can hold: an unknown
/// method or type, a bad id, a query where none belongs, a condition that the method does not have,
/// a resource where none belongs or none where one does. Absolute URLs below `base_url` are
/// understood. Messages have no part of a query: it may hold what a patient is called.
Result<EntryAction> read_action(const fhir::BundleRequestEntry& entry, std::string_view base_url);

}  // namespace sluice::rest
