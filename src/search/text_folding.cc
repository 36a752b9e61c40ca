#include "search/text_folding.h"

#include <utf8proc.h>

#include <array>
#include <cctype>

namespace sluice::search {
namespace {

/// Appends one code point that has been decomposed and case-folded, unless it does not count.
void append(utf8proc_int32_t code_point, std::string& out) {
  switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
    case UTF8PROC_CATEGORY_CF:
      return;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
      if (!out.empty() && out.back() != ' ') out.push_back(' ');
      return;
    default:
      break;
  }
  std::array<utf8proc_uint8_t, 4> bytes;
  const auto size = utf8proc_encode_char(code_point, bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(size));
}

/// The digit of a letter in Soundex; '0' for vowels, '-' for h and w, which do not part letters.
constexpr std::string_view kSoundexDigits = "01230120022455012623010202";
constexpr char digit(char letter) {
  if (letter == 'h' || letter == 'w') return '-';
  return kSoundexDigits[static_cast<std::size_t>(letter - 'a')];
}
constexpr bool is_letter(char c) {
  return c >= 'a' && c <= 'z';
}

/// Appends the Soundex code of a word; a word that is not only of letters stays as it is.
void append_code(std::string_view word, std::string& out) {
  const std::size_t begin = out.size();
  char last = '0';
  for (const char c : word) {
    if (!is_letter(c)) {
      out.resize(begin);
      out += word;
      return;
    }
    const char now = digit(c);
    if (out.size() == begin)
      out.push_back(c);
    else if (now != '0' && now != '-' && now != last && out.size() < begin + 4)
      out.push_back(now);
    if (now != '-') last = now;
  }
  out.resize(begin + 4, '0');
}

}  // namespace

void fold(std::string_view text, std::string& out) {
  out.clear();
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto* const end = at + text.size();
  while (at != end) {
    if (*at < 0x80) {
      const char c = static_cast<char>(*at++);
      if (std::isalnum(static_cast<unsigned char>(c)) != 0)
        out.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c));
      else
        append(c, out);
      continue;
    }
    utf8proc_int32_t code_point = 0;
    const auto used = utf8proc_iterate(at, end - at, &code_point);
    if (used <= 0) {
      ++at;
      continue;
    }
    at += used;
    constexpr auto kOptions =
        static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
                                       UTF8PROC_STRIPMARK | UTF8PROC_IGNORE);
    std::array<utf8proc_int32_t, 32> parts;  // the longest decomposition has 18
    int boundary = 0;
    const auto count =
        utf8proc_decompose_char(code_point, parts.data(), parts.size(), kOptions, &boundary);
    for (utf8proc_ssize_t i = 0; i < count && i < std::ssize(parts); ++i)
      append(parts[static_cast<std::size_t>(i)], out);
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
}

void soundex(std::string_view folded, std::string& codes) {
  codes.clear();
  while (!folded.empty()) {
    const std::string_view word = folded.substr(0, folded.find(' '));
    folded.remove_prefix(word.size() == folded.size() ? word.size() : word.size() + 1);
    if (!codes.empty()) codes.push_back(' ');
    append_code(word, codes);
  }
}

}  // namespace sluice::search
