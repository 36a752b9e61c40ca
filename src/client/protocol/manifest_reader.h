// Reads a manifest as it arrives, of any size and of every dialect from STU1 to STU4: skips unknown
// members; wrong values of required members are errors.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::client {

enum class FileKind : std::uint8_t { kOutput, kDeleted, kOutcome };

/// "output", "deleted", "outcome".
std::string_view to_string(FileKind kind);

/// One file that a manifest names.
struct ManifestItem {
  FileKind kind = FileKind::kOutput;
  std::string type;  ///< empty when the server does not say (organised by instance)
  std::string url;   ///< empty: the server names none, for an empty file or an outcome in place
  std::optional<std::uint64_t> count = std::nullopt;
  std::optional<std::uint64_t> size = std::nullopt;
  std::string text = {};      ///< of an OperationOutcome in place of a file: its first words
  std::string severity = {};  ///< of the same: the worst one
  bool is_odd = false;        ///< no object: `text` may have words, and nothing else is known
};

/// What is left of a manifest without its files.
struct ManifestHead {
  std::string transaction_time;
  std::string request;
  std::string output_format;
  std::string organized_by;
  std::string next;  ///< of link; empty: the last page
  bool requires_access_token = false;
  bool lists_deletions = false;  ///< it has a member `deleted`
  bool has_odd_link = false;     ///< one of link is not understood: there may be more pages
};

struct ManifestLimits {
  std::size_t text_size_max = 64u << 10;  ///< of a URL, say
  std::uint64_t items_max = 5'000'000;
  std::size_t depth_max = 32;
};

/// Counts may be numbers or texts; `output` may be missing where there is a transactionTime.
/// `error` (STU1 to STU3) and `outcome` (STU4) may both list the same files: both are given. A file
/// of type OperationOutcome in `output` is an outcome too. A list may be its single entry without
/// the array; what is no object in a list, or in place of one, is given as odd. One thread.
class ManifestReader {
 public:
  using OnItem = std::function<Result<void>(ManifestItem)>;
  explicit ManifestReader(OnItem on_item, const ManifestLimits& limits = {});
  ~ManifestReader();

  /// Takes the next bytes. kUnavailable names what is wrong and where.
  Result<void> feed(std::string_view bytes);
  /// After the last byte. kUnavailable unless it was a whole manifest with `output`.
  Result<ManifestHead> finish();
  /// Whether any byte came that is not white space.
  bool has_begun() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::client
