#include "client/files/ndjson_inflater.h"

#include <isa-l/igzip_lib.h>

#include <string>

namespace sluice::client {
namespace {

constexpr std::size_t kOutSize = 512u << 10;
constexpr std::string_view kMagic = "\x1f\x8b";

}  // namespace

struct NdjsonInflater::Impl {
  Sink sink;
  std::string start;  // the first bytes, until it is known what they are
  bool is_known = false;
  bool is_gzip = false;
  bool member_open = false;
  bool has_member = false;
  inflate_state state{};
  std::string out = {};

  Result<void> inflate(std::string_view bytes) {
    if (out.empty()) out.resize(kOutSize);
    while (!bytes.empty()) {
      if (!member_open) {
        // Zeros behind a member are padding.
        if (has_member) bytes.remove_prefix(std::min(bytes.find_first_not_of('\0'), bytes.size()));
        if (bytes.empty()) break;
        isal_inflate_init(&state);
        state.crc_flag = ISAL_GZIP;
        member_open = true;
      }
      SLUICE_RETURN_IF_ERROR(inflate_member(bytes));
    }
    return {};
  }

  Result<void> inflate_member(std::string_view& bytes) {
    state.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
    state.avail_in = static_cast<std::uint32_t>(bytes.size());
    do {
      state.next_out = reinterpret_cast<std::uint8_t*>(out.data());
      state.avail_out = static_cast<std::uint32_t>(out.size());
      const int status = isal_inflate(&state);
      // The end of the input within a header is no error: more is to come.
      if (status != ISAL_DECOMP_OK && status != ISAL_END_INPUT)
        return corrupt("the gzip data are damaged");
      SLUICE_RETURN_IF_ERROR(sink(std::string_view(out).substr(0, out.size() - state.avail_out)));
    } while (state.block_state != ISAL_BLOCK_FINISH &&
             (state.avail_out == 0 || state.avail_in > 0));
    bytes.remove_prefix(bytes.size() - state.avail_in);
    if (state.block_state == ISAL_BLOCK_FINISH) {
      member_open = false;
      has_member = true;
    }
    return {};
  }
};

NdjsonInflater::NdjsonInflater(Sink sink) : impl_(std::make_unique<Impl>()) {
  impl_->sink = std::move(sink);
}
NdjsonInflater::~NdjsonInflater() = default;

bool NdjsonInflater::is_gzip() const {
  return impl_->is_gzip;
}

Result<void> NdjsonInflater::feed(std::string_view bytes) {
  if (!impl_->is_known) {
    impl_->start.append(bytes);
    if (impl_->start.size() < kMagic.size()) return {};
    impl_->is_known = true;
    impl_->is_gzip = impl_->start.starts_with(kMagic);
    const std::string start = std::move(impl_->start);
    return impl_->is_gzip ? impl_->inflate(start) : impl_->sink(start);
  }
  return impl_->is_gzip ? impl_->inflate(bytes) : impl_->sink(bytes);
}

Result<void> NdjsonInflater::finish() {
  if (!impl_->is_known && !impl_->start.empty()) {
    impl_->is_known = true;
    return impl_->sink(impl_->start);
  }
  if (impl_->member_open) return corrupt("the gzip data end in the middle");
  return {};
}

}  // namespace sluice::client
