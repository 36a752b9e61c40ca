#include "cli/control_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>

#include "base/json_text.h"
#include "base/log.h"
#include "base/worker_pool.h"
#include "cli/control_http.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kMessageMax = 1u << 20;
constexpr std::size_t kSessionsMax = 8;
constexpr int kLookMilliseconds = 200;  // how often the thread looks whether to stop
constexpr timeval kPatience{10, 0};     // with one that connects and says nothing

std::filesystem::path socket_path(const std::filesystem::path& folder) {
  return folder / "control.sock";
}

struct Address {
  sockaddr_un address{};
  FileDescriptor folder;  // open as long as the address is used
};

// A path that is too long for an address goes by way of the open folder.
Result<Address> address_of(const std::filesystem::path& path) {
  Address out;
  out.address.sun_family = AF_UNIX;
  std::string text = path.string();
  if (text.size() >= sizeof out.address.sun_path) {
    out.folder =
        FileDescriptor(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!out.folder) return errno_error("cannot open", path.parent_path(), errno);
    text = fmt::format("/proc/self/fd/{}/{}", out.folder.get(), path.filename().string());
  }
  std::memcpy(out.address.sun_path, text.data(), text.size());
  return out;
}

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// All that the other side sends until it says that nothing more comes, or ends a line, or the head
// of an HTTP request.
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
    if (is_http(bytes) ? is_whole_http(bytes) : bytes.back() == '\n') return bytes;
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
                                                            Handler handler,
                                                            Conversation conversation) {
  std::unique_ptr<ControlServer> self(new ControlServer);
  self->path_ = socket_path(folder);
  self->handler_ = std::move(handler);
  self->conversation_ = std::move(conversation);
  SLUICE_ASSIGN_OR_RETURN(const auto place, address_of(self->path_));
  const sockaddr_un& address = place.address;
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
  self->thread_ = std::jthread([raw = self.get()](const std::stop_token& stop) { raw->run(stop); });
  return self;
}

ControlServer::~ControlServer() {
  stop();
}

void ControlServer::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  for (const auto& session : sessions_) session->thread.request_stop();
  sessions_.clear();
  // Clients that still wait to be accepted are refused.
  socket_.reset();
  ::unlink(path_.c_str());
}

void ControlServer::run(const std::stop_token& stop) {
  name_this_thread("control", 0);
  while (!stop.stop_requested()) {
    pollfd wanted{socket_.get(), POLLIN, 0};
    if (::poll(&wanted, 1, kLookMilliseconds) <= 0) continue;
    FileDescriptor connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) answer(std::move(connection), stop);
  }
}

void ControlServer::converse(FileDescriptor connection, json::object request,
                             const std::stop_token& stop) {
  std::erase_if(sessions_, [](const auto& session) { return session->done.load(); });
  if (sessions_.size() >= kSessionsMax) {
    ControlChannel channel(std::move(connection));
    (void)channel.send(
        {{"error", to_json(Error{ErrorKind::kTooManyRequests,
                                 fmt::format("{} commands are served already", kSessionsMax)})}},
        stop);
    return;
  }
  auto session = std::make_unique<Session>();
  session->thread = std::jthread([this, raw = session.get(), request = std::move(request),
                                  channel = std::make_unique<ControlChannel>(
                                      std::move(connection))](const std::stop_token& session_stop) {
    name_this_thread("control", 0);
    conversation_(*channel, request, session_stop);
    raw->done = true;
  });
  sessions_.push_back(std::move(session));
}

void ControlServer::answer(FileDescriptor connection, const std::stop_token& stop) {
  const auto bytes = receive_all(connection.get());
  if (!bytes) return;
  if (is_http(*bytes)) {
    (void)send_all(connection.get(), answer_http(*bytes, handler_));
    return;
  }
  auto request = parse_object(*bytes);
  if (request && bytes->ends_with('\n'))
    return converse(std::move(connection), std::move(*request), stop);
  const auto result = request ? handler_(*request) : Result<json::object>(request.error());
  json::object message;
  if (result)
    message["result"] = *result;
  else
    message["error"] = to_json(result.error());
  (void)send_all(connection.get(), json_text(message));
}

std::optional<Result<FileDescriptor>> connect_to_control_server(
    const std::filesystem::path& folder) {
  const auto path = socket_path(folder);
  const auto place = address_of(path);
  if (!place && place.error().kind == ErrorKind::kNotFound) return std::nullopt;
  if (!place) return Result<FileDescriptor>(place.error());
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&place->address),
                sizeof place->address) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return std::nullopt;
    return Result<FileDescriptor>(errno_error("cannot reach the server by", path, errno));
  }
  return Result<FileDescriptor>(std::move(socket));
}

std::optional<Result<json::object>> ask_control_server(const std::filesystem::path& folder,
                                                       const json::object& request) {
  const auto path = socket_path(folder);
  const auto connected = connect_to_control_server(folder);
  if (!connected) return std::nullopt;
  if (!*connected) return Result<json::object>(connected->error());
  const FileDescriptor& socket = **connected;
  const auto cut = [&] {
    return Result<json::object>(
        Error{ErrorKind::kUnavailable, "the server did not answer", path.string()});
  };
  if (!send_all(socket.get(), json_text(request))) return cut();
  ::shutdown(socket.get(), SHUT_WR);
  const auto bytes = receive_all(socket.get());
  if (!bytes || bytes->empty()) return cut();
  auto message = parse_object(*bytes);
  if (!message) return message;
  if (auto* result = message->if_contains("result"); result != nullptr && result->is_object())
    return Result<json::object>(std::move(result->get_object()));
  const auto* error = message->if_contains("error");
  if (error == nullptr || !error->is_object()) return cut();
  return Result<json::object>(error_of(error->get_object()));
}

}  // namespace sluice::cli
