// Fuzzes what reads a stranger's bytes: targets, queries, ranges, codings, heads and bodies.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/percent.h"
#include "http/byte_range.h"
#include "http/forwarded.h"
#include "http/message.h"
#include "http/request_head.h"
#include "http/request_parser.h"
#include "http/target.h"

namespace {

using namespace sluice::http;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_range(const std::string& text) {
  Request request;
  request.method = "GET";
  request.headers.add("Range", text);
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1000}, ~std::uint64_t{0}}) {
    const auto decision = decide_range(request, "\"e\"", {}, size);
    if (decision.status == 206) {
      require(decision.range.length > 0 && decision.range.offset < size);
      require(decision.range.length <= size - decision.range.offset);
    } else {
      require(decision.status == 200 || decision.status == 416);
    }
  }
  Request conditions;
  conditions.method = "GET";
  for (const char* name : {"If-Match", "If-Range", "If-None-Match", "Accept-Encoding",
                           "If-Modified-Since", "X-Forwarded-For", "X-Forwarded-Host"})
    conditions.headers.add(name, text);
  (void)decide_range(conditions, "\"e\"", {}, 10);
  (void)accepts_gzip(conditions);
  conditions.peer_address = "127.0.0.1";
  conditions.origin = "http://a";
  TrustedProxies({"127.0.0.1"}).apply(conditions);
}

void check_message(std::string_view bytes) {
  HeadScanner scanner;
  if (scanner.scan(bytes) != HeadScanner::State::kComplete) return;
  // Arriving in pieces must not change the verdict.
  HeadScanner slow;
  for (std::size_t i = 0; i < bytes.size() && slow.head_size() < scanner.head_size(); ++i)
    require(slow.scan(bytes.substr(0, i + 1)) != HeadScanner::State::kMalformed);
  const std::string_view head = bytes.substr(0, scanner.head_size());
  if (check_lines(head)) return;
  RequestParser parser(1000);
  if (parser.put_head(head)) return;
  std::string_view body = bytes.substr(head.size());
  while (!parser.done() && !body.empty()) {
    const auto step = parser.put_body(body);
    require(step.consumed <= body.size());
    if (step.refusal || step.consumed == 0) return;
    body.remove_prefix(step.consumed);
  }
  require(parser.body_size() <= 1000);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto decoded = percent_decode(text, false); decoded)
    require(*percent_decode(sluice::percent_encoded(*decoded), false) == *decoded);
  (void)parse_query(text);
  if (const auto segments = split_path(text); segments)
    for (const auto& segment : *segments) require(segment != "..");
  (void)parse_target("GET", text);
  check_range(text);
  check_message(text);
  return 0;
}
