#include "http/request_parser.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <limits>

namespace sluice::http {

namespace beast_http = boost::beast::http;

struct RequestParser::Impl {
  beast_http::request_parser<beast_http::string_body> parser;
};

RequestParser::RequestParser(std::uint64_t body_size_max)
    : impl_(std::make_unique<Impl>()), body_size_max_(body_size_max) {
  // The reader limits the head, and the body's limit is applied once the framing has been judged.
  impl_->parser.header_limit(std::numeric_limits<std::uint32_t>::max());
  impl_->parser.body_limit(boost::none);
}

RequestParser::~RequestParser() = default;

std::optional<Refusal> RequestParser::put_head(std::string_view head) {
  auto& parser = impl_->parser;
  boost::system::error_code error;
  parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error || !parser.is_header_done()) return bad_request("the request head is malformed");
  const auto& message = parser.get();
  method_ = std::string(message.method_string());
  target_ = std::string(message.target());
  http_1_0_ = message.version() == 10;
  keep_alive_ = parser.keep_alive();
  for (const auto& field : message)
    headers_.add(std::string(field.name_string()), std::string(field.value()));

  if (auto refusal = check_fields(headers_, http_1_0_)) return refusal;
  if (parser.content_length().value_or(0) > body_size_max_)
    return too_large(413, "the request body is larger than this server takes");
  parser.body_limit(body_size_max_);
  parser.eager(true);
  return std::nullopt;
}

RequestParser::Step RequestParser::put_body(std::string_view bytes) {
  boost::system::error_code error;
  Step step;
  step.consumed = impl_->parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error == beast_http::error::body_limit) {
    step.refusal = too_large(413, "the request body is larger than this server takes");
  } else if (error && error != beast_http::error::need_more) {
    step.refusal = bad_request("the chunked request body is malformed");
  }
  return step;
}

bool RequestParser::done() const {
  return impl_->parser.is_done();
}

std::size_t RequestParser::body_size() const {
  return impl_->parser.get().body().size();
}

std::optional<std::uint64_t> RequestParser::announced() const {
  const auto length = impl_->parser.content_length();
  if (length) return *length;
  return std::nullopt;
}

std::string RequestParser::take_body() {
  return std::move(impl_->parser.get().body());
}

}  // namespace sluice::http
