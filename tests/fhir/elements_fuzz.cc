// Lines that the reader lets into the store: the projection of one is JSON, marked once, and
// projecting it again changes nothing. Other bytes must only not crash.
#include "fhir/elements.h"

#include <cstdint>
#include <cstdlib>
#include <string>

#include "fhir/resource_reader.h"

namespace {

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fhir;
  static const ResourceType type = *find_resource_type("Observation");
  static const ElementsSelection selection =
      *ElementsSelection::parse({"id", "subject", "value", "extension"}, {type});
  static ElementsProjector projector(selection, type);
  static ResourceReader reader;
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  std::string once;
  const auto raw = projector.project(text, once);
  const auto resource = reader.read(text, "given");
  if (!resource) return 0;

  std::string line;
  append_with_meta(line, *resource, 1, sluice::Instant{0});
  once.clear();
  std::string twice;
  if (!projector.project(line, once) || !projector.project(once, twice) || once != twice) {
    std::abort();
  }
  if (!reader.read(once)) std::abort();
  constexpr std::string_view kMark = "\"code\":\"SUBSETTED\"}";
  if (count(line, "SUBSETTED") == 0 && count(once, kMark) != 1) std::abort();
  return 0;
}
