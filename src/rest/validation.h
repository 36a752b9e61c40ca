// What a resource that is written over REST must be beyond being readable: the root elements of its
// type, and references that can be ones. Full validation against profiles is not the server's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "fhir/resource_reader.h"

namespace sluice::rest {

/// Whether a Group may choose its members by filters (G-03): only where it has been asked whether
/// the client may read what they read.
enum class MemberFilters : std::uint8_t { kRefused, kAllowed };

/// Whether a resource of a wrong shape is refused, or stored as it is.
enum class Leniency : std::uint8_t { kStrict, kLenient };

/// kUnprocessable, naming the element, when a root element is not one of the type, is no array
/// where it repeats or the other way round, or of another kind (object, string, number, boolean), a
/// mandatory one is missing, Reference.reference is neither a URL, a "Type/id" nor a "#id", and
/// what is wrong with the filters of a Group; kUnsupported for a Group with filters where they are
/// refused. kLenient lets everything pass but what concerns the filters of a Group.
Result<void> validate(const fhir::IncomingResource& resource,
                      MemberFilters filters = MemberFilters::kRefused,
                      Leniency leniency = Leniency::kStrict);

/// Of find_faults().
inline constexpr std::size_t kFaultsMax = 20;

/// What validate() would refuse a resource for: each wrong root element, and the first reference
/// that can be none; kFaultsMax at most. Names elements, never what is in them.
std::vector<std::string> find_faults(fhir::ResourceType type, std::string_view json);

}  // namespace sluice::rest
