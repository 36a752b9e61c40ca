// Where an answer sends on to, by rules that all requests keep.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "transport/answer_headers.h"

namespace sluice::transport {

/// The URL to ask next; nullopt when the answer is the result: it is none of 301, 302, 303, 307 and
/// 308, has no Location, or is a 303 after anything but GET. 301 and 302 keep method and body as
/// 307 and 308 do: a kick-off that lost its parameters would ask for everything. kConflict for a
/// Location that cannot be gone to, kForbidden from https to http; messages have no secret of a
/// URL.
Result<std::optional<std::string>> redirect_target(const std::string& method,
                                                   const std::string& url, int status,
                                                   const AnswerHeaders& headers);

}  // namespace sluice::transport
