// Attachment.url in stored lines: those that name a Binary of this server become absolute (F-06);
// every other byte stays as it is.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fhir/json_tokens.h"
#include "fhir/resource_type.h"

namespace sluice::fhir {

/// Holds a parser: one a thread.
class AttachmentUrls {
 public:
  /// The URL to send for a Binary's id.
  using UrlOf = std::function<Result<std::string>(std::string_view id)>;

  /// `base_url`: absolute URLs below it name our Binaries too.
  AttachmentUrls(std::string base_url, UrlOf url_of)
      : base_url_(std::move(base_url)), url_of_(std::move(url_of)) {}

  /// Whether the line can hold such a URL: a search of its bytes, which nearly every line fails.
  /// Only lines that pass need rewrite().
  static bool may_apply(std::string_view line);

  /// Replaces `out` by the line with these URLs replaced. kCorrupt when the line is not what the
  /// store promised.
  Result<void> rewrite(ResourceType type, std::string_view line, std::string& out);

 private:
  Result<void> replace_url(std::size_t attachment, std::string_view line, std::string& out,
                           std::size_t& copied);

  const std::string base_url_;
  const UrlOf url_of_;
  JsonTokens tokens_;
};

}  // namespace sluice::fhir
