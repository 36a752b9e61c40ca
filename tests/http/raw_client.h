// A client that sends exactly the bytes it is told, and a server with a few handlers to send them
// to.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/worker_pool.h"
#include "http/message.h"
#include "http/router.h"
#include "http/server.h"

namespace sluice::http {

/// A response as it came over the wire.
struct Answer {
  int status = 0;  ///< 0: the connection ended before a whole head
  Headers headers;
  std::string body;
  bool complete = false;  ///< the body ended as its framing says

  std::string header(std::string_view name) const {
    return std::string(headers.get(name).value_or(""));
  }
};

class RawClient {
 public:
  /// `receive_buffer` other than 0 sets the socket's buffer, so that a slow reader is soon felt.
  explicit RawClient(std::uint16_t port, int receive_buffer = 0);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  /// False when the server has closed.
  bool send(std::string_view bytes);
  Answer read(bool is_head = false);
  Answer ask(std::string_view request, bool is_head = false) {
    send(request);
    return read(is_head);
  }
  /// Whether there is something to read, or the end, within a moment.
  bool hears();
  bool is_connected() const { return socket_ >= 0; }
  /// What is received until `size` bytes are there or the connection ends.
  std::string receive(std::size_t size);
  /// Whether the server ends the connection without another byte.
  bool sees_close();
  void shutdown_send();
  void close();

 private:
  bool fill();

  int socket_ = -1;
  std::string buffer_;
};

/// A server on a free port with these routes: GET /hello, POST /echo (method, body size, body),
/// GET /where (origin and peer), GET /file (bytes with ranges), GET /big-file (more than any
/// socket buffer holds), GET /stream (chunks), GET /broken-stream, GET /endless, GET /slow (waits
/// for release()), GET /empty (204), GET /health (immediate), GET /large (8 MB), POST /done (the
/// same for a write), GET /rewound (a stream that can be rewound) and a few more.
class ServerTest : public testing::Test {
 protected:
  ServerTest();
  ~ServerTest() override;

  void start(ServerOptions options = {}, std::size_t queue_max = 4096, std::size_t threads = 2);
  std::uint16_t port() const { return server_->port(); }
  /// Lets every request to /slow go on.
  void release();
  /// Waits until `count` requests have reached /slow.
  void wait_for_slow(int count);
  /// Waits until `count` requests were recorded; all of them.
  std::vector<RequestRecord> records(std::size_t count);
  /// Whether the server has come down, or up, to `count` connections before a test is given up.
  bool wait_for_connections(std::size_t count);
  /// Waits until the server that is stopping takes no connections any more.
  void wait_until_closed();

  static constexpr std::size_t kFileSize = 3'000'000;
  static constexpr std::size_t kBigFileSize = 64'000'000;
  static constexpr std::size_t kChunks = 30;
  static constexpr std::size_t kRewoundSize = 30'000'000;
  static char file_byte(std::size_t offset) { return static_cast<char>((offset * 31 + 7) % 251); }

  Router router_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<Server> server_;

 private:
  void add_routes();

  int file_ = -1;
  int big_file_ = -1;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool released_ = false;
  int slow_ = 0;
  std::vector<RequestRecord> records_;
};

}  // namespace sluice::http
