// Whatever the bytes are: no crash, a token is never verified without its key, and what is parsed
// says an allowed algorithm. The second half of the input is read as a set of keys.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "jose/json_web_signature.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::jose;
  static constexpr std::array kAllowed = {Algorithm::kRs384, Algorithm::kEs384};
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = input.find('\n');
  const auto keys =
      JwkSet::parse(cut == std::string_view::npos ? std::string_view("{}") : input.substr(cut + 1),
                    JwkSet::Unusable::kSkip);
  const auto jws = Jws::parse(input.substr(0, cut), kAllowed);
  if (!jws) return 0;
  if (jws->kid().empty() || jws->verify({})) std::abort();
  if (jws->algorithm() != Algorithm::kRs384 && jws->algorithm() != Algorithm::kEs384) std::abort();
  // That a key verifies is possible: the corpus has right pairs.
  if (keys) static_cast<void>(jws->verify(*keys).has_value());
  return 0;
}
