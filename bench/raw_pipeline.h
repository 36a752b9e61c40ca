// The yardstick of the export: what the same machine does with the same data when nothing but the
// bare libraries work. Apart from pipeline_bench.cc so that it cannot use Sluice's own reading and
// writing.
#pragma once

#include <cstdint>
#include <filesystem>

namespace sluice::bench {

struct RawResult {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;       ///< of values read
  std::uint64_t compressed = 0;  ///< written
  double seconds = 0;
};

/// Reads every record of the store in `data` in order with RocksDB iterators, compresses the values
/// with igzip at level 1 in blocks of 1 MiB and writes them to files in `out`, on `threads` threads
/// which share the key space. Throws std::runtime_error.
RawResult run_raw_pipeline(const std::filesystem::path& data, const std::filesystem::path& out,
                           unsigned threads);

}  // namespace sluice::bench
