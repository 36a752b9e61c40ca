#include "client/http/shown_text.h"

#include "base/utf8.h"

namespace sluice::client {
namespace {

// How many bytes of a character that must not be shown begin at `at`; 0: none does.
std::size_t hidden_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned first = byte(at), second = byte(at + 1), third = byte(at + 2);
  if (first < 0x20 || first == 0x7f) return 1;
  if (first == 0xc2 && second >= 0x80 && second <= 0x9f) return 2;  // C1
  if (first != 0xe2) return 0;
  const bool is_mark = second == 0x80 && ((third >= 0x8e && third <= 0x8f) ||  // LRM, RLM
                                          (third >= 0xa8 && third <= 0xae));   // LS, PS, embeddings
  const bool is_isolate = second == 0x81 && third >= 0xa6 && third <= 0xa9;
  return is_mark || is_isolate ? 3 : 0;
}

}  // namespace

std::string shown_text(std::string_view text) {
  const std::string valid =
      valid_utf8_prefix(text) == text.size() ? std::string(text) : replace_invalid_utf8(text);
  std::string out;
  out.reserve(valid.size());
  for (std::size_t at = 0; at < valid.size();) {
    if (const std::size_t hidden = hidden_at(valid, at); hidden > 0) {
      out += ' ';
      at += hidden;
    } else {
      out += valid[at++];
    }
  }
  return out;
}

}  // namespace sluice::client
