// The file of authorities that a user wants to believe instead of the system's.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::client {

/// kInvalid unless the file holds certificates in PEM; the message names `option`, the file and
/// what is wrong with it. An empty path: none is wanted.
Result<void> check_authority_file(std::string_view option, const std::string& path);

}  // namespace sluice::client
