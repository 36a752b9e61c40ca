// Whatever a client's document holds: reading it fails or gives a client that is written and read
// again as the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "smart/client.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = smart::parse_client("c", text);
  if (!read) return 0;
  const std::string written = serialize(*read);
  if (!is_valid_utf8(written)) std::abort();
  // What the checks refuse was never written by us, and need not be the same again.
  if (!smart::check_client(*read)) return 0;
  const auto again = smart::parse_client("c", written);
  if (!again || serialize(*again) != written) std::abort();
  return 0;
}
