// Whatever the bytes are: no crash, and a resource whose links are replaced is a JSON object still.
#include "fhir/bundle_request.h"

#include <cstdint>
#include <cstdlib>

#include "fhir/bundle_links.h"
#include "json/json_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fhir;
  const auto bundle = BundleRequest::read({reinterpret_cast<const char*>(data), size});
  if (!bundle) return 0;
  JsonTokens tokens;
  for (const auto& entry : bundle->entries()) {
    if (entry.resource == 0) continue;
    std::string out;
    const auto target = [](LinkPlace, std::string_view) {
      return std::optional<std::string>("Patient/1");
    };
    if (!rewrite_links(bundle->tokens(), entry.resource, target, out)) std::abort();
    if (!tokens.read(out) || !check_json_object(tokens, 110)) std::abort();
  }
  return 0;
}
