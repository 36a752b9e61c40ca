#include "json/json_pointer.h"

#include <charconv>

namespace sluice::fhir {

Result<JsonPointer> parse_json_pointer(std::string_view text) {
  JsonPointer steps;
  if (text.empty()) return steps;
  if (text.front() != '/') return invalid("does not begin with '/'");
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '/') {
      steps.emplace_back();
    } else if (text[i] == '~') {
      const char escaped = i + 1 < text.size() ? text[++i] : '\0';
      if (escaped != '0' && escaped != '1')
        return invalid("has a '~' that is neither '~0' nor '~1'");
      steps.back() += escaped == '0' ? '~' : '/';
    } else {
      steps.back() += text[i];
    }
  }
  return steps;
}

std::optional<std::size_t> array_index(std::string_view step) {
  constexpr std::size_t kDigitsMax = 15;
  if (step.empty() || step.size() > kDigitsMax || (step.size() > 1 && step.front() == '0'))
    return std::nullopt;
  std::size_t index = 0;
  const auto [end, failed] = std::from_chars(step.data(), step.data() + step.size(), index);
  if (failed != std::errc() || end != step.data() + step.size()) return std::nullopt;
  return index;
}

}  // namespace sluice::fhir
