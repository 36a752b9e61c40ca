// Attachment.url and the Binaries of this server (F-06): which ones a resource names, and lines in
// which these URLs are absolute, every other byte as it was.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "json/json_tokens.h"

namespace sluice::fhir {

/// Whether a resource can name a Binary in an Attachment: a search of its bytes, which nearly every
/// one fails.
bool may_name_binary(std::string_view json);

/// What a URL of a Binary says behind the type: "x", or "x/_history/3" when there is a version.
std::string binary_name(std::string_view id, std::string_view version);

/// The ids of Binaries that Attachments of a checked resource name, by any URL of this server:
/// sorted, each once.
std::vector<std::string> possible_binaries(const JsonTokens& tokens, ResourceType type);
/// The same of a stored line; kCorrupt when it is not what the store promised.
Result<std::vector<std::string>> possible_binaries(std::string_view line, ResourceType type);
/// Whether an Attachment of a stored line names this Binary of the server at `base_url`: by "x" the
/// newest of it, whichever that is, by "x/_history/3" that version. One is not the other.
Result<bool> names_binary(std::string_view line, ResourceType type, std::string_view binary,
                          std::string_view base_url);

/// Holds a parser: one a thread.
class AttachmentUrls {
 public:
  /// The URL to send for a Binary, "x", or for a version of it, "x/_history/3".
  using UrlOf = std::function<Result<std::string>(std::string_view binary)>;

  /// `base_url`: absolute URLs below it name our Binaries too.
  AttachmentUrls(std::string base_url, UrlOf url_of)
      : base_url_(std::move(base_url)), url_of_(std::move(url_of)) {}

  /// Replaces `out` by the line with these URLs replaced. kCorrupt when the line is not what the
  /// store promised. Nothing is to be done for lines that do not pass may_name_binary().
  Result<void> rewrite(ResourceType type, std::string_view line, std::string& out);

 private:
  struct Replacement {
    std::size_t begin = 0;  // of the line
    std::size_t end = 0;
    std::string url;
  };
  Result<void> replace_url(std::size_t attachment);

  const std::string base_url_;
  const UrlOf url_of_;
  JsonTokens tokens_;
  std::vector<Replacement> replacements_;
};

}  // namespace sluice::fhir
