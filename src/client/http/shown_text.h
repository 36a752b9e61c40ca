// Text of a server, made safe for a terminal or a log.
#pragma once

#include <string>
#include <string_view>

namespace sluice::client {

/// `text` on one line: control characters (C0, C1, DEL), marks that turn the direction of writing
/// and line separators become spaces, bytes that are no UTF-8 U+FFFD, so that it can neither move
/// the cursor nor pass for other lines than its own (L-15).
std::string shown_text(std::string_view text);

}  // namespace sluice::client
