// A text and a patch, parted by the first line break. What a patch makes of a JSON object is JSON
// again (or the whole was replaced by another value), and the patch that tests for the result as it
// is succeeds on it without changing a byte.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "json/json_check.h"
#include "rest/json_patch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  if (line == std::string_view::npos) return 0;
  const auto patch = rest::JsonPatch::parse(input.substr(line + 1));
  if (!patch) return 0;
  const auto once = patch->apply(input.substr(0, line));
  if (!once) return 0;
  fhir::JsonTokens tokens;
  if (!tokens.read(*once)) std::abort();
  if (tokens.first(0) != '{') return 0;
  if (!fhir::check_json_object(tokens, 100)) std::abort();
  const auto test =
      rest::JsonPatch::parse(R"([{"op":"test","path":"","value":)" + *once +
                             R"(},{"op":"replace","path":"","value":)" + *once + "}]");
  if (!test) std::abort();
  const auto again = test->apply(*once);
  if (!again || *again != *once) std::abort();
  return 0;
}
