// Resources of a load that wait for its end, because what they become depends on everything else in
// it: conditional references, conditional creates and updates of Bundles, deletions of a history.
// They wait on the disk (docs/decisions/0032).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "fhir/bundle_reader.h"
#include "fhir/resource_type.h"

namespace sluice::bulk {

struct DeferredResource {
  using Kind = fhir::BundleEntry::Kind;

  Kind kind = Kind::kPut;
  fhir::ResourceId key;
  bool has_own_id = true;  ///< not one of its entry's fullUrl or its content
  std::string json;        ///< one line; empty for kDelete
  std::string condition;   ///< of kCreateIfNone and kUpdateFound: "Organization?identifier=a|b"
  /// As of fhir::BundleEntry::links.
  std::vector<std::pair<std::string, std::string>> links;
  /// Its conditional references, each once.
  std::vector<std::string> references;
  // Where it was in the input, as in LoadProblem.
  std::size_t input = 0;  ///< the number of the input
  std::uint64_t place = 0;
  bool is_bundle_entry = false;
  std::string prefix;                ///< of messages about it
  std::size_t resources_before = 0;  ///< of its chunk
};

/// A file of them, in the order in which they were added. One thread.
class DeferredFile {
 public:
  /// Without a name, in `folder`: deleted with this object.
  static Result<DeferredFile> create_nameless(const std::filesystem::path& folder);
  /// Replaces an existing file.
  static Result<DeferredFile> create(const std::filesystem::path& path);
  static Result<DeferredFile> open(const std::filesystem::path& path);

  Result<void> add(const DeferredResource& resource);
  /// Before each(); makes it durable if asked to.
  Result<void> finish(bool is_durable);
  /// From the first to the last, or to the first error.
  Result<void> each(const std::function<Result<void>(DeferredResource)>& take) const;
  std::uint64_t count() const { return count_; }

 private:
  DeferredFile(FileDescriptor fd, std::filesystem::path path);

  FileDescriptor fd_;
  std::filesystem::path path_;  // for messages
  std::string pending_;
  std::uint64_t count_ = 0;
  std::uint64_t unchecked_ = 0;  // bytes since the free space was checked
};

/// Which keys were deferred, more or less: a resource that comes after one of its key has to wait
/// too, so that the last counts. A fixed 8 MB from the first key on.
class DeferredKeys {
 public:
  void add(const fhir::ResourceId& key);
  /// False only when it was not added.
  bool may_have(const fhir::ResourceId& key) const;

 private:
  static std::size_t bit_of(const fhir::ResourceId& key);

  std::vector<std::uint64_t> bits_;  // empty until the first
};

}  // namespace sluice::bulk
