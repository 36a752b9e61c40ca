// Members of the journal's records, read without trust and written so that they can be read.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::client {

/// Empty, nullopt, false and nothing for what is missing or of another kind.
std::string text_field(const boost::json::object& record, std::string_view name);
std::optional<std::uint64_t> number_field(const boost::json::object& record, std::string_view name);
bool flag_field(const boost::json::object& record, std::string_view name);
std::vector<std::string> list_field(const boost::json::object& record, std::string_view name);

/// Validators are sent back to the server byte by byte, but the journal is UTF-8: other bytes are
/// stored in hexadecimal digits as `nameHex`.
void put_bytes(boost::json::object& record, std::string_view name, const std::string& bytes);
std::string bytes_field(const boost::json::object& record, std::string_view name);

}  // namespace sluice::client
