// Whatever a document of the store holds: reading it fails or succeeds, and what was read is
// written and read again as the same. The first byte says what it is read as.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "bulk/export/request/stored_export.h"
#include "bulk/group/cohort_request.h"
#include "bulk/import/import_request.h"
#include "bulk/import/import_state.h"

namespace {

using namespace sluice;

void require(bool holds) {
  if (!holds) std::abort();
}

template <class Parse>
void check(std::string_view text, Parse parse) {
  const auto read = parse(text);
  if (!read) {
    require(read.error().kind == ErrorKind::kCorrupt || read.error().kind == ErrorKind::kInvalid);
    return;
  }
  const std::string written = serialize(*read);
  require(is_valid_utf8(written));
  const auto again = parse(written);
  require(again.has_value() && serialize(*again) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'e':
      check(text, bulk::parse_stored_request);
      break;
    case 'i':
      check(text, bulk::parse_stored_import);
      break;
    case 's':
      check(text, bulk::parse_import_state);
      break;
    case 'c':
      check(text, bulk::parse_stored_cohort_request);
      break;
    case 'o':
      check(text, bulk::parse_cohort_outcome);
      break;
    default:
      break;
  }
  return 0;
}
