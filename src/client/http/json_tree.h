// JSON of a server as a tree, which takes many times the text's memory: for small documents only.
#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <string_view>

namespace sluice::client {

/// Of a tree, at most: brackets, commas and colons of its text. A tree takes 24 bytes for each
/// value, and twice as much while it is made.
inline constexpr std::size_t kTreeMarksMax = 500'000;

/// null for what is no JSON, deeper than 64, or has more than kTreeMarksMax.
boost::json::value parse_json_tree(std::string_view text);

}  // namespace sluice::client
