#include "population.h"

#include <gtest/gtest.h>
#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "sample/generate.h"
#include "temporary_folder.h"

namespace sluice {
namespace {

constexpr std::uint64_t kPatients = 60;
constexpr std::uint64_t kSeed = 7;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string inflated(std::string packed) {
  std::string out;
  std::string buffer(1u << 20, '\0');
  inflate_state state;
  isal_inflate_init(&state);
  state.crc_flag = ISAL_GZIP;
  state.next_in = reinterpret_cast<std::uint8_t*>(packed.data());
  state.avail_in = static_cast<std::uint32_t>(packed.size());
  do {
    state.next_out = reinterpret_cast<std::uint8_t*>(buffer.data());
    state.avail_out = static_cast<std::uint32_t>(buffer.size());
    if (isal_inflate(&state) != ISAL_DECOMP_OK) {
      ADD_FAILURE() << "a file of the population is no gzip";
      return {};
    }
    out.append(buffer, 0, buffer.size() - state.avail_out);
  } while (state.block_state != ISAL_BLOCK_FINISH);
  return out;
}

std::vector<PopulationFile> read_folder(const std::filesystem::path& folder) {
  std::vector<PopulationFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const std::string type = name.substr(0, name.find('.'));
    if (name.ends_with(".ndjson")) files.push_back({type, read_file(entry.path())});
    if (name.ends_with(".ndjson.gz")) files.push_back({type, inflated(read_file(entry.path()))});
  }
  std::sort(files.begin(), files.end(),
            [](const PopulationFile& a, const PopulationFile& b) { return a.type < b.type; });
  return files;
}

std::vector<PopulationFile> generated() {
  const TemporaryFolder folder;
  sample::GenerateOptions options;
  options.patients = kPatients;
  options.seed = kSeed;
  options.out = folder.path();
  EXPECT_TRUE(sample::generate(options));
  return read_folder(folder.path());
}

}  // namespace

std::vector<std::string_view> PopulationFile::lines(std::size_t count) const {
  std::vector<std::string_view> out;
  std::string_view rest = text;
  while (!rest.empty() && out.size() < count) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    out.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

bool population_is_synthea() {
  return std::getenv("SLUICE_SHARED") != nullptr;
}

const std::vector<PopulationFile>& population() {
  static const auto kFiles =
      population_is_synthea()
          ? read_folder(std::filesystem::path(std::getenv("SLUICE_SHARED")) / "data")
          : generated();
  return kFiles;
}

}  // namespace sluice
