// The generator's own source of randomness and ids. Apart from <random>, whose distributions differ
// between standard libraries: the same seed has to give the same bytes everywhere.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::sample {

/// What a sequence of random numbers is for: each (seed, stream, index) is a sequence of its own,
/// so that one patient's data never depends on how many others there are.
enum class Stream : std::uint64_t {
  kPerson = 1,
  kChart,
  kOrganization,
  kLocation,
  kPractitioner,
  kMedication,
};

/// A resource id in the form of a version 4 UUID.
struct Id {
  std::array<char, 36> text{};
  std::string_view view() const { return {text.data(), text.size()}; }
};

/// xoshiro256** seeded by splitmix64. Two draws in one expression need an order of their own: C++
/// leaves the order of arguments and operands to the compiler.
class Random {
 public:
  Random(std::uint64_t seed, Stream stream, std::uint64_t index) {
    std::uint64_t state = mix(seed ^ 0x5A4D504C45ULL);
    state = mix(state ^ static_cast<std::uint64_t>(stream));
    state = mix(state ^ index);
    for (auto& word : words_) word = mix(state += 0x9E3779B97F4A7C15ULL);
  }

  std::uint64_t next() {
    const std::uint64_t result = rotate(words_[1] * 5, 7) * 9;
    const std::uint64_t shifted = words_[1] << 17;
    words_[2] ^= words_[0];
    words_[3] ^= words_[1];
    words_[1] ^= words_[2];
    words_[0] ^= words_[3];
    words_[2] ^= shifted;
    words_[3] = rotate(words_[3], 45);
    return result;
  }

  /// 0 to bound - 1, for bound > 0. The bias of at most bound / 2^32 does not matter here.
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
  }
  /// low to high, both included.
  int between(int low, int high) {
    return low + static_cast<int>(below(static_cast<std::uint32_t>(high - low + 1)));
  }
  /// low to high, the middle more likely than the ends.
  int bell(int low, int high) {
    int sum = 0;
    for (int i = 0; i < 3; ++i) sum += between(low, high);
    return sum / 3;
  }
  bool chance(std::uint32_t per_thousand) { return below(1000) < per_thousand; }
  template <class Range>
  const auto& pick(const Range& range) {
    return range[below(static_cast<std::uint32_t>(range.size()))];
  }

  Id id() {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const std::array<std::uint64_t, 2> bits = {next(), next()};
    Id id;
    std::size_t out = 0;
    for (std::size_t digit = 0; digit < 32; ++digit) {
      if (digit == 8 || digit == 12 || digit == 16 || digit == 20) id.text[out++] = '-';
      std::size_t nibble = (bits[digit / 16] >> (digit % 16 * 4)) & 15;
      if (digit == 12) nibble = 4;
      if (digit == 16) nibble = 8 | (nibble & 3);
      id.text[out++] = kDigits[nibble];
    }
    return id;
  }

 private:
  static std::uint64_t rotate(std::uint64_t v, int bits) {
    return (v << bits) | (v >> (64 - bits));
  }
  static std::uint64_t mix(std::uint64_t v) {
    v += 0x9E3779B97F4A7C15ULL;
    v = (v ^ (v >> 30)) * 0xBF58476D1CE4E5B9ULL;
    v = (v ^ (v >> 27)) * 0x94D049BB133111EBULL;
    return v ^ (v >> 31);
  }

  std::array<std::uint64_t, 4> words_{};
};

}  // namespace sluice::sample
