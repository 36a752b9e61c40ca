#include "base/inflater.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>

namespace sluice {
namespace {

// ISA-L counts in 32 bits.
constexpr std::size_t kAtOnce = 1u << 30;

Error damaged() {
  return corrupt("the gzip data are damaged");
}

}  // namespace

struct GzipInflater::Impl {
  Zeros zeros;
  bool in_member = false;
  bool has_member = false;  // one was read to its end
  bool has_more = false;
  inflate_state state;  // set when a member begins

  // Whether a member begins with what is left of `bytes`.
  bool begin_member(std::string_view& bytes) {
    if (has_member && zeros == Zeros::kArePadding)
      bytes.remove_prefix(std::min(bytes.find_first_not_of('\0'), bytes.size()));
    if (bytes.empty()) return false;
    isal_inflate_init(&state);
    state.crc_flag = ISAL_GZIP;
    in_member = true;
    return true;
  }

  Result<void> step(std::string_view& bytes, std::span<char>& room) {
    const std::size_t offered = std::min(bytes.size(), kAtOnce);
    const std::size_t free = std::min(room.size(), kAtOnce);
    // The library only reads there.
    state.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
    state.avail_in = static_cast<std::uint32_t>(offered);
    state.next_out = reinterpret_cast<std::uint8_t*>(room.data());
    state.avail_out = static_cast<std::uint32_t>(free);
    const int status = isal_inflate(&state);
    const std::size_t used = offered - state.avail_in;
    const std::size_t made = free - state.avail_out;
    bytes.remove_prefix(used);
    room = room.subspan(made);
    has_more = state.avail_out == 0;
    // The end of the input within a header is no error: more is to come.
    if (status != ISAL_DECOMP_OK && status != ISAL_END_INPUT) return damaged();
    if (state.block_state == ISAL_BLOCK_FINISH) {
      in_member = has_more = false;
      has_member = true;
    } else if (used == 0 && made == 0 && offered > 0) {
      return damaged();  // it would go on like this for ever
    }
    return {};
  }
};

GzipInflater::GzipInflater(Zeros zeros) : impl_(std::make_unique_for_overwrite<Impl>()) {
  impl_->zeros = zeros;
}
GzipInflater::~GzipInflater() = default;
GzipInflater::GzipInflater(GzipInflater&&) noexcept = default;
GzipInflater& GzipInflater::operator=(GzipInflater&&) noexcept = default;

Result<void> GzipInflater::inflate(std::string_view& bytes, std::span<char>& room) {
  while (!room.empty() && (!bytes.empty() || impl_->has_more)) {
    if (!impl_->in_member && !impl_->begin_member(bytes)) break;
    SLUICE_RETURN_IF_ERROR(impl_->step(bytes, room));
  }
  return {};
}

bool GzipInflater::has_more() const {
  return impl_->has_more;
}

Result<void> GzipInflater::finish() const {
  if (impl_->in_member) return corrupt("the gzip data end in the middle");
  return {};
}

}  // namespace sluice
