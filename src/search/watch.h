// Lets a caller end a comparison from within: one resource of megabytes compared with a thousand
// values takes longer than a search may, and than a server that stops can wait.
#pragma once

#include <functional>

#include "base/result.h"

namespace sluice::search {

/// Asked after each mebibyte of text, about, that comparisons have looked at: some milliseconds.
/// Its error ends the comparison and is returned by it. Empty: nobody is asked.
using Watch = std::function<Result<void>()>;

}  // namespace sluice::search
