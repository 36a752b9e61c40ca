#include "transport/redirect.h"

#include "transport/url.h"

namespace sluice::transport {
namespace {

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

Result<std::optional<std::string>> redirect_target(const std::string& method,
                                                   const std::string& url, int status,
                                                   const AnswerHeaders& headers) {
  using Target = std::optional<std::string>;
  if (!is_redirect(status) || !headers.has("location")) return Target();
  if (status == 303 && method != "GET") return Target();
  auto target = resolve_url(url, headers.get("location"));
  if (!target) return Error{ErrorKind::kConflict, target.error().message};
  const auto from = parse_url(url);
  if (from && from->scheme == "https" && !target->starts_with("https://"))
    return Error{ErrorKind::kForbidden, "it redirects from https to http"};
  return Target(std::move(*target));
}

}  // namespace sluice::transport
