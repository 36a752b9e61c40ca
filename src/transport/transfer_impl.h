// A transfer as libcurl sees it, for the sources of this module only.
#pragma once

#include <optional>

#include "transport/curl.h"
#include "transport/transfer.h"

namespace sluice::transport {

struct Transfer::Impl {
  CurlEasy easy = make_easy();
  CurlList list = nullptr;
  Policy policy = {};
  Request request = {};
  Outcome outcome = {};

  // Of the answer.
  Sink sink = nullptr;
  bool has_head = false;  // on_head was called, or nobody wants it
  std::size_t header_bytes = 0;
  std::optional<Ending> ended = std::nullopt;  // why we ended it ourselves

  bool begin(const Policy& with, Request asked, Transfer* owner);
  void finish(CURLcode code);
  void set_options();
  void set_callbacks();
  std::size_t end(Ending ending, std::optional<Error> error = std::nullopt);
  bool take_head();
  std::size_t take_header(std::string_view line);
  std::size_t take_body(std::string_view bytes);
  curl_socket_t open_socket(const curl_sockaddr& address);
};

}  // namespace sluice::transport
