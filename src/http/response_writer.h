// Sends one response with any kind of body. Internal to http: only its .cc files include
// this.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "http/memory_budget.h"
#include "http/message.h"
#include "http/response_head.h"
#include "http/stream_pump.h"
#include "http/transport.h"

namespace sluice::http {

struct Sent {
  bool complete = false;  ///< otherwise the connection cannot be used any more
  std::uint64_t body_bytes = 0;
  Result<void> stream{};  ///< an error when it was the body's stream that failed
};

struct Outgoing {
  std::string head;  ///< as write_head made it
  ResponseFrame frame;
  bool with_body = true;  ///< false for HEAD
  Response response;
  std::shared_ptr<StreamPump> pump;  ///< for a stream body that is to be sent, begun
  std::chrono::milliseconds write_timeout{0};
  std::shared_ptr<MemoryBudget> answers;  ///< that response.share is of
};

boost::asio::awaitable<Sent> send_response(std::shared_ptr<Transport> transport, Outgoing outgoing);

}  // namespace sluice::http
