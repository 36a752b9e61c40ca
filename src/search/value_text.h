// Splits the value of a parameter at unescaped commas, bars and dollars.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"

namespace sluice::search {

/// The parts of `text` between separators that have no backslash before them; escapes stay. At most
/// the first `parts_max` + 1 parts; what follows is ignored.
inline std::vector<std::string_view> split_escaped(std::string_view text, char separator,
                                                   std::size_t parts_max) {
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size() && parts.size() <= parts_max; ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == separator) {
      parts.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  if (parts.size() <= parts_max) parts.push_back(text.substr(start));
  return parts;
}

/// "\," "\|" "\$" and "\\" mean the second character; other backslashes mean themselves.
inline std::string unescape_value(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escapes = text[i] == '\\' && i + 1 < text.size() &&
                         std::string_view(",|$\\").find(text[i + 1]) != std::string_view::npos;
    out.push_back(text[escapes ? ++i : i]);
  }
  return out;
}

/// A value as an error shows it.
inline std::string shown(std::string_view text) {
  return std::string(shortened(text, 128));
}

}  // namespace sluice::search
