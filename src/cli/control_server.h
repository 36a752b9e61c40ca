// The channel between a command and the server that has the store open: a Unix socket in the data
// folder, one JSON object each way; also answers HTTP (control_http.h). Whoever may open the socket
// (mode 0600) could open the store as well.
#pragma once

#include <atomic>
#include <boost/json/object.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "cli/control_channel.h"

namespace sluice::cli {

class ControlServer {
 public:
  using Handler = std::function<Result<boost::json::object>(const boost::json::object&)>;

  /// A request that ends with a line break begins a conversation.
  using Conversation = std::function<void(ControlChannel&, const boost::json::object& request,
                                          const std::stop_token& stop)>;

  /// Listens on `folder`/control.sock; replaces a socket that a crash left. Calls `handler` on the
  /// server's thread, one request at a time, and `conversation` on a thread for each, a few at a
  /// time.
  static Result<std::unique_ptr<ControlServer>> start(const std::filesystem::path& folder,
                                                      Handler handler, Conversation conversation);
  ~ControlServer();
  /// Stops listening, asks conversations to stop and waits for them. Idempotent.
  void stop();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  ControlServer() = default;
  struct Session {
    std::atomic<bool> done = false;
    std::jthread thread;
  };

  void run(const std::stop_token& stop);
  void answer(FileDescriptor connection, const std::stop_token& stop);
  void converse(FileDescriptor connection, boost::json::object request,
                const std::stop_token& stop);

  std::filesystem::path path_;
  Handler handler_;
  Conversation conversation_;
  FileDescriptor socket_;
  std::vector<std::unique_ptr<Session>> sessions_;  // of the server's thread
  std::jthread thread_;
};

/// Connects to the server of the data folder; nullopt when none listens there.
std::optional<Result<FileDescriptor>> connect_to_control_server(
    const std::filesystem::path& folder);

/// Asks the server of the data folder; nullopt when none listens there.
std::optional<Result<boost::json::object>> ask_control_server(const std::filesystem::path& folder,
                                                              const boost::json::object& request);

}  // namespace sluice::cli
