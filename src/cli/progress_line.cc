#include "cli/progress_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::cli {

ProgressLine::ProgressLine() : is_terminal_(::isatty(STDERR_FILENO) == 1) {}

double ProgressLine::seconds() const {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
  return std::max(passed.count(), 0.001);
}

void ProgressLine::show(std::string_view text) {
  if (is_terminal_)
    fmt::print(stderr, "\r\x1b[K{}", text);
  else
    fmt::print(stderr, "{}\n", text);
  is_shown_ = true;
}

void ProgressLine::clear() {
  if (is_terminal_ && is_shown_) fmt::print(stderr, "\r\x1b[K");
  is_shown_ = false;
}

std::string share_of(std::uint64_t bytes, std::uint64_t bytes_total) {
  if (bytes_total == 0) return {};
  const double share = 100.0 * static_cast<double>(bytes) / static_cast<double>(bytes_total);
  return fmt::format(" {:3.0f}%", std::min(100.0, share));
}

}  // namespace sluice::cli
