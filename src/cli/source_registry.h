// Which source brought which resources into a store: for each pull into it (`--into`) the list of
// resources that its source has. A deletion from one source removes only what no other source has:
// two Groups of one server may share a patient.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "client/sync/pull_target.h"

namespace sluice::cli {

/// The lists are files in DATA/sources (docs/formats.md), sorted, replaced as a whole; a lock keeps
/// two pulls apart. Doing a thing twice does no harm.
class SourceRegistry {
 public:
  using Key = std::pair<std::string, std::string>;  ///< type and id

  /// `name` identifies this source, `folder` is where its pull is now.
  SourceRegistry(std::filesystem::path data, std::string name, std::string folder);

  /// Gives this source the list of the one that was pulled in the same folder before, if the store
  /// has one and this source none: a pull made anew, or one of a version that named sources by
  /// their folder.
  Result<void> take_over();
  /// Begins an empty list unless there is one.
  Result<void> begin();
  bool exists() const;
  bool is_empty() const;
  /// The source has all resources of these NDJSON files.
  Result<void> note_held(const std::vector<std::filesystem::path>& files);
  /// The ids of one type that the source has, sorted.
  Result<std::vector<std::string>> held_ids(const std::string& type) const;
  /// The source has these no longer.
  Result<void> note_gone(const std::vector<Key>& resources);
  /// Of `resources` those that no other source has, sorted.
  Result<std::vector<Key>> held_by_nobody_else(std::vector<Key> resources) const;
  /// The lists of other sources whose folder is not where it was, by the folder. Who knows that it
  /// is not only elsewhere may remove them.
  std::map<std::string, std::filesystem::path> lists_without_folder() const;
  /// What the source had and these files, which are all that it has, do not have.
  Result<client::Gone> find_gone(const std::vector<std::filesystem::path>& files) const;

 private:
  std::filesystem::path list_path() const;

  Result<void> note_folder() const;

  const std::filesystem::path folder_;
  const std::string name_;
  const std::string pull_folder_;
};

}  // namespace sluice::cli
