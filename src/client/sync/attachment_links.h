// Attachments of a source in a copy of it: what they name is found from there too (L-10).
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::client {

/// The form in another server of an Attachment.url of the source at `base`: "Binary/[id]" for a
/// Binary that comes along; absolute for other URLs of the source, so that they still resolve. A
/// job's URL of a Binary, which ends with the job, becomes that of the Binary itself. Other URLs do
/// not change. An empty `base`: unknown.
std::string linked_url(const std::string& url, const std::string& base,
                       const std::function<bool(std::string_view)>& comes_along);

/// Does that to all lines of NDJSON files. `fresh`: as rewrite_lines(). Doing it twice changes
/// nothing.
Result<void> link_attachments(const std::vector<std::filesystem::path>& files,
                              const std::filesystem::path& fresh, const std::string& base,
                              const std::function<bool(std::string_view)>& comes_along);

}  // namespace sluice::client
