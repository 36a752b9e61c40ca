// Writes JSON straight into a string, member by member. Apart from Boost.JSON because a document
// tree for each of millions of small resources would cost more than everything else here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::sample {

/// A decimal as it shall be written: units 150 with 2 digits is 1.50, trailing zero kept.
struct Decimal {
  std::int64_t units = 0;
  int digits = 0;
};

/// Appends to `out`, which must outlive it. Commas come by themselves; every open has to be closed.
/// Keys are written as they are, values are escaped.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  void open(std::string_view key) { start(key, '{'); }
  void open_item() { start_item('{'); }
  void close() { end('}'); }
  void open_array(std::string_view key) { start(key, '['); }
  void close_array() { end(']'); }

  void text(std::string_view key, std::string_view value) {
    begin_text(key);
    append_escaped(value);
    end_text();
  }
  void text_item(std::string_view value) {
    begin_text_item();
    append_escaped(value);
    end_text();
  }
  void number(std::string_view key, std::int64_t value) {
    begin_value(key);
    append_number(value);
  }
  void number_item(std::int64_t value) {
    comma();
    append_number(value);
  }
  void boolean(std::string_view key, bool value) {
    begin_value(key);
    out_.append(value ? "true" : "false");
  }
  void decimal(std::string_view key, Decimal value);
  /// The value is JSON already: a number with an exponent, a string with escapes of its own.
  void verbatim(std::string_view key, std::string_view json) {
    begin_value(key);
    out_.append(json);
  }

  /// Between these two the caller appends to buffer() what needs no escaping.
  void begin_text(std::string_view key) {
    begin_value(key);
    out_.push_back('"');
  }
  void begin_text_item() {
    comma();
    out_.push_back('"');
  }
  void end_text() { out_.push_back('"'); }
  std::string& buffer() { return out_; }

 private:
  void comma() {
    if (!first_) out_.push_back(',');
    first_ = false;
  }
  void begin_value(std::string_view key) {
    comma();
    out_.push_back('"');
    out_.append(key);
    out_.append("\":");
  }
  void start(std::string_view key, char bracket) {
    begin_value(key);
    out_.push_back(bracket);
    first_ = true;
  }
  void start_item(char bracket) {
    comma();
    out_.push_back(bracket);
    first_ = true;
  }
  void end(char bracket) {
    out_.push_back(bracket);
    first_ = false;
  }
  void append_number(std::int64_t value);
  void append_escaped(std::string_view value);
  void append_escape(char c);

  std::string& out_;
  bool first_ = true;
};

}  // namespace sluice::sample
