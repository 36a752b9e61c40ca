// Gzip data of any size to their content, in constant memory, by ISA-L.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"

namespace sluice {

/// Inflates gzip data that come piece by piece: one member, or several one after the other. It
/// never makes more than there is room for, so the caller decides how much content is too much.
class GzipInflater {
 public:
  /// What zeros behind a member are: tapes and the like fill up with them, and gzip passes over
  /// them.
  enum class Zeros : std::uint8_t { kArePadding, kAreDamage };

  explicit GzipInflater(Zeros zeros = Zeros::kArePadding);
  ~GzipInflater();
  GzipInflater(GzipInflater&&) noexcept;
  GzipInflater& operator=(GzipInflater&&) noexcept;

  /// Takes bytes from the front of `bytes` and writes content to the front of `room`, until one of
  /// them is used up; both then begin behind what was used. kCorrupt for data that are damaged, or
  /// no gzip: what was written before stays good, and nothing may follow.
  Result<void> inflate(std::string_view& bytes, std::span<char>& room);
  /// Whether it may hold content that had no room: it goes on without further bytes.
  bool has_more() const;
  /// After all bytes: kCorrupt when they end within a member.
  Result<void> finish() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
