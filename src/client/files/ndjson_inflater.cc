#include "client/files/ndjson_inflater.h"

#include <span>
#include <string>

#include "base/inflater.h"

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
  GzipInflater inflater;
  std::string out = {};

  Result<void> inflate(std::string_view bytes) {
    if (out.empty()) out.resize(kOutSize);
    while (!bytes.empty() || inflater.has_more()) {
      std::span<char> room(out);
      SLUICE_RETURN_IF_ERROR(inflater.inflate(bytes, room));
      SLUICE_RETURN_IF_ERROR(sink(std::string_view(out).substr(0, out.size() - room.size())));
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
  return impl_->inflater.finish();
}

}  // namespace sluice::client
