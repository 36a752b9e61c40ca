#include "transport/url.h"

#include <fmt/format.h>

#include "base/shown_url.h"
#include "base/text.h"
#include "transport/curl.h"

namespace sluice::transport {
namespace {

std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return {};
  std::string out(text);
  curl_free(text);
  return out;
}

bool has_user(CURLU* url) {
  return !part(url, CURLUPART_USER).empty() || !part(url, CURLUPART_PASSWORD).empty();
}

}  // namespace

std::optional<UrlParts> parse_url(const std::string& text) {
  const CurlUrl url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return std::nullopt;
  return UrlParts{part(url.get(), CURLUPART_SCHEME), part(url.get(), CURLUPART_HOST),
                  part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT), has_user(url.get())};
}

Result<std::string> resolve_url(const std::string& base, const std::string& reference) {
  const auto refused = [&](const char* why) {
    return invalid(fmt::format("'{}' is not a URL to go to: {}", shown_url(reference), why));
  };
  std::string readable;
  for (const char c : trimmed(reference)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte == 0x7f) return refused("a control character");
    // What servers leave unencoded: names with spaces, umlauts, the bars of filters.
    const bool is_plain = byte > ' ' && byte < 0x7f &&
                          std::string_view("\"<>\\^`{|}").find(c) == std::string_view::npos;
    readable += is_plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  const CurlUrl url(curl_url());
  if (!base.empty() && curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK)
    return invalid(fmt::format("'{}' is not a URL", shown_url(base)));
  if (curl_url_set(url.get(), CURLUPART_URL, readable.c_str(), 0) != CURLUE_OK)
    return refused("it cannot be read");
  const std::string scheme = part(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return refused("neither http nor https");
  if (has_user(url.get())) return refused("user and password in it");
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  return part(url.get(), CURLUPART_URL);
}

std::string origin_of(const std::string& text) {
  const auto url = parse_url(text);
  return url ? fmt::format("{}://{}:{}", url->scheme, url->host, url->port) : std::string();
}

}  // namespace sluice::transport
