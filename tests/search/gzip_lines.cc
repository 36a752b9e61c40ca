#include "gzip_lines.h"

#include <gtest/gtest.h>
#include <isa-l/igzip_lib.h>

#include <fstream>
#include <iterator>

namespace sluice::search {

std::vector<std::string> first_lines(const std::filesystem::path& path, std::size_t count) {
  std::ifstream file(path, std::ios::binary);
  std::string packed((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<std::string> lines;
  if (packed.empty()) return lines;
  inflate_state state;
  isal_inflate_init(&state);
  state.crc_flag = ISAL_GZIP;
  state.next_in = reinterpret_cast<std::uint8_t*>(packed.data());
  state.avail_in = static_cast<std::uint32_t>(packed.size());
  std::string buffer(1u << 16, '\0');
  std::string line;
  do {
    state.next_out = reinterpret_cast<std::uint8_t*>(buffer.data());
    state.avail_out = static_cast<std::uint32_t>(buffer.size());
    if (isal_inflate(&state) != ISAL_DECOMP_OK) {
      ADD_FAILURE() << "cannot inflate " << path;
      return {};
    }
    for (const char c : std::string_view(buffer.data(), buffer.size() - state.avail_out)) {
      if (c != '\n') {
        line += c;
        continue;
      }
      lines.push_back(std::move(line));
      line.clear();
      if (lines.size() == count) return lines;
    }
  } while (state.block_state != ISAL_BLOCK_FINISH);
  return lines;
}

}  // namespace sluice::search
