// URLs as a client needs them: resolving, comparing origins, asking with parameters.
#pragma once

#include <string>
#include <string_view>

#include "transport/url.h"

namespace sluice::client {

using transport::origin_of;
using transport::resolve_url;

/// Whether a plain-text connection to the URL stays on this machine.
bool is_loopback(const std::string& url);
/// Appends "name=value", encoded, to the query of `url`.
void append_query(std::string& url, std::string_view name, std::string_view value);

}  // namespace sluice::client
