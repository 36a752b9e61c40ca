#include "http/cors.h"

#include <algorithm>

namespace sluice::http {
namespace {

constexpr const char* kAllowedHeaders =
    "Accept, Accept-Encoding, Authorization, Cache-Control, Content-Encoding, Content-Type, "
    "If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Prefer, Range, "
    "X-Request-Id, X-Security-Context";
constexpr const char* kExposedHeaders =
    "Accept-Patch, Accept-Ranges, Content-Disposition, Content-Length, Content-Location, "
    "Content-Range, Date, "
    "ETag, Expires, Last-Modified, Link, Location, Preference-Applied, Retry-After, "
    "WWW-Authenticate, X-Export-Status, X-Progress, X-Request-Id";
// Browsers cap it themselves, at two hours (Chromium) or a day (Firefox).
constexpr const char* kMaxAgeSeconds = "7200";

void add_to_vary(Headers& headers, std::string_view name) {
  std::string vary = headers.combined("Vary");
  if (vary == "*") return;
  vary += (vary.empty() ? "" : ", ") + std::string(name);
  headers.set("Vary", std::move(vary));
}

}  // namespace

void Cors::apply(const Request& request, Response& response) const {
  if (origins_.empty()) return;
  const bool any = std::find(origins_.begin(), origins_.end(), "*") != origins_.end();
  // Said also without Origin: a cache must not hand the answer without the fields to a page.
  if (!any) add_to_vary(response.headers, "Origin");
  const auto origin = request.headers.get("Origin");
  if (!origin) return;
  if (!any && std::find(origins_.begin(), origins_.end(), *origin) == origins_.end()) return;
  response.headers.set("Access-Control-Allow-Origin", any ? "*" : std::string(*origin));
  const auto wanted = request.headers.get("Access-Control-Request-Method");
  if (request.method == "OPTIONS" && wanted) {
    if (const auto allow = response.headers.get("Allow"))
      response.headers.set("Access-Control-Allow-Methods", std::string(*allow));
    response.headers.set("Access-Control-Allow-Headers", kAllowedHeaders);
    response.headers.set("Access-Control-Max-Age", kMaxAgeSeconds);
    return;
  }
  response.headers.set("Access-Control-Expose-Headers", kExposedHeaders);
}

}  // namespace sluice::http
