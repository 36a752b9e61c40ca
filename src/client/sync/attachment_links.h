// Attachments of a source in a copy of it: what they name is found from there too (L-10).
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::client {

/// What an Attachment.url of the source at `base` is in another server: "Binary/[id]" for a Binary
/// that comes along; others that are the source's own are absolute, so that they are found
/// wherever they stand. A URL of a Binary by way of a job, which ends with the job, is that of the
/// Binary itself. Everything else stays as it is. An empty `base`: not known.
std::string linked_url(const std::string& url, const std::string& base,
                       const std::function<bool(std::string_view)>& comes_along);

/// Does that to all lines of NDJSON files. `fresh`: as rewrite_lines(). Doing it twice changes
/// nothing.
Result<void> link_attachments(const std::vector<std::filesystem::path>& files,
                              const std::filesystem::path& fresh, const std::string& base,
                              const std::function<bool(std::string_view)>& comes_along);

}  // namespace sluice::client
