#include "transport/answer_headers.h"

#include "base/text.h"

namespace sluice::transport {

void AnswerHeaders::take(std::string_view line) {
  if (line.starts_with("HTTP/")) {
    values_.clear();
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  values_[to_lower(line.substr(0, colon))].emplace_back(trimmed(line.substr(colon + 1), " \t\r\n"));
}

const std::string& AnswerHeaders::get(const std::string& name) const {
  static const std::string kNone;
  const auto found = values_.find(name);
  return found == values_.end() ? kNone : found->second.back();
}

std::string AnswerHeaders::list(const std::string& name) const {
  std::string all;
  if (const auto found = values_.find(name); found != values_.end())
    for (const auto& value : found->second) all += (all.empty() ? "" : ", ") + value;
  return all;
}

}  // namespace sluice::transport
