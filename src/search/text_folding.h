// Text as string search compares it: without case, accents, punctuation and superfluous white
// space.
#pragma once

#include <string>
#include <string_view>

namespace sluice::search {

/// Writes the folded form of `text` (UTF-8) to `out`: compatibility decomposition, marks and
/// punctuation left out, full case folding, runs of white space as one space, none at the ends.
/// Invalid bytes are left out. Allocates nothing when `out` is large enough.
void fold(std::string_view text, std::string& out);

/// Writes the Soundex codes of the words of a folded text to `codes`, separated by spaces; words
/// without Latin letters stay as they are.
void soundex(std::string_view folded, std::string& codes);

}  // namespace sluice::search
