#include "bulk/table/table_inputs.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <system_error>

#include "bulk/load/load_source.h"
#include "store/record_view.h"

namespace sluice::bulk {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr auto kProgressInterval = std::chrono::milliseconds(250);

/// Tells of progress, and hears the stop. Looks at both after each mebibyte.
class Reporter {
 public:
  Reporter(const TableInputOptions& options, std::uint64_t total) : options_(options) {
    progress_.bytes_total = total;
  }
  Result<void> step(std::uint64_t bytes) {
    unseen_ += bytes;
    return unseen_ < kStep ? Result<void>() : look(progress_.bytes_read + unseen_);
  }
  Result<void> look(std::uint64_t bytes_read) {
    unseen_ = 0;
    progress_.bytes_read = bytes_read;
    if (options_.stop.stop_requested()) return Error{ErrorKind::kCancelled, "interrupted"};
    const auto now = SteadyClock::now();
    if (!options_.on_progress || now - last_ < kProgressInterval) return {};
    last_ = now;
    options_.on_progress(progress_);
    return {};
  }

 private:
  static constexpr std::uint64_t kStep = 1u << 20;
  const TableInputOptions& options_;
  TableProgress progress_;
  std::uint64_t unseen_ = 0;
  SteadyClock::time_point last_ = SteadyClock::now();
};

std::uint64_t size_of(const std::string& path) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(path, failed);
  return failed ? 0 : size;
}

Result<void> read_file(const std::string& path, std::uint64_t before, TableMaker& maker,
                       Reporter& reporter, const std::stop_token& stop) {
  SLUICE_ASSIGN_OR_RETURN(const auto source, LoadSource::open(path));
  source->stop_with(stop);
  LoadChunk chunk;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, source->next(chunk));
    if (!more) return {};
    SLUICE_RETURN_IF_ERROR(reporter.look(before + source->bytes_read()));
    if (!chunk.problem.empty()) {
      SLUICE_RETURN_IF_ERROR(
          maker.fault(fmt::format("{}:{}", path, chunk.first_line), invalid(chunk.problem)));
      continue;
    }
    for (ChunkLines lines(chunk); lines.next();)
      SLUICE_RETURN_IF_ERROR(
          maker.take(lines.text(), {path, chunk.is_document ? 0 : lines.number()}));
  }
}

}  // namespace

Result<void> read_tables_from_files(const std::vector<std::string>& paths, TableMaker& maker,
                                    const TableInputOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(const auto files, list_load_files(paths, options.on_passed_over));
  std::uint64_t total = 0;
  for (const auto& file : files) total += file == "-" ? 0 : size_of(file);
  Reporter reporter(options, total);
  std::uint64_t before = 0;
  for (const auto& file : files) {
    SLUICE_RETURN_IF_ERROR(read_file(file, before, maker, reporter, options.stop));
    before += file == "-" ? 0 : size_of(file);
  }
  return {};
}

Result<void> read_tables_from_store(const store::Store& store, store::Sequence as_of,
                                    TableMaker& maker, const TableInputOptions& options) {
  std::uint64_t total = 0;
  for (const auto type : maker.types()) {
    SLUICE_ASSIGN_OR_RETURN(const auto size, store.approximate_size(store::whole_type(type)));
    total += size;
  }
  Reporter reporter(options, total);
  for (const auto type : maker.types()) {
    SLUICE_ASSIGN_OR_RETURN(const auto scan, store.scan(store::whole_type(type), as_of));
    store::RecordView record;
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
      if (!more) break;
      // A link stands for a resource that is met with its first owner.
      if (record.is_link) continue;
      SLUICE_RETURN_IF_ERROR(reporter.step(record.json.size() + 1));
      SLUICE_RETURN_IF_ERROR(maker.take_alone(record.json, {fhir::type_name(type)}));
    }
  }
  return {};
}

}  // namespace sluice::bulk
