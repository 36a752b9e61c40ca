// Cross-origin resource sharing (the Fetch standard's CORS protocol): which browsers' pages may
// read our answers. Internal to http.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace sluice::http {

class Cors {
 public:
  /// Exact origins ("https://app.example.org") or "*"; empty switches CORS off.
  explicit Cors(std::vector<std::string> origins) : origins_(std::move(origins)) {}

  /// Adds the Access-Control-* fields and Vary to `response` when `request` names an origin. A
  /// preflight's answer must come from the router's OPTIONS: its Allow becomes Allow-Methods.
  void apply(const Request& request, Response& response) const;

 private:
  std::vector<std::string> origins_;
};

}  // namespace sluice::http
