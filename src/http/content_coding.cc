#include "http/content_coding.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "http/text.h"

namespace sluice::http {
namespace {

constexpr std::size_t kStep = 256u << 10;

/// "x-gzip" is gzip (RFC 9110 8.4.1.3); "identity" was once a coding.
bool is_gzip(std::string_view coding) {
  return iequals(coding, "gzip") || iequals(coding, "x-gzip");
}

std::vector<std::string> codings_of(const Request& request) {
  std::vector<std::string> codings;
  const std::string value = request.headers.combined("Content-Encoding");
  for (const std::string_view coding : split_list(value))
    if (!iequals(coding, "identity")) codings.emplace_back(coding);
  return codings;
}

bool has_body(const Request& request) {
  const auto length = request.headers.get("Content-Length");
  return request.headers.get("Transfer-Encoding").has_value() || (length && *length != "0");
}

Refusal damaged() {
  return bad_request("the request body is not the gzip data that Content-Encoding says");
}

/// Decodes one member at the front of `bytes` and removes it from there.
std::optional<Refusal> decode_member(std::string_view& bytes, std::string& out,
                                     std::size_t size_max, std::size_t held,
                                     MemoryBudget::Share& share) {
  inflate_state state;
  isal_inflate_init(&state);
  state.crc_flag = ISAL_GZIP;
  state.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
  state.avail_in = static_cast<std::uint32_t>(bytes.size());
  do {
    const std::size_t before = out.size();
    // One byte more than is taken, to see that there is more.
    const std::size_t step = std::min(kStep, size_max + 1 - before);
    if (auto room = share.hold(held + std::max(out.capacity(), before + step)); !room)
      return Refusal{503, room.error()};
    out.resize(before + step);
    if (auto room = share.hold(held + out.capacity()); !room) return Refusal{503, room.error()};
    state.next_out = reinterpret_cast<std::uint8_t*>(out.data() + before);
    state.avail_out = static_cast<std::uint32_t>(step);
    const int status = isal_inflate(&state);
    out.resize(before + step - state.avail_out);
    if (status != ISAL_DECOMP_OK) return damaged();
    if (out.size() > size_max)
      return too_large(413,
                       "the request body is larger, when it is decoded, than this server takes");
  } while (state.block_state != ISAL_BLOCK_FINISH && state.avail_out == 0);
  if (state.block_state != ISAL_BLOCK_FINISH) return damaged();  // cut off
  bytes.remove_prefix(bytes.size() - state.avail_in);
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> check_coding(const Request& request) {
  const auto codings = codings_of(request);
  if (codings.empty() || !has_body(request)) return std::nullopt;
  if (codings.size() == 1 && is_gzip(codings.front())) return std::nullopt;
  return Refusal{415,
                 {ErrorKind::kUnsupportedMediaType,
                  "a request body may have the Content-Encoding gzip, or none"}};
}

std::optional<Refusal> decode_body(Request& request, std::size_t size_max,
                                   MemoryBudget::Share& share) {
  if (request.body.empty() || codings_of(request).empty()) return std::nullopt;
  std::string_view bytes = request.body;
  std::string out;
  const std::size_t held = request.body.size();
  while (!bytes.empty())
    if (auto refusal = decode_member(bytes, out, size_max, held, share)) return refusal;
  request.body = std::move(out);
  share.shrink_to(request.body.capacity());
  request.headers.remove("Content-Encoding");
  request.headers.remove("Content-Length");
  return std::nullopt;
}

}  // namespace sluice::http
