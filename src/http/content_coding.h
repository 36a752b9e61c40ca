// Request bodies that are sent compressed (RFC 9110 8.4). Internal to http.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "http/memory_budget.h"
#include "http/message.h"
#include "http/request_head.h"

namespace sluice::http {

/// 415 when the request has a body in a coding other than gzip. Reads the head only.
std::optional<Refusal> check_coding(const Request& request);

/// Replaces a gzip body and its header fields by the decoded body, so that later code does not see
/// the compression. 413 above `size_max` bytes, 503 when `share` has no room, 400 for invalid gzip.
/// Uses much CPU: do not call on socket threads.
std::optional<Refusal> decode_body(Request& request, std::size_t size_max,
                                   MemoryBudget::Share& share);

}  // namespace sluice::http
