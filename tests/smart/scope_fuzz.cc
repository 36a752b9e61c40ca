// Whatever the bytes are: no crash, what is read is written back to something that reads the same,
// and a grant never allows more than what it was made of.
#include "smart/scope.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::smart;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = std::min(input.find('\n'), input.size());
  const auto asked = ScopeSet::parse(input.substr(0, cut));
  if (!asked) return 0;
  const auto again = ScopeSet::parse(asked->to_string());
  if (!again || !(*again == *asked)) std::abort();
  const auto registered = ScopeSet::parse(input.substr(std::min(cut + 1, input.size())));
  if (!registered) return 0;
  const ScopeSet granted = intersect(*asked, *registered);
  for (const auto type : sluice::fhir::all_resource_types()) {
    if (granted.permissions(type) != (asked->permissions(type) & registered->permissions(type)))
      std::abort();
  }
  return 0;
}
