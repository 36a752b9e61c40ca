#include "base/shown_url.h"

#include "base/utf8.h"

namespace sluice {
namespace {

constexpr std::size_t kShownMax = 256;

}  // namespace

std::string shown_url(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  // Parsers differ in the number and the kind of slashes that they take.
  const std::size_t scheme = url.find_first_of(":/\\");
  const bool has_scheme = scheme != std::string_view::npos && url[scheme] == ':';
  const std::size_t start = url.find_first_not_of("/\\", has_scheme ? scheme + 1 : 0);
  if (start == std::string_view::npos) return std::string(shortened(url, kShownMax));
  const std::string_view authority = url.substr(start, url.find_first_of("/\\", start) - start);
  const std::size_t user_end = authority.rfind('@');
  if (user_end == std::string_view::npos) return std::string(shortened(url, kShownMax));
  std::string shown(url.substr(0, start));
  shown += url.substr(start + user_end + 1);
  return std::string(shortened(shown, kShownMax));
}

}  // namespace sluice
