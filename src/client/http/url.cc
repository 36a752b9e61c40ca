#include "client/http/url.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

#include "base/shown_url.h"
#include "base/text.h"

namespace sluice::client {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using UrlPointer = std::unique_ptr<CURLU, FreeUrl>;

std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return {};
  std::string out(text);
  curl_free(text);
  return out;
}

UrlPointer parse(const std::string& text) {
  UrlPointer url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return nullptr;
  return url;
}

}  // namespace

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
  const UrlPointer url(curl_url());
  if (!base.empty() && curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK)
    return invalid(fmt::format("'{}' is not a URL", shown_url(base)));
  if (curl_url_set(url.get(), CURLUPART_URL, readable.c_str(), 0) != CURLUE_OK)
    return refused("it cannot be read");
  const std::string scheme = part(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return refused("neither http nor https");
  if (!part(url.get(), CURLUPART_USER).empty() || !part(url.get(), CURLUPART_PASSWORD).empty())
    return refused("user and password in it");
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  return part(url.get(), CURLUPART_URL);
}

std::string origin_of(const std::string& url) {
  const auto parsed = parse(url);
  if (!parsed) return {};
  return fmt::format("{}://{}:{}", part(parsed.get(), CURLUPART_SCHEME),
                     part(parsed.get(), CURLUPART_HOST),
                     part(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

bool is_loopback(const std::string& url) {
  const auto parsed = parse(url);
  if (!parsed) return false;
  const std::string host = part(parsed.get(), CURLUPART_HOST);
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

void append_query(std::string& url, std::string_view name, std::string_view value) {
  url += url.find('?') == std::string::npos ? '?' : '&';
  url += percent_encode(name) + '=' + percent_encode(value);
}

}  // namespace sluice::client
