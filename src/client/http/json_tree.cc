#include "client/http/json_tree.h"

#include <algorithm>
#include <boost/json.hpp>

namespace sluice::client {
namespace {

constexpr std::size_t kDepthMax = 64;

}  // namespace

boost::json::value parse_json_tree(std::string_view text) {
  const auto marks = std::count_if(text.begin(), text.end(), [](char c) {
    return c == ',' || c == ':' || c == '[' || c == '{';
  });
  if (static_cast<std::size_t>(marks) > kTreeMarksMax) return {};
  boost::system::error_code failed;
  boost::json::parse_options options;
  options.max_depth = kDepthMax;
  auto value = boost::json::parse({text.data(), text.size()}, failed, {}, options);
  return failed ? boost::json::value() : value;
}

}  // namespace sluice::client
