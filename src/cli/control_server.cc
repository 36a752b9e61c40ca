#include "cli/control_server.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "base/worker_pool.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kMessageMax = 1u << 20;
constexpr int kLookMilliseconds = 200;  // how often the thread looks whether to stop
constexpr timeval kPatience{10, 0};     // with one that connects and says nothing

std::filesystem::path socket_path(const std::filesystem::path& folder) {
  return folder / "control.sock";
}

Result<sockaddr_un> address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path)
    return invalid(fmt::format("the path of '{}' is too long for a socket", text));
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// All that the other side sends until it says that nothing more comes.
std::optional<std::string> receive_all(int socket) {
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  std::string bytes;
  char buffer[16384];
  while (true) {
    const ssize_t n = ::recv(socket, buffer, sizeof buffer, 0);
    if (n == 0) return bytes;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 || bytes.size() + static_cast<std::size_t>(n) > kMessageMax) return std::nullopt;
    bytes.append(buffer, static_cast<std::size_t>(n));
  }
}

Result<json::object> parse_object(const std::string& text) {
  boost::system::error_code failed;
  auto value = json::parse(text, failed);
  if (failed || !value.is_object()) return invalid("the message is not a JSON object");
  return std::move(value.get_object());
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::start(const std::filesystem::path& folder,
                                                            Handler handler) {
  std::unique_ptr<ControlServer> self(new ControlServer);
  self->path_ = socket_path(folder);
  self->handler_ = std::move(handler);
  SLUICE_TRY(const sockaddr_un address, address_of(self->path_));
  self->socket_ = FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (self->socket_.get() < 0) return errno_error("cannot make socket", self->path_, errno);
  // The store's lock says that no other server is alive.
  ::unlink(self->path_.c_str());
  // Nobody may connect in the moment before chmod would have its effect.
  const mode_t before = ::umask(0177);
  const int bound =
      ::bind(self->socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(before);
  if (bound != 0) return errno_error("cannot bind", self->path_, error);
  if (::listen(self->socket_.get(), 16) != 0)
    return errno_error("cannot listen on", self->path_, errno);
  self->thread_ = std::jthread([raw = self.get()] { raw->run(); });
  return self;
}

ControlServer::~ControlServer() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  ::unlink(path_.c_str());
}

void ControlServer::run() {
  name_this_thread("control", 0);
  const auto stop = thread_.get_stop_token();
  while (!stop.stop_requested()) {
    pollfd wanted{socket_.get(), POLLIN, 0};
    if (::poll(&wanted, 1, kLookMilliseconds) <= 0) continue;
    const FileDescriptor connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.get() >= 0) answer(connection.get());
  }
}

void ControlServer::answer(int connection) const {
  const auto bytes = receive_all(connection);
  if (!bytes) return;
  const auto request = parse_object(*bytes);
  const auto result = request ? handler_(*request) : Result<json::object>(request.error());
  json::object message;
  if (result)
    message["result"] = *result;
  else
    message["error"] = {{"kind", static_cast<int>(result.error().kind)},
                        {"message", result.error().message}};
  (void)send_all(connection, json::serialize(message));
}

std::optional<Result<json::object>> ask_control_server(const std::filesystem::path& folder,
                                                       const json::object& request) {
  const auto path = socket_path(folder);
  const auto address = address_of(path);
  if (!address) return Result<json::object>(address.error());
  const FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return std::nullopt;
    return Result<json::object>(errno_error("cannot reach the server by", path, errno));
  }
  const auto cut = [&] {
    return Result<json::object>(
        Error{ErrorKind::kUnavailable, "the server did not answer", path.string()});
  };
  if (!send_all(socket.get(), json::serialize(request))) return cut();
  ::shutdown(socket.get(), SHUT_WR);
  const auto bytes = receive_all(socket.get());
  if (!bytes || bytes->empty()) return cut();
  auto message = parse_object(*bytes);
  if (!message) return message;
  if (auto* result = message->if_contains("result"); result != nullptr && result->is_object())
    return Result<json::object>(std::move(result->get_object()));
  const auto* error = message->if_contains("error");
  if (error == nullptr || !error->is_object()) return cut();
  return Result<json::object>(Error{static_cast<ErrorKind>(error->at("kind").to_number<int>()),
                                    std::string(error->at("message").as_string())});
}

}  // namespace sluice::cli
