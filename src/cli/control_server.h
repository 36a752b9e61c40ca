// How a command talks to the server that has the store open: a Unix socket in the data folder, one
// JSON object each way. Whoever may open the socket (mode 0600) could open the store as well.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "base/file.h"
#include "base/result.h"

namespace sluice::cli {

class ControlServer {
 public:
  using Handler = std::function<Result<boost::json::object>(const boost::json::object&)>;

  /// Listens on `folder`/control.sock; takes the place of a socket that a crash left behind.
  /// `handler` is called on the server's thread, one request at a time.
  static Result<std::unique_ptr<ControlServer>> start(const std::filesystem::path& folder,
                                                      Handler handler);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  ControlServer() = default;
  void run();
  void answer(int connection) const;

  std::filesystem::path path_;
  Handler handler_;
  FileDescriptor socket_;
  std::jthread thread_;
};

/// Asks the server of the data folder; nullopt when none listens there.
std::optional<Result<boost::json::object>> ask_control_server(const std::filesystem::path& folder,
                                                              const boost::json::object& request);

}  // namespace sluice::cli
