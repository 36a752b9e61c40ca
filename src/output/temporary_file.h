// The names of output files and of their indexes before and after they are whole.
#pragma once

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/file.h"

namespace sluice::output {

inline std::filesystem::path temporary_path(const std::filesystem::path& path) {
  return path.parent_path() / ("." + path.filename().string() + ".tmp");
}

inline std::filesystem::path index_path(const std::filesystem::path& path) {
  return path.string() + ".idx";
}

inline Result<void> rename_to(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return errno_error("cannot rename", from, errno);
  return {};
}

}  // namespace sluice::output
