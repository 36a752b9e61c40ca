// The line by which a command says how far it is.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::cli {

/// One line on standard error that is rewritten on a terminal; elsewhere each is a line of its own.
/// Not thread-safe.
class ProgressLine {
 public:
  ProgressLine();

  bool is_terminal() const { return is_terminal_; }
  /// Since it was made; at least a millisecond.
  double seconds() const;

  void show(std::string_view text);
  /// Takes the line off the terminal, before something else is written there.
  void clear();

 private:
  const bool is_terminal_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  bool is_shown_ = false;
};

/// "  7%", 100 % at most; nothing when the total is not known.
std::string share_of(std::uint64_t bytes, std::uint64_t bytes_total);

}  // namespace sluice::cli
