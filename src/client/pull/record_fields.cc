#include "client/pull/record_fields.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>

#include "base/utf8.h"

namespace sluice::client {

namespace json = boost::json;

std::string text_field(const json::object& record, std::string_view name) {
  const auto* value = record.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<std::uint64_t> number_field(const json::object& record, std::string_view name) {
  const auto* value = record.if_contains(name);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code failed;
  const auto parsed = value->to_number<std::uint64_t>(failed);
  if (failed) return std::nullopt;
  return parsed;
}

bool flag_field(const json::object& record, std::string_view name) {
  const auto* value = record.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::vector<std::string> list_field(const json::object& record, std::string_view name) {
  std::vector<std::string> out;
  const auto* list = record.if_contains(name);
  if (list != nullptr && list->is_array())
    for (const auto& each : list->get_array())
      if (each.is_string()) out.emplace_back(each.get_string());
  return out;
}

void put_bytes(json::object& record, std::string_view name, const std::string& bytes) {
  if (bytes.empty()) return;
  if (valid_utf8_prefix(bytes) == bytes.size()) {
    record[name] = bytes;
    return;
  }
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  record[std::string(name) + "Hex"] = hex;
}

std::string bytes_field(const json::object& record, std::string_view name) {
  std::string bytes = text_field(record, name);
  if (!bytes.empty()) return bytes;
  const std::string hex = text_field(record, std::string(name) + "Hex");
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    unsigned value = 0;
    std::from_chars(hex.data() + at, hex.data() + at + 2, value, 16);
    bytes += static_cast<char>(value);
  }
  return bytes;
}

}  // namespace sluice::client
