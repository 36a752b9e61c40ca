// A request, and who takes its answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "transport/answer_headers.h"

namespace sluice::transport {

/// Takes a body piece by piece; an error ends the request.
using Sink = std::function<Result<void>(std::string_view)>;

struct Request {
  using Time = std::chrono::steady_clock::time_point;

  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers = {};  ///< "Name: value"
  std::string body = {};
  std::string token = {};            ///< a Bearer token; sent to the URL's own origin only
  bool is_decoded = false;           ///< asks for compressed bodies and inflates them
  std::size_t body_max = 64u << 10;  ///< bytes of a body that is kept: more is kTooLarge
  /// Called once the head is whole: before the body's first byte, or at the end of an empty one.
  /// The sink takes the body and bounds it; without one it is kept. Not called for redirects that
  /// are followed.
  std::function<Result<Sink>(int status, const AnswerHeaders&)> on_head = nullptr;
  Time deadline = Time::max();    ///< of all of it, redirects included; kept up to 24 days ahead
  std::stop_token stop = {};      ///< ends it within about a second
  bool follows_redirects = true;  ///< as many as the policy allows
  bool is_bulk = false;           ///< large buffers; waits for a connection that others share
};

}  // namespace sluice::transport
