// The lines of a gzip file, for tests on real data.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sluice::search {

/// At most `count` lines from the beginning; none when there is no such file.
std::vector<std::string> first_lines(const std::filesystem::path& path, std::size_t count);

}  // namespace sluice::search
