// Plain NDJSON out of what a server sent: gzip (told by its first bytes, whatever the headers say)
// or plain; with lines counted and looked at on the way.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace sluice::client {

/// Counts lines that are not blank; a line must begin like a JSON object.
class LineCheck {
 public:
  /// kCorrupt names the line.
  Result<void> feed(std::string_view bytes);
  /// Lines so far, with one that has no line break yet.
  std::uint64_t lines() const { return lines_; }

 private:
  std::uint64_t lines_ = 0;
  bool at_line_start_ = true;
  bool at_file_start_ = true;
};

class NdjsonInflater {
 public:
  using Sink = std::function<Result<void>(std::string_view)>;
  explicit NdjsonInflater(Sink sink);
  ~NdjsonInflater();
  /// kCorrupt for damaged gzip data.
  Result<void> feed(std::string_view bytes);
  /// kCorrupt when the gzip data end in the middle.
  Result<void> finish();
  bool is_gzip() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::client
