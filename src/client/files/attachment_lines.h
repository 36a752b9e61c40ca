// Attachments in lines of NDJSON: what they name, and how to replace it in the line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/json_tokens.h"

namespace sluice::client {

/// An Attachment with a url. Places are bytes of its line.
struct AttachmentRef {
  std::string url;
  std::string content_type;
  std::string hash;  ///< base64 of a SHA-1, as given
  std::optional<std::uint64_t> size = std::nullopt;
  bool has_data = false;
  std::size_t key_begin = 0;  ///< of "url"
  std::size_t value_begin = 0;
  std::size_t value_end = 0;
};

/// Holds a parser: one a thread.
class AttachmentReader {
 public:
  /// Whether the line can hold one: a search of its bytes. Only lines that pass need read().
  static bool may_have(std::string_view line);
  /// Appends the line's Attachments to `refs`, in order. kCorrupt when the line is no resource;
  /// kTooLarge when it has so many values that they would take more memory than a line may.
  Result<void> read(std::string_view line, std::vector<AttachmentRef>& refs);

 private:
  fhir::JsonTokens tokens_;
};

/// The replacement of the text from `begin` to `end`.
struct LineChange {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string text;
};
/// Base64 data instead of the url; with a contentType, which data must have, when it has none.
LineChange with_data(const AttachmentRef& ref, std::string_view bytes,
                     const std::string& content_type);
/// Another url.
LineChange with_url(const AttachmentRef& ref, const std::string& url);
/// The line with all `changes`, which are in its order.
std::string apply_changes(std::string_view line, const std::vector<LineChange>& changes);

/// The media type alone, in lower case: "text/plain" of "Text/Plain; charset=utf-8".
std::string media_type(std::string_view content_type);
/// Whether a media type is one of `wanted`: "application/pdf", "image/*". An empty list has all.
bool is_wanted_type(std::string_view type, const std::vector<std::string>& wanted);
/// Why bytes that begin with `start` and came with the type `answered` cannot be an Attachment of
/// type `claimed` (L-11): an HTML page in place of a document, or content that is no PDF. Empty if
/// nothing contradicts. Types are media_type()s, empty when not stated.
std::string what_is_wrong(std::string_view claimed, std::string_view answered,
                          std::string_view start);
/// ".pdf" for what is known, else ".bin".
std::string_view file_suffix(std::string_view type);
/// Whether a url is the name under which an earlier run has stored a file beside the lines:
/// "attachments/", two digits of its SHA-256, "/", all 64, and a suffix.
bool is_kept_attachment(std::string_view url);

}  // namespace sluice::client
