// Request bodies that are sent compressed (RFC 9110 8.4). Internal to http.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "http/memory_budget.h"
#include "http/message.h"
#include "http/request_head.h"

namespace sluice::http {

/// 415 when the request has a body in a coding other than gzip. Looks at the head only.
std::optional<Refusal> check_coding(const Request& request);

/// Puts the decoded body in place of a gzip one, with the header fields that describe it: nothing
/// behind sees that it was compressed. 413 over `size_max` bytes, 503 when `share` has no room, 400
/// for what is no gzip. Burns CPU: not for socket threads.
std::optional<Refusal> decode_body(Request& request, std::size_t size_max,
                                   MemoryBudget::Share& share);

}  // namespace sluice::http
