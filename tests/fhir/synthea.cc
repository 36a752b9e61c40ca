#include "synthea.h"

#include <gtest/gtest.h>
#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace sluice::fhir {
namespace {

std::string inflate(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string packed((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
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
      ADD_FAILURE() << "cannot inflate " << path;
      return {};
    }
    out.append(buffer, 0, buffer.size() - state.avail_out);
  } while (state.block_state != ISAL_BLOCK_FINISH);
  return out;
}

}  // namespace

std::filesystem::path shared_folder() {
  return SLUICE_SHARED;
}

std::vector<std::string_view> SyntheaFile::lines() const {
  std::vector<std::string_view> out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    out.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

std::vector<SyntheaFile> read_synthea() {
  std::vector<SyntheaFile> files;
  const auto folder = shared_folder() / "data";
  if (!std::filesystem::exists(folder)) return files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".ndjson.gz")) continue;
    files.push_back({name.substr(0, name.find('.')), inflate(entry.path())});
  }
  std::sort(files.begin(), files.end(),
            [](const SyntheaFile& a, const SyntheaFile& b) { return a.type < b.type; });
  return files;
}

}  // namespace sluice::fhir
