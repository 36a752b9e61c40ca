// Beast's HTTP parser behind a plain interface, so that its templates compile in one place.
// Internal to http: request_head has checked the head before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/request_head.h"

namespace sluice::http {

class RequestParser {
 public:
  explicit RequestParser(std::uint64_t body_size_max);
  ~RequestParser();

  /// Reads a complete head (lines already checked) and judges its fields and the announced length.
  std::optional<Refusal> put_head(std::string_view head);

  const std::string& method() const { return method_; }
  const std::string& target() const { return target_; }
  bool http_1_0() const { return http_1_0_; }
  bool keep_alive() const { return keep_alive_; }
  Headers take_headers() { return std::move(headers_); }

  struct Step {
    std::size_t consumed = 0;
    std::optional<Refusal> refusal;
  };
  /// Reads body bytes; consumes nothing when it needs more to go on. Only while !done().
  Step put_body(std::string_view bytes);
  /// Whether the message is complete.
  bool done() const;
  std::size_t body_size() const;
  /// The body's size as the head states it; nullopt when it is chunked.
  std::optional<std::uint64_t> announced() const;
  std::string take_body();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::uint64_t body_size_max_;
  std::string method_;
  std::string target_;
  Headers headers_;
  bool http_1_0_ = false;
  bool keep_alive_ = false;
};

}  // namespace sluice::http
