// Whatever the bytes are: no crash, and every entry is a JSON object again.
#include "fhir/bundle_reader.h"

#include <cstdint>
#include <cstdlib>

#include "json/json_check.h"
#include "json/json_tokens.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fhir;
  const auto entries = read_bundle({reinterpret_cast<const char*>(data), size});
  if (!entries) return 0;
  JsonTokens tokens;
  for (const BundleEntry& entry : entries->entries) {
    if (entry.json.empty()) continue;
    if (!tokens.read(entry.json) || !check_json_object(tokens, 110)) std::abort();
  }
  return 0;
}
