#include "fhirpath/text.h"

#include <utf8proc.h>

#include <boost/beast/core/detail/base64.hpp>
#include <cstring>

#include "base/text.h"
#include "base/utf8.h"
#include "json/json_check.h"

namespace sluice::fhirpath {
namespace {

bool is_start(char c) {
  return (c & 0xC0) != 0x80;
}

template <class Map>
std::string mapped(std::string_view text, Map&& map) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    utf8proc_int32_t code = 0;
    const auto size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                       static_cast<utf8proc_ssize_t>(text.size()), &code);
    if (size <= 0) break;  // not in checked text
    append_utf8(out, static_cast<unsigned>(map(code)));
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  return out;
}

bool is_white(utf8proc_int32_t code) {
  if ((code >= 9 && code <= 13) || code == 32 || code == 0x85) return true;
  const auto category = utf8proc_category(code);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP;
}

constexpr std::string_view kHex = "0123456789abcdef";

std::string replaced(std::string text, char from, char to) {
  for (char& c : text)
    if (c == from) c = to;
  return text;
}

std::string to_base64(std::string_view text) {
  namespace base64 = boost::beast::detail::base64;
  std::string out(base64::encoded_size(text.size()), '\0');
  out.resize(base64::encode(out.data(), text.data(), text.size()));
  return out;
}

std::optional<std::string> from_base64(std::string text) {
  namespace base64 = boost::beast::detail::base64;
  while (text.ends_with('=')) text.pop_back();
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out(base64::decoded_size(text.size() + 4), '\0');
  const auto [written, read] = base64::decode(out.data(), text.data(), text.size());
  if (read != text.size()) return std::nullopt;
  out.resize(written);
  return out;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const std::size_t high = kHex.find(to_lower(text.substr(i, 1)));
    const std::size_t low = kHex.find(to_lower(text.substr(i + 1, 1)));
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

struct Entity {
  std::string_view text;
  char meaning;
};
constexpr Entity kEntities[] = {
    {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}, {"&amp;", '&'}};

}  // namespace

std::size_t character_count(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += is_start(c);
  return count;
}

std::size_t offset_of(std::string_view text, std::size_t index) {
  std::size_t at = 0;
  for (; at < text.size(); ++at)
    if (is_start(text[at]) && index-- == 0) return at;
  return at;
}

std::vector<std::string> characters_of(std::string_view text) {
  std::vector<std::string> characters;
  for (const char c : text) {
    if (is_start(c) || characters.empty()) characters.emplace_back();
    characters.back() += c;
  }
  return characters;
}

// glibc's memmem() is Crochemore and Perrin's; std::string::find() takes the product of both sizes
// for 'aa...ab' in 'aa...a'.
std::size_t find_first(std::string_view text, std::string_view part, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  const void* found = ::memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::size_t find_last(std::string_view text, std::string_view part) {
  const std::string text_backwards(text.rbegin(), text.rend());
  const std::string part_backwards(part.rbegin(), part.rend());
  const std::size_t found = find_first(text_backwards, part_backwards);
  return found == std::string_view::npos ? found : text.size() - part.size() - found;
}

std::string to_upper(std::string_view text) {
  return mapped(text, utf8proc_toupper);
}
std::string to_lower_case(std::string_view text) {
  return mapped(text, utf8proc_tolower);
}

std::string normalized(std::string_view text) {
  return mapped(text, [](utf8proc_int32_t code) {
    return is_white(code) ? 32 : utf8proc_tolower(utf8proc_toupper(code));
  });
}

std::string trimmed_text(std::string_view text) {
  std::size_t begin = text.size();
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size();) {
    utf8proc_int32_t code = 0;
    const auto size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                                       static_cast<utf8proc_ssize_t>(text.size() - at), &code);
    if (size <= 0) break;
    const std::size_t next = at + static_cast<std::size_t>(size);
    if (!is_white(code)) {
      begin = std::min(begin, at);
      end = next;
    }
    at = next;
  }
  return begin < end ? std::string(text.substr(begin, end - begin)) : std::string();
}

std::optional<std::string> encoded(std::string_view text, std::string_view format) {
  if (format == "base64") return to_base64(text);
  if (format == "urlbase64") return replaced(replaced(to_base64(text), '+', '-'), '/', '_');
  if (format != "hex") return std::nullopt;
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::optional<std::string> decoded(std::string_view text, std::string_view format) {
  std::optional<std::string> out;
  if (format == "base64") out = from_base64(std::string(text));
  if (format == "urlbase64")
    out = from_base64(replaced(replaced(std::string(text), '-', '+'), '_', '/'));
  if (format == "hex") out = from_hex(text);
  return out && is_valid_utf8(*out) ? out : std::nullopt;
}

std::optional<std::string> escaped(std::string_view text, std::string_view target) {
  if (target == "json") return fhir::escape(text);
  if (target != "html") return std::nullopt;
  std::string out;
  for (const char c : text) {
    std::string_view entity;
    for (const auto& row : kEntities)
      if (row.meaning == c) entity = row.text;
    if (entity.empty())
      out += c;
    else
      out += entity;
  }
  return out;
}

std::optional<std::string> unescaped(std::string_view text, std::string_view target) {
  if (target == "json") {
    std::string out = fhir::unescape(text);
    return is_valid_utf8(out) ? std::optional(out) : std::nullopt;
  }
  if (target != "html") return std::nullopt;
  std::string out;
  while (!text.empty()) {
    const Entity* found = nullptr;
    for (const auto& row : kEntities)
      if (text.starts_with(row.text)) found = &row;
    out += found != nullptr ? found->meaning : text[0];
    text.remove_prefix(found != nullptr ? found->text.size() : 1);
  }
  return out;
}

}  // namespace sluice::fhirpath
