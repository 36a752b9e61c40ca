// Structured logging: one JSON-free line an event, `key=value` pairs, no PHI, to stderr.
#pragma once

#include <spdlog/spdlog.h>

#include <string_view>

namespace sluice {

/// Sets the process's log up: level "trace" to "error" or "off". Lines go to stderr:
/// `2026-11-23T10:15:30.125Z info  http request method=GET ...`. Call before threads start; the
/// last call counts.
void set_up_logging(std::string_view level);

}  // namespace sluice
