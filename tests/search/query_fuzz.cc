// A query and a resource, parted by the first line break: what compiles must match or not, and
// never do more than that.
#include <cstdint>
#include <string_view>

#include "fhir/resource_reader.h"
#include "search/matcher.h"
#include "search/query.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  static const fhir::ResourceType type = *fhir::find_resource_type("Observation");
  static fhir::ResourceReader reader;
  static search::Matcher matcher;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  const auto query = search::Query::compile(type, input.substr(0, line), {});
  if (!query || query->needs_resolver() || line == std::string_view::npos) return 0;
  const auto resource = reader.read(input.substr(line + 1), "given");
  if (!resource || resource->type != type) return 0;
  if (!matcher.matches(*query, resource->content)) __builtin_trap();
  return 0;
}
