// What a line says of itself, read as its bytes come: for lines that are too long for a parser,
// which takes several times as much memory as the line.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"
#include "client/files/deletion_bundle.h"

namespace sluice::client {

/// Of a line, in bytes: a longer one is scanned, a shorter one is read by its tokens.
inline constexpr std::size_t kLongLine = 1u << 20;

/// What tells a resource from others.
struct LineFacts {
  std::string type;  ///< the last resourceType that is a text
  std::string id;    ///< the last id; empty when it is no text
  Instant last_updated{0};
  int types = 0;                     ///< members called resourceType
  int ids = 0;                       ///< members called id
  bool is_plain = true;              ///< none of these has a name in escapes
  bool has_id = false;               ///< one is a text, and not empty
  bool has_plain_id = true;          ///< without control characters
  bool is_header = false;            ///< Parameters whose first one is "header" (P-09)
  std::string deletion_oddity = {};  ///< as Deletions::oddity, if it is a Bundle
};

/// Whether a text has no control characters.
bool is_plain_id(std::string_view id);

/// Memory: some kilobytes, whatever the line.
class LineScan {
 public:
  /// `take`: what a Bundle's entries delete.
  explicit LineScan(TakeDeletion take = {});
  ~LineScan();
  LineScan(LineScan&&) noexcept;
  LineScan& operator=(LineScan&&) noexcept;

  /// kCorrupt when the line is not one JSON object; errors of the taker.
  Result<void> feed(std::string_view bytes);
  /// At the line's end.
  Result<LineFacts> finish();
  /// Whether nothing but white space was fed.
  bool is_blank() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The same of a line that is there.
Result<LineFacts> scan_line(std::string_view line, TakeDeletion take = {});

}  // namespace sluice::client
