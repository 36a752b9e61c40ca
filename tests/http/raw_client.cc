#include "raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "http/byte_range.h"

namespace sluice::http {

using namespace std::chrono_literals;

// Only ends what hangs: a busy machine may be slow.
constexpr auto kPatience = 60s;

RawClient::RawClient(std::uint16_t port, int receive_buffer) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer > 0)
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  const timeval timeout{60, 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) close();
}

RawClient::~RawClient() {
  close();
}

void RawClient::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

void RawClient::shutdown_send() {
  ::shutdown(socket_, SHUT_WR);
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool RawClient::fill() {
  char bytes[65536];
  const ssize_t n = recv(socket_, bytes, sizeof bytes, 0);
  if (n <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(n));
  return true;
}

bool RawClient::hears() {
  pollfd wanted{socket_, POLLIN, 0};
  return !buffer_.empty() || ::poll(&wanted, 1, 10) > 0;
}

std::string RawClient::receive(std::size_t size) {
  while (buffer_.size() < size && fill()) {
  }
  std::string taken = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return taken;
}

bool RawClient::sees_close() {
  if (!buffer_.empty()) return false;
  char byte;
  const ssize_t n = recv(socket_, &byte, 1, 0);
  return n == 0 || (n < 0 && errno == ECONNRESET);
}

Answer RawClient::read(bool is_head) {
  Answer answer;
  std::size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
    if (!fill()) return answer;
  const std::string head = receive(end + 4);
  answer.status = std::atoi(head.c_str() + 9);
  for (std::size_t at = head.find("\r\n") + 2; at < end;) {
    const std::size_t line_end = head.find("\r\n", at);
    const std::size_t colon = head.find(": ", at);
    answer.headers.add(head.substr(at, colon - at), head.substr(colon + 2, line_end - colon - 2));
    at = line_end + 2;
  }
  if (is_head || answer.status == 204 || answer.status == 304 || answer.status == 100) {
    answer.complete = true;
  } else if (const auto length = answer.headers.get("Content-Length")) {
    const auto size = static_cast<std::size_t>(std::stoull(std::string(*length)));
    answer.body = receive(size);
    answer.complete = answer.body.size() == size;
  } else if (answer.header("Transfer-Encoding") == "chunked") {
    while (true) {
      std::size_t line;
      while ((line = buffer_.find("\r\n")) == std::string::npos)
        if (!fill()) return answer;
      const auto size = static_cast<std::size_t>(std::stoull(receive(line + 2), nullptr, 16));
      const std::string chunk = receive(size + 2);
      answer.body += chunk.substr(0, size);
      if (chunk.size() < size + 2) return answer;
      if (size == 0) break;
    }
    answer.complete = true;
  } else {
    while (fill()) {
    }
    answer.body = std::exchange(buffer_, {});
    answer.complete = true;
  }
  return answer;
}

namespace {

Response plain(std::string body) {
  Response response;
  response.headers.set("Content-Type", "text/plain");
  response.body = std::move(body);
  return response;
}

Response error_response(const Request&, const Error& error) {
  Response response = plain(std::string(to_string(error.kind)) + ": " + error.message);
  response.status = error.kind == ErrorKind::kNotFound           ? 404
                    : error.kind == ErrorKind::kMethodNotAllowed ? 405
                    : error.kind == ErrorKind::kInvalid          ? 400
                                                                 : 500;
  return response;
}

Response chunks_until(std::size_t count, bool then_fail) {
  Response response;
  StreamBody stream;
  stream.read = [count, then_fail,
                 n = std::size_t{0}](std::span<char> buffer) mutable -> Result<std::size_t> {
    if (n == count && then_fail) return Error{ErrorKind::kStorage, "the disk is gone"};
    if (n == count) return std::size_t{0};
    std::fill_n(buffer.begin(), 100'000, static_cast<char>('a' + n % 26));
    ++n;
    return std::size_t{100'000};
  };
  response.body = std::move(stream);
  return response;
}

}  // namespace

ServerTest::ServerTest() : router_(&error_response) {
  file_ = memfd_create("file", MFD_CLOEXEC);
  std::string bytes(kFileSize, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = file_byte(i);
  EXPECT_EQ(write(file_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  big_file_ = memfd_create("big-file", MFD_CLOEXEC);
  EXPECT_EQ(ftruncate(big_file_, kBigFileSize), 0);
  add_routes();
}

ServerTest::~ServerTest() {
  release();
  server_.reset();
  pool_.reset();
  ::close(file_);
  ::close(big_file_);
}

void ServerTest::start(ServerOptions options, std::size_t queue_max, std::size_t threads) {
  pool_ = std::make_unique<WorkerPool>(
      WorkerPool::Options{.threads = threads, .queue_max = queue_max, .name = "test-pool"});
  auto on_request = [this](const RequestRecord& record) {
    const std::lock_guard lock(mutex_);
    records_.push_back(record);
    changed_.notify_all();
  };
  server_ = std::make_unique<Server>(std::move(options), router_, *pool_, std::move(on_request));
  const auto started = server_->start();
  ASSERT_TRUE(started) << started.error().detail;
  ASSERT_NE(port(), 0);
}

void ServerTest::release() {
  const std::lock_guard lock(mutex_);
  released_ = true;
  changed_.notify_all();
}

void ServerTest::wait_for_slow(int count) {
  std::unique_lock lock(mutex_);
  EXPECT_TRUE(changed_.wait_for(lock, kPatience, [&] { return slow_ >= count; }));
}

std::vector<RequestRecord> ServerTest::records(std::size_t count) {
  std::unique_lock lock(mutex_);
  EXPECT_TRUE(changed_.wait_for(lock, kPatience, [&] { return records_.size() >= count; }));
  return records_;
}

bool ServerTest::wait_for_connections(std::size_t count) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (server_->connections() != count) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

void ServerTest::wait_until_closed() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (RawClient(port()).is_connected())
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "it goes on listening";
}

// A file as handlers send theirs: read while it is sent.
static StreamBody part_of(int fd, std::uint64_t offset, std::uint64_t length) {
  StreamBody stream;
  stream.length = length;
  const auto done = std::make_shared<std::uint64_t>(0);
  stream.rewind = [done](std::uint64_t to) { *done = to; };
  stream.read = [fd, offset, length, done](std::span<char> buffer) -> Result<std::size_t> {
    const auto wanted = std::min<std::uint64_t>(buffer.size(), length - *done);
    const ssize_t n = ::pread(fd, buffer.data(), static_cast<std::size_t>(wanted),
                              static_cast<off_t>(offset + *done));
    if (n < 0) return Error{ErrorKind::kStorage, "the file cannot be read"};
    *done += static_cast<std::uint64_t>(n);
    return static_cast<std::size_t>(n);
  };
  return stream;
}

void ServerTest::add_routes() {
  router_.add("GET", "/hello", "hello", [](const Request&) { return plain("hello"); });
  router_.add("POST", "/echo", "echo", [](const Request& request) {
    return plain(request.method + " " + std::to_string(request.body.size()) + " " + request.body);
  });
  router_.add("GET", "/where/{name}", "where", [](const Request& request) {
    std::string text = request.origin + " " + request.peer_address + " " + request.raw_query;
    for (const auto& segment : request.segments) text += " [" + segment + "]";
    return plain(text + " name=" + std::string(request.parameter("name")));
  });
  router_.add("GET", "/file", "file", [this](const Request& request) {
    const Instant modified{1795428930125};
    const auto decision = decide_range(request, "\"tag\"", modified, kFileSize);
    Response response;
    apply_range(decision, "\"tag\"", modified, kFileSize, response);
    if (decision.status == 200 || decision.status == 206)
      response.body = part_of(file_, decision.range.offset, decision.range.length);
    return response;
  });
  router_.add("GET", "/long-file", "long-file", [this](const Request&) {
    Response response;
    response.body = part_of(file_, 0, kFileSize + 1);
    return response;
  });
  router_.add("GET", "/big-file", "big-file", [this](const Request&) {
    Response response;
    response.body = part_of(big_file_, 0, kBigFileSize);
    return response;
  });
  router_.add("GET", "/stream", "stream",
              [](const Request&) { return chunks_until(kChunks, false); });
  router_.add("GET", "/endless", "endless",
              [](const Request&) { return chunks_until(1'000'000'000, false); });
  router_.add("GET", "/broken-stream/{chunks}", "broken-stream", [](const Request& request) {
    return chunks_until(std::stoul(std::string(request.parameter("chunks"))), true);
  });
  router_.add("GET", "/sized-stream/{length}", "sized-stream", [](const Request& request) {
    Response response = chunks_until(kChunks, false);
    std::get<StreamBody>(response.body).length =
        std::stoull(std::string(request.parameter("length")));
    return response;
  });
  router_.add("GET", "/slow", "slow", [this](const Request&) {
    std::unique_lock lock(mutex_);
    ++slow_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return released_; });
    return plain("slow");
  });
  router_.add_immediate("/health", "health", [](const Request&) { return plain("well"); });
  router_.add("GET", "/rewound", "rewound", [](const Request&) {
    const auto done = std::make_shared<std::size_t>(0);
    StreamBody stream;
    stream.length = kRewoundSize;
    stream.memory = 2'000'000;
    stream.rewind = [done](std::uint64_t offset) { *done = static_cast<std::size_t>(offset); };
    stream.read = [done](std::span<char> buffer) -> Result<std::size_t> {
      const std::size_t size = std::min(buffer.size(), kRewoundSize - *done);
      for (std::size_t i = 0; i < size; ++i) buffer[i] = file_byte(*done + i);
      *done += size;
      return size;
    };
    Response response;
    response.body = std::move(stream);
    return response;
  });
  router_.add("POST", "/done", "done", [](const Request&) {
    Response response = plain(std::string(8'000'000, 'x'));
    response.status = 201;
    return response;
  });
  router_.add("GET", "/empty", "empty", [](const Request&) {
    Response response = plain("never sent");
    response.status = 204;
    return response;
  });
  router_.add("GET", "/large", "large",
              [](const Request&) { return plain(std::string(8'000'000, 'x')); });
}

}  // namespace sluice::http
