// The files of one reading of a manifest whose URLs are not known: are they new, or known ones
// whose signed URLs have changed? Told when all is read, by the URLs without their queries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/result.h"
#include "client/files/ndjson_writer.h"
#include "client/protocol/manifest_reader.h"

namespace sluice::client {

/// Of kind, type and URL without its query.
std::uint64_t place_key(const ManifestItem& item);

/// Keeps items on disk, because there may be millions. One thread.
class UnmatchedItems {
 public:
  enum class Match : std::uint8_t {
    kNew,      ///< no file has this place
    kSame,     ///< one file and one item have it
    kUnclear,  ///< more have it: only the changed queries tell them apart
  };
  /// A file that the reading has not named: its place_key() and index.
  using Candidate = std::pair<std::uint64_t, std::size_t>;
  /// `index`: of the file, with kSame.
  using Take = std::function<Result<void>(ManifestItem item, Match match, std::size_t index)>;

  /// Makes the file `path` when it is needed.
  explicit UnmatchedItems(std::filesystem::path path) : path_(std::move(path)) {}
  ~UnmatchedItems();
  UnmatchedItems(const UnmatchedItems&) = delete;
  UnmatchedItems& operator=(const UnmatchedItems&) = delete;

  Result<void> add(const ManifestItem& item);
  bool empty() const { return keys_.empty(); }
  /// Gives all items, in order; one that was added twice twice.
  Result<void> match(std::vector<Candidate> candidates, const Take& take);

 private:
  const std::filesystem::path path_;
  std::unique_ptr<NdjsonWriter> writer_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> keys_;  // place, and hash of the URL
};

}  // namespace sluice::client
