// The patients an export is limited to: the members of a Group, a list of the request, or both.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/export_request.h"
#include "store/store.h"

namespace sluice::bulk {

/// A sorted set of patient ids in one block of memory: a million take about 45 MB. Immutable.
class Roster {
 public:
  /// `ids` sorted and unique.
  explicit Roster(const std::vector<std::string>& ids);

  std::size_t size() const { return ends_.size(); }
  std::string_view operator[](std::size_t index) const;
  /// The first index whose id is at least `id`.
  std::size_t lower_bound(std::string_view id) const;
  bool contains(std::string_view id) const;

 private:
  std::string ids_;
  std::vector<std::uint32_t> ends_;
};

/// The roster of a request as of a commit; nullptr when it is not limited to patients. Nested
/// groups are resolved. kNotFound for an unknown group; kInvalid when groups contain each other, or
/// when the request's `patients` are not all members (the message names the first ones).
Result<std::shared_ptr<const Roster>> read_roster(const store::Store& store,
                                                  const ExportRequest& request,
                                                  const store::Commit& as_of);

}  // namespace sluice::bulk
