// Pieces of work shared out among a few that do them side by side.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice::bulk {

/// The pieces by their places in `weights`, in at most `count` shares of about the same weight
/// (longest processing time first). Every share has a piece, its places ascend, and the same
/// weights give the same shares.
std::vector<std::vector<std::size_t>> distribute(const std::vector<std::uint64_t>& weights,
                                                 std::uint64_t count);

}  // namespace sluice::bulk
