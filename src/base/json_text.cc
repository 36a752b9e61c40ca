#include "base/json_text.h"

#include <boost/json.hpp>
#include <boost/system/system_error.hpp>
#include <stdexcept>
#include <utility>

#include "base/utf8.h"

namespace sluice {
namespace {

constexpr Instant kFirstInstant{-62'167'219'200'000};  // 0000-01-01T00:00:00.000Z
constexpr Instant kLastInstant{253'402'300'799'999};   // 9999-12-31T23:59:59.999Z

// Such bytes stand inside of strings only, and what takes their place needs no escape there.
std::string valid(std::string text) {
  return is_valid_utf8(text) ? text : replace_invalid_utf8(text);
}

}  // namespace

std::string json_text(const boost::json::value& value) {
  return valid(boost::json::serialize(value));
}

std::string json_text(const boost::json::object& object) {
  return valid(boost::json::serialize(object));
}

boost::json::object stored_object(std::string_view text) {
  boost::system::error_code failed;
  auto value = boost::json::parse(text, failed);
  if (failed && !is_valid_utf8(text))
    value = boost::json::parse(replace_invalid_utf8(text), failed);
  if (failed) throw boost::system::system_error(failed);
  if (!value.is_object()) throw std::invalid_argument("not a JSON object");
  return std::move(value.get_object());
}

Instant stored_instant(const boost::json::value& value) {
  const Instant instant{value.to_number<std::int64_t>()};
  if (instant < kFirstInstant || instant > kLastInstant) throw std::out_of_range("not an instant");
  return instant;
}

std::string json_string(std::string_view text) {
  return valid(boost::json::serialize(boost::json::string_view(text)));
}

}  // namespace sluice
