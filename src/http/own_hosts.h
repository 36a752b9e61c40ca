// Which names an open server answers to, and which pages may ask it. Without tokens a name is all
// that keeps a web page out: by DNS rebinding any site can make a browser take our address for its
// own. Internal to http; apart because it is pure and security rests on it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/request_head.h"

namespace sluice::http {

class OwnHosts {
 public:
  /// `names` as in ServerOptions::own_hosts; `cors_origins` may ask whatever their host is.
  OwnHosts(std::optional<std::vector<std::string>> names, std::vector<std::string> cors_origins);

  /// 421 for a request that was sent to a name that is not ours, 403 for one that a page of another
  /// origin sent. `local_host`: the address that the client reached. Reads request.origin, so
  /// call it after TrustedProxies.
  std::optional<Refusal> check(const Request& request, std::string_view local_host) const;

 private:
  bool is_own(std::string_view authority, std::string_view local_host) const;
  bool may_ask(const Request& request, std::string_view local_host) const;

  const std::optional<std::vector<std::string>> names_;
  const std::vector<std::string> cors_origins_;
};

}  // namespace sluice::http
