// Queries as texts that can be compared: one spelling for the same meaning, and which of two
// matches less. All parameters of a query must hold, so more parameters match less.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::search {

/// The parameters sorted, each once, with escapes only where a scope or a URL needs them: it has no
/// space, quote or backslash. kInvalid as parse_query_string().
Result<std::string> canonical_query(std::string_view raw);

/// The canonical query of what matches both; either may be empty and limits nothing then.
std::string both_queries(std::string_view a, std::string_view b);

/// Whether all that matches `narrow` matches `wide`, judging by the texts: false when in doubt.
/// Both canonical.
bool query_is_within(std::string_view narrow, std::string_view wide);

/// A limit on resources of a type: they must pass each part, and pass one when they match one of
/// its canonical queries. No part: no limit. A part without queries: nothing passes.
using QueryLimit = std::vector<std::vector<std::string>>;

/// Whether all that passes `narrow` passes `wide`; false when in doubt.
bool limit_is_within(const QueryLimit& narrow, const QueryLimit& wide);

}  // namespace sluice::search
