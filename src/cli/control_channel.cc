#include "cli/control_channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/json_text.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kLineMax = 1u << 20;
constexpr int kLookMilliseconds = 100;  // how often a wait looks whether to stop

Error gone() {
  return {ErrorKind::kUnavailable, "the other side of the control socket is gone"};
}

// Waits until the socket can do `event`.
Result<void> wait_for(int socket, short event, const std::stop_token& stop) {
  pollfd wanted{socket, event, 0};
  while (true) {
    const int ready = ::poll(&wanted, 1, kLookMilliseconds);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return gone();
    if (stop.stop_requested()) return Error{ErrorKind::kCancelled, "the load was stopped"};
  }
}

}  // namespace

ControlChannel::ControlChannel(FileDescriptor socket, std::string received)
    : socket_(std::move(socket)), received_(std::move(received)) {}

Result<void> ControlChannel::send(const json::object& object, const std::stop_token& stop,
                                  int file) {
  const std::string line = json_text(object) + "\n";
  std::size_t sent = 0;
  while (sent < line.size()) {
    SLUICE_RETURN_IF_ERROR(wait_for(socket_.get(), POLLOUT, stop));
    iovec bytes{const_cast<char*>(line.data()) + sent, line.size() - sent};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    if (file >= 0 && sent == 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(header), &file, sizeof file);
    }
    const ssize_t n = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return gone();
    sent += static_cast<std::size_t>(n);
  }
  return {};
}

Result<ControlMessage> ControlChannel::receive(const std::stop_token& stop) {
  std::size_t end = 0;
  while ((end = received_.find('\n')) == std::string::npos) {
    if (received_.size() > kLineMax) return invalid("a message is too long");
    SLUICE_RETURN_IF_ERROR(wait_for(socket_.get(), POLLIN, stop));
    char buffer[16384];
    iovec bytes{buffer, sizeof buffer};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return gone();
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
      int file = -1;
      std::memcpy(&file, CMSG_DATA(header), sizeof file);
      file_ = FileDescriptor(file);
    }
    received_.append(buffer, static_cast<std::size_t>(n));
  }
  boost::system::error_code failed;
  auto value = json::parse(std::string_view(received_).substr(0, end), failed);
  received_.erase(0, end + 1);
  if (failed || !value.is_object()) return invalid("the message is not a JSON object");
  return ControlMessage{std::move(value.get_object()), std::move(file_)};
}

bool ControlChannel::is_gone(int milliseconds) const {
  pollfd wanted{socket_.get(), POLLRDHUP, 0};
  return ::poll(&wanted, 1, milliseconds) > 0;
}

json::object to_json(const Error& error) {
  return {
      {"kind", static_cast<int>(error.kind)}, {"message", error.message}, {"detail", error.detail}};
}

Error error_of(const json::object& object) {
  const auto text = [&](const char* name) {
    const auto* member = object.if_contains(name);
    return member != nullptr && member->is_string() ? std::string(member->get_string())
                                                    : std::string();
  };
  const auto* kind = object.if_contains("kind");
  const bool known = kind != nullptr && kind->is_int64() && kind->get_int64() >= 0 &&
                     kind->get_int64() <= static_cast<int>(ErrorKind::kInternal);
  return {known ? static_cast<ErrorKind>(kind->get_int64()) : ErrorKind::kInternal, text("message"),
          text("detail")};
}

}  // namespace sluice::cli
