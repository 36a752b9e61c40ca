#include "bulk/load/large_text.h"

#include <algorithm>

namespace sluice::bulk {
namespace {

// Behind the string that begins at `begin`, with its quote; npos when the text ends in it.
std::size_t behind_string(std::string_view text, std::size_t begin) {
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return i + 1;
  }
  return std::string_view::npos;
}

std::size_t skip_blank(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(" \t\r\n", at), text.size());
}

}  // namespace

Result<LargeText::Turn> LargeText::take_turn(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (!ended_.wait(lock, stop, [this] { return !is_taken_; }))
    return Error{ErrorKind::kCancelled, "the load was stopped"};
  is_taken_ = true;
  return Turn(this, [this](const void*) {
    const std::lock_guard guard(mutex_);
    is_taken_ = false;
    ended_.notify_all();
  });
}

bool can_be_large(std::string_view text, bool bundles) {
  std::size_t depth = 0;
  bool has_list = false;
  for (std::size_t i = skip_blank(text, 0); i < text.size();) {
    const char c = text[i];
    if (depth == 0 && c != '{') return false;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (c != '"') {
      ++i;
      continue;
    }
    const std::size_t end = behind_string(text, i);
    if (end == std::string_view::npos) break;
    const std::string_view name = text.substr(i + 1, end - i - 2);
    i = skip_blank(text, end);
    if (depth != 1 || i == text.size() || text[i] != ':') continue;
    i = skip_blank(text, i + 1);
    const std::string_view value = text.substr(i);
    if (name == "resourceType")
      return value.starts_with("\"Group\"") || (bundles && value.starts_with("\"Bundle\""));
    has_list |= value.starts_with('[') && (name == "member" || (bundles && name == "entry"));
  }
  return has_list;
}

}  // namespace sluice::bulk
