// What a job's file holds, line by line.
#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "output/file_store.h"

namespace sluice {

inline std::vector<std::string> lines_of_file(output::FileStore& files, std::string_view job_id,
                                              const std::string& name) {
  const auto file = files.open(job_id, name);
  EXPECT_TRUE(file) << name;
  if (!file) return {};
  output::InflatingReader reader(*file, 0);
  std::string text((*file)->info().uncompressed_size, '\0');
  EXPECT_EQ(*reader.read(text), text.size());
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace sluice
