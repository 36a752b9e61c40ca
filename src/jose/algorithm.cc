#include "jose/algorithm.h"

#include <array>

namespace sluice::jose {
namespace {

struct Row {
  Algorithm algorithm;
  std::string_view name;
  std::string_view curve;
};

// In the order of the enumeration.
constexpr std::array<Row, 9> kRows = {{
    {Algorithm::kRs256, "RS256", ""},
    {Algorithm::kRs384, "RS384", ""},
    {Algorithm::kRs512, "RS512", ""},
    {Algorithm::kPs256, "PS256", ""},
    {Algorithm::kPs384, "PS384", ""},
    {Algorithm::kPs512, "PS512", ""},
    {Algorithm::kEs256, "ES256", "P-256"},
    {Algorithm::kEs384, "ES384", "P-384"},
    {Algorithm::kEs512, "ES512", "P-521"},
}};

const Row& row_of(Algorithm algorithm) {
  return kRows[static_cast<std::size_t>(algorithm)];
}

}  // namespace

std::string_view to_string(Algorithm algorithm) {
  return row_of(algorithm).name;
}

std::optional<Algorithm> find_algorithm(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.algorithm;
  }
  return std::nullopt;
}

std::string_view curve_of(Algorithm algorithm) {
  return row_of(algorithm).curve;
}

}  // namespace sluice::jose
