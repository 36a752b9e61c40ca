// How JSON is written: the last place where text that is not UTF-8 could get into a document, an
// answer or an audit line, and never does. And how documents of the store are read again.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "base/instant.h"

namespace sluice {

/// `value` as JSON. Bytes of its texts that are not UTF-8 become U+FFFD, so that the output can
/// always be read again.
std::string json_text(const boost::json::value& value);
std::string json_text(const boost::json::object& object);

/// `text` as a JSON string, with its quotes.
std::string json_string(std::string_view text);

/// The JSON object that a document of the store is. Earlier versions wrote bytes that are not
/// UTF-8; they are read as U+FFFD. Throws a std::exception for everything else that is not an
/// object.
boost::json::object stored_object(std::string_view text);
/// An instant of such a document; throws if it is outside of the years that FHIR can write.
Instant stored_instant(const boost::json::value& value);

}  // namespace sluice
