// Where a load's bytes come from: files, gzip, standard input; cut into pieces that can be read
// apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "bulk/load/large_text.h"
#include "fhir/resource_type.h"

namespace sluice::bulk {

/// A place in the plain bytes of a file, at the beginning of a line.
struct LoadPosition {
  std::uint64_t offset = 0;  ///< of the bytes, inflated
  std::uint64_t line = 1;
};

/// A piece of input: whole lines of NDJSON, or one document (a Bundle, a resource over several
/// lines).
struct LoadChunk {
  std::uint64_t first_line = 1;  ///< of `text`
  std::string text;
  bool is_document = false;
  std::string problem;     ///< what is wrong with the input here; then `text` is empty
  LoadPosition end;        ///< after it
  LargeText::Turn turn{};  ///< held by a piece that is one large line or document
};

/// Goes over the lines of a chunk without those that are blank; a document is one of them. The
/// chunk must outlive it.
class ChunkLines {
 public:
  explicit ChunkLines(const LoadChunk& chunk);

  /// Goes to the next line; false at the end.
  bool next();
  /// Without its line break, but with blanks around it.
  std::string_view text() const { return text_; }
  /// Of its beginning in the file.
  std::uint64_t number() const { return number_; }

 private:
  const bool is_document_;
  std::string_view rest_;
  std::uint64_t next_number_;
  std::string_view text_;
  std::uint64_t number_ = 0;
};

/// What a source holds in memory at most: more is a problem, not an error.
struct SourceLimits {
  std::size_t resource_size_max = 10u << 20;   ///< of what is neither a Group nor a Bundle
  std::size_t line_size_max = 272u << 20;      ///< above the largest Group
  std::size_t document_size_max = 512u << 20;  ///< a Bundle in one file
  /// Of an import: other types need not be held.
  std::optional<fhir::ResourceType> only_type = std::nullopt;
  /// Turns for holding more than resource_size_max. Shared by the sources of a process; null: no
  /// other source.
  LargeText* large = nullptr;
};

/// All files to load, in order: folders walked by name, "-" for standard input. Skips and reports
/// files of folders with other endings, and entries that are not files. kNotFound names a path that
/// does not exist.
Result<std::vector<std::string>> list_load_files(
    const std::vector<std::string>& paths,
    const std::function<void(const std::string& path)>& on_passed_over = {});

/// Opens a file to load. Does not block on a named pipe without a writer; its reader waits
/// instead.
Result<FileDescriptor> open_load_file(const std::string& path);
/// Reads available bytes; waits for them on a pipe, a socket or a terminal. 0 at the end;
/// kCancelled when asked to stop before.
Result<std::size_t> read_load_file(int fd, std::span<char> buffer, const std::string& path,
                                   const std::stop_token& stop);

/// Reads one file from front to back: plain or gzip (of several members, also followed by zeros),
/// with or without a byte order mark. Returns the whole lines before damaged or cut gzip data, and
/// nothing after. A line above the limit of a resource is held only while it can be a Group or a
/// Bundle; else, and above their limits, it is one problem and is skipped; the lines after it are
/// returned. Not thread-safe.
class LoadSource {
 public:
  /// `fd` is used instead of opening `path` when it is not negative; it is not closed.
  static Result<std::unique_ptr<LoadSource>> open(const std::string& path, int fd = -1,
                                                  const SourceLimits& limits = {});
  ~LoadSource();

  /// Makes reading, and waiting for a pipe, a socket or a terminal, end with kCancelled when asked
  /// to.
  void stop_with(std::stop_token stop);
  /// Goes forward to a place that an earlier pass of the same file gave as a chunk's end; before
  /// the first next(). Plain files are sought, gzip is inflated up to there.
  Result<void> skip_to(const LoadPosition& position);

  /// The next piece; false at the end. Errors are of the disk only: what is wrong with the content
  /// is a chunk's `problem`.
  Result<bool> next(LoadChunk& chunk);
  /// Bytes read of the file as it is stored.
  std::uint64_t bytes_read() const;

 private:
  struct Impl;
  explicit LoadSource(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::bulk
