#include "base/percent.h"

#include <boost/url/encode.hpp>
#include <boost/url/pct_string_view.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

namespace sluice {

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  const auto escapes = boost::urls::make_pct_string_view({text.data(), text.size()});
  if (!escapes) return std::nullopt;
  boost::urls::encoding_opts options;
  options.space_as_plus = plus_is_space;
  return escapes->decode(options);
}

std::string percent_encoded(std::string_view text) {
  return boost::urls::encode({text.data(), text.size()}, boost::urls::unreserved_chars);
}

}  // namespace sluice
