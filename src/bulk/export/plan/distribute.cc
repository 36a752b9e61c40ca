#include "bulk/export/plan/distribute.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace sluice::bulk {

std::vector<std::vector<std::size_t>> distribute(const std::vector<std::uint64_t>& weights,
                                                 std::uint64_t count) {
  struct Share {
    std::uint64_t weight = 0;
    std::vector<std::size_t> places = {};
  };
  std::vector<Share> shares(std::min<std::uint64_t>(count, weights.size()));
  std::vector<std::size_t> heaviest_first(weights.size());
  std::iota(heaviest_first.begin(), heaviest_first.end(), std::size_t{0});
  std::stable_sort(heaviest_first.begin(), heaviest_first.end(),
                   [&](std::size_t a, std::size_t b) { return weights[a] > weights[b]; });
  for (const std::size_t place : heaviest_first) {
    // Of those that weigh the same the emptiest, so that none stays empty.
    auto& lightest =
        *std::min_element(shares.begin(), shares.end(), [](const Share& a, const Share& b) {
          return std::pair(a.weight, a.places.size()) < std::pair(b.weight, b.places.size());
        });
    lightest.weight += weights[place];
    lightest.places.push_back(place);
  }
  std::vector<std::vector<std::size_t>> out;
  for (auto& share : shares) {
    std::sort(share.places.begin(), share.places.end());
    out.push_back(std::move(share.places));
  }
  return out;
}

}  // namespace sluice::bulk
