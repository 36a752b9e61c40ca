#include "http/content_coding.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/inflater.h"
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

/// Decodes all of `bytes`, which are held already.
std::optional<Refusal> decode(std::string_view bytes, std::string& out, std::size_t size_max,
                              MemoryBudget::Share& share) {
  const std::size_t held = bytes.size();
  GzipInflater inflater(GzipInflater::Zeros::kAreDamage);
  while (!bytes.empty() || inflater.has_more()) {
    const std::size_t before = out.size();
    // One byte more than is taken, to see that there is more.
    const std::size_t step = std::min(kStep, size_max + 1 - before);
    if (auto room = share.hold(held + std::max(out.capacity(), before + step)); !room)
      return Refusal{503, room.error()};
    out.resize(before + step);
    if (auto room = share.hold(held + out.capacity()); !room) return Refusal{503, room.error()};
    std::span<char> left = std::span(out).subspan(before);
    const auto inflated = inflater.inflate(bytes, left);
    out.resize(out.size() - left.size());
    if (!inflated) return damaged();
    if (out.size() > size_max)
      return too_large(413,
                       "the request body is larger, when it is decoded, than this server takes");
  }
  if (!inflater.finish()) return damaged();
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
  std::string out;
  if (auto refusal = decode(request.body, out, size_max, share)) return refusal;
  request.body = std::move(out);
  share.shrink_to(request.body.capacity());
  request.headers.remove("Content-Encoding");
  request.headers.remove("Content-Length");
  return std::nullopt;
}

}  // namespace sluice::http
