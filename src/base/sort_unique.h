// A vector as a set.
#pragma once

#include <algorithm>
#include <vector>

namespace sluice {

/// Sorts, and leaves each value once.
template <class T>
void sort_unique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace sluice
