// What known servers do differently (L-09). Profiles change the form of requests only.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::client {

struct VendorProfile {
  std::string_view name = {};   ///< for --vendor
  std::string_view title = {};  ///< for people
  /// Kick off by GET at once: the server has no POST.
  bool only_get = false;
  /// `_typeFilter` as one comma-separated value instead of one parameter each.
  bool joins_type_filters = false;
  /// Files one after the other: the server counts connections.
  unsigned parallel_max = 8;
  /// The first look at a job, when the server does not say; such servers take minutes at best.
  std::chrono::milliseconds first_poll{1000};
  std::chrono::milliseconds poll_max{60'000};  ///< between polls, when the server does not say
  /// Asked for when --scope is not given; empty: by what the server lists.
  std::string_view scope = {};
  /// Includes what a new member of a group had before `_since` (P-13) by itself.
  bool sends_history_of_new_members = false;
  /// Known never to list deletions, though its manifests may have the place for them.
  bool never_lists_deletions = false;
  /// Declares STU4, where a POST repeats parameters instead of joining their values.
  bool is_stu4 = false;
};

const std::vector<VendorProfile>& vendor_profiles();
/// By the name for --vendor.
std::optional<VendorProfile> find_vendor(std::string_view name);
/// From a CapabilityStatement (JSON); the plain profile when nothing is known.
VendorProfile detect_vendor(std::string_view capability_statement);

}  // namespace sluice::client
