// Whatever the bytes are: no crash, and every parameter has a name and a known kind.
#include "fhir/parameters.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fhir;
  const auto parameters = read_parameters({reinterpret_cast<const char*>(data), size});
  if (!parameters) return 0;
  for (const Parameter& parameter : *parameters) {
    if (parameter.name.empty() || !parameter.kind.starts_with("value")) std::abort();
  }
  return 0;
}
