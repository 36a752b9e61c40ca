#include "cli/command.h"

#include <fmt/format.h>

#include <iterator>

namespace sluice::cli {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
    case ErrorKind::kUnsupported:
    case ErrorKind::kNotFound:
      return 2;
    case ErrorKind::kConflict:
      return 3;
    case ErrorKind::kStorage:
    case ErrorKind::kCorrupt:
      return 4;
    case ErrorKind::kCancelled:
      return 130;
    default:
      return 5;
  }
}

std::string told(const Error& error) {
  if (error.detail.empty()) return error.message;
  // Errors of files say in detail what their message says shortly.
  if (error.detail.starts_with(error.message)) return error.detail;
  return fmt::format("{} ({})", error.message, error.detail);
}

std::string human_size(double bytes) {
  const char* units[] = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < std::size(units)) {
    bytes /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, units[unit]);
}

std::string human_count(std::uint64_t count) {
  std::string digits = fmt::to_string(count);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

}  // namespace sluice::cli
