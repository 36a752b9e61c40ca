// Compares the full export with the raw pipeline (ordered scan + igzip + write) in one process, in
// turns, so that a noisy machine is noisy for both. Prints one JSON line.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/instant.h"
#include "base/log.h"
#include "bulk/export/job/export_job.h"
#include "bulk/export/plan/export_shard.h"
#include "bulk/export/request/stored_export.h"
#include "job/engine.h"
#include "output/file_store.h"
#include "raw_pipeline.h"
#include "store/rocksdb/rocksdb_store.h"

namespace sluice::bench {
namespace {

struct ExportResult {
  std::uint64_t resources = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;
};

ExportResult run_export(const std::filesystem::path& data, const bulk::ExportRequest& request,
                        unsigned threads) {
  const SystemClock clock;
  const auto store = store::open_rocksdb_store(data, clock).value();
  const auto files = output::open_local_file_store(data / "files").value();
  bulk::ExportSizes sizes;
  sizes.workers = threads;
  bulk::ExportJobs exports(
      *store, *files, sizes,
      [](const job::Job&, const bulk::ExportRequest&, std::string_view id) -> Result<std::string> {
        return "/Binary/" + std::string(id);
      });
  job::EngineOptions options;
  options.workers = threads;
  options.worker_nice = 0;
  job::Engine engine(*store, clock, exports, options);
  engine.start().value();
  const auto start = std::chrono::steady_clock::now();
  const auto job =
      engine.submit("bench", [&](auto) { return Result<std::string>(serialize(request)); }).value();
  while (engine.view(job.id).value().job.state == job::JobState::kRunning)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ExportResult result;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (engine.view(job.id).value().job.state != job::JobState::kDone)
    throw std::runtime_error("the export failed");
  const auto shards = engine.shards(job.id, {}, 1'000'000).value();
  for (const auto& shard : shards) {
    const auto written = bulk::parse_shard_result(shard.result).value();
    for (const auto& file : written.files) {
      result.resources += file.count;
      result.bytes += file.size;
    }
  }
  engine.remove(job.id).value();
  engine.stop();
  return result;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int run(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: pipeline_bench DATA [ROUNDS]\n");
    return 2;
  }
  set_up_logging("warn");
  const std::filesystem::path data = argv[1];
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  const unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  const auto out = data / "raw-pipeline";
  std::vector<double> raw_times;
  std::vector<double> export_times;
  RawResult raw;
  ExportResult exported;
  // The first round warms the page cache and is not counted.
  for (int round = 0; round <= rounds; ++round) {
    raw = run_raw_pipeline(data, out, threads);
    std::filesystem::remove_all(out);
    exported = run_export(data, {}, threads);
    if (round == 0) continue;
    raw_times.push_back(raw.seconds);
    export_times.push_back(exported.seconds);
  }
  const double raw_rate = static_cast<double>(raw.bytes) / median(raw_times);
  const double export_rate = static_cast<double>(exported.bytes) / median(export_times);
  fmt::print(
      "{{\"threads\":{},\"raw_seconds\":{:.3f},\"raw_MB_s\":{:.0f},\"export_seconds\":{:.3f},"
      "\"export_MB_s\":{:.0f},\"export_resources_s\":{:.0f},\"resources\":{},\"bytes\":{},"
      "\"ratio\":{:.3f}}}\n",
      threads, median(raw_times), raw_rate / 1e6, median(export_times), export_rate / 1e6,
      static_cast<double>(exported.resources) / median(export_times), exported.resources,
      exported.bytes, export_rate / raw_rate);
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  try {
    return sluice::bench::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "pipeline_bench: %s\n", e.what());
    return 1;
  }
}
