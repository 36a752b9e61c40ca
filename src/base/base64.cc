#include "base/base64.h"

#include <openssl/evp.h>

#include <algorithm>

namespace sluice {
namespace {

// OpenSSL counts in int; what is longer goes through it piece by piece.
constexpr std::size_t kPieceOfBytes = 3u << 20;
constexpr std::size_t kPieceOfText = kPieceOfBytes / 3 * 4;

bool is_letter_or_digit(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_standard(char c) {
  return is_letter_or_digit(c) || c == '+' || c == '/';
}

bool is_of_urls(char c) {
  return is_letter_or_digit(c) || c == '-' || c == '_';
}

// OpenSSL takes '=' for zeros wherever it stands and passes over spaces, so it sees digits only, in
// groups of four, and `padding` of them at the end that stand for no byte.
std::string decode_digits(std::string_view text, std::size_t padding) {
  std::string bytes(text.size() / 4 * 3, '\0');
  for (std::size_t at = 0; at < text.size(); at += kPieceOfText) {
    const auto piece = text.substr(at, kPieceOfText);
    EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()) + at / 4 * 3,
                    reinterpret_cast<const unsigned char*>(piece.data()),
                    static_cast<int>(piece.size()));
  }
  bytes.resize(bytes.size() - padding);
  return bytes;
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '\0');
  for (std::size_t at = 0; at < bytes.size(); at += kPieceOfBytes) {
    const auto piece = bytes.substr(at, kPieceOfBytes);
    // It ends what it writes with a zero: where the next piece begins, or the string ends.
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()) + at / 3 * 4,
                    reinterpret_cast<const unsigned char*>(piece.data()),
                    static_cast<int>(piece.size()));
  }
  return text;
}

Result<std::string> base64_decode(std::string_view text) {
  std::string_view digits = text;
  for (int i = 0; i < 2 && digits.ends_with('='); ++i) digits.remove_suffix(1);
  if (text.size() % 4 != 0 || !std::all_of(digits.begin(), digits.end(), is_standard))
    return invalid("this is not base64");
  return decode_digits(text, text.size() - digits.size());
}

std::string base64url_encode(std::string_view bytes) {
  std::string text = base64_encode(bytes);
  while (text.ends_with('=')) text.pop_back();
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

Result<std::string> base64url_decode(std::string_view text) {
  const auto bad = [] { return invalid("this is not base64url without padding"); };
  if (text.size() % 4 == 1 || !std::all_of(text.begin(), text.end(), is_of_urls)) return bad();
  std::string digits(text);
  std::replace(digits.begin(), digits.end(), '-', '+');
  std::replace(digits.begin(), digits.end(), '_', '/');
  const std::size_t padding = (4 - digits.size() % 4) % 4;
  digits.append(padding, '=');
  std::string bytes = decode_digits(digits, padding);
  if (base64url_encode(bytes) != text) return bad();
  return bytes;
}

}  // namespace sluice
