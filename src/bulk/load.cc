// The pipeline of a load: one reader, many parsers, one committer in input order.
#include "bulk/load.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <future>
#include <memory>
#include <queue>
#include <utility>

#include "base/file.h"
#include "base/worker_pool.h"
#include "bulk/load_parser.h"
#include "bulk/load_pending.h"
#include "bulk/load_source.h"

namespace sluice::bulk {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kProgressInterval = std::chrono::milliseconds(250);
// So much may be lost by a crash, and is then loaded again; each sync costs a few milliseconds.
constexpr std::uint64_t kSyncInterval = 64u << 20;
constexpr std::size_t kChunksAheadPerThread = 3;

// Parsers keep buffers, so each thread of the pool has one of its own.
LoadParser& parser_of_this_thread(const LoadOptions& options) {
  thread_local std::unique_ptr<LoadParser> parser;
  thread_local std::string base_url;
  if (!parser || base_url != options.base_url) {
    parser = std::make_unique<LoadParser>(options.limits, options.base_url);
    base_url = options.base_url;
  }
  return *parser;
}

class Loader {
 public:
  Loader(store::Store& store, const LoadOptions& options, std::stop_token stop)
      : store_(store),
        options_(options),
        stop_(std::move(stop)),
        pool_({.threads = std::max<std::size_t>(1, options.parse_threads),
               .queue_max = 1024,
               .name = "parse",
               .nice = 0}) {}

  Result<LoadSummary> run() {
    SLUICE_TRY(const auto files, list_load_files(options_.paths));
    for (const auto& file : files) {
      std::error_code failed;
      const auto size = std::filesystem::file_size(file, failed);
      if (!failed) progress_.bytes_total += size;
    }
    for (const auto& file : files) {
      SLUICE_CHECK(load_file(file));
      if (summary_.stopped_by_problem) break;
    }
    SLUICE_CHECK(commit_batch());
    SLUICE_CHECK(commit_pending());
    // Everything before it is durable with it.
    SLUICE_CHECK(store_.write({}));
    return std::move(summary_);
  }

 private:
  Result<void> load_file(const std::string& path) {
    ++summary_.files;
    if (!options_.strict) {
      SLUICE_TRY(const auto source, LoadSource::open(path));
      return read(*source, [this](ParsedChunk chunk) { return take(std::move(chunk)); });
    }
    // Strict: the whole file is checked before anything of it is written.
    FileDescriptor spooled;
    if (path == "-") {
      SLUICE_TRY(spooled, spool_standard_input());
    }
    const int fd = spooled ? spooled.get() : -1;
    SLUICE_TRY(const auto check, LoadSource::open(path, fd));
    SLUICE_CHECK(read(*check, [this](ParsedChunk chunk) -> Result<void> {
      if (chunk.problems.empty()) return {};
      report({chunk.problems.front()});
      summary_.stopped_by_problem = true;
      return {};
    }));
    if (summary_.stopped_by_problem) return {};
    progress_.bytes_read -= check->bytes_read();
    if (fd >= 0 && ::lseek(fd, 0, SEEK_SET) != 0) return errno_error("cannot rewind", path, errno);
    SLUICE_TRY(const auto source, LoadSource::open(path, fd));
    return read(*source, [this](ParsedChunk chunk) { return take(std::move(chunk)); });
  }

  static Result<FileDescriptor> spool_standard_input() {
    std::FILE* file = std::tmpfile();
    if (file == nullptr) return errno_error("cannot create a temporary file for", "-", errno);
    FileDescriptor fd(::dup(::fileno(file)));
    std::fclose(file);
    std::string buffer(1u << 20, '\0');
    while (true) {
      const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno_error("cannot read", "-", errno);
      if (n == 0) break;
      SLUICE_CHECK(write_all(fd.get(), {buffer.data(), static_cast<std::size_t>(n)}, "-"));
    }
    if (::lseek(fd.get(), 0, SEEK_SET) != 0) return errno_error("cannot rewind", "-", errno);
    return fd;
  }

  // Reads ahead, parses on the pool, and hands the chunks over in input order.
  template <class Take>
  Result<void> read(LoadSource& source, Take take) {
    const std::size_t ahead = pool_.size() * kChunksAheadPerThread;
    std::queue<std::future<ParsedChunk>> parsing;
    std::uint64_t seen = 0;
    bool more = true;
    while (!summary_.stopped_by_problem && (more || !parsing.empty())) {
      if (stop_.stop_requested()) return Error{ErrorKind::kCancelled, "the load was stopped"};
      if (more && parsing.size() < ahead) {
        auto chunk = std::make_shared<LoadChunk>();
        SLUICE_TRY(more, source.next(*chunk));
        progress_.bytes_read += source.bytes_read() - seen;
        seen = source.bytes_read();
        if (!more) continue;
        const auto task = std::make_shared<std::packaged_task<ParsedChunk()>>(
            [chunk, this] { return parser_of_this_thread(options_).parse(*chunk); });
        parsing.push(task->get_future());
        pool_.post([task] { (*task)(); });
        continue;
      }
      SLUICE_CHECK(take(parsing.front().get()));
      parsing.pop();
      show_progress();
    }
    return {};
  }

  Result<void> take(ParsedChunk chunk) {
    report(chunk.problems);
    for (auto& resource : chunk.resources) {
      batch_size_ += resource.content.size();
      ++progress_.resources;
      batch_.push_back(std::move(resource));
      if (batch_size_ >= options_.batch_size) SLUICE_CHECK(commit_batch());
    }
    return {};
  }

  void report(const std::vector<LoadProblem>& problems) {
    for (const auto& problem : problems) {
      ++summary_.problems;
      ++progress_.problems;
      if (options_.on_problem) options_.on_problem(problem);
    }
  }

  void show_progress() {
    const auto now = SteadyClock::now();
    if (!options_.on_progress || now - shown_ < kProgressInterval) return;
    shown_ = now;
    options_.on_progress(progress_);
  }

  Result<store::WriteOutcome> write(const std::vector<const fhir::IncomingResource*>& puts,
                                    std::uint64_t size, store::OnDifferent on_different) {
    unsynced_ += size;
    store::Transaction transaction;
    transaction.puts = puts;
    transaction.on_different = on_different;
    transaction.durable = unsynced_ >= kSyncInterval;
    if (transaction.durable) unsynced_ = 0;
    return store_.write(transaction);
  }

  void count(const fhir::IncomingResource& resource, store::PutStatus status) {
    LoadCounts& counts = summary_.types[std::string(fhir::type_name(resource.type))];
    if (status == store::PutStatus::kCreated) ++counts.created;
    if (status == store::PutStatus::kUpdated) ++counts.updated;
    if (status == store::PutStatus::kUnchanged) ++counts.unchanged;
  }

  Result<void> commit_batch() {
    if (batch_.empty()) return {};
    std::vector<fhir::IncomingResource> batch = std::exchange(batch_, {});
    const std::uint64_t size = std::exchange(batch_size_, 0);
    summary_.resources += batch.size();
    summary_.bytes += size;
    // Of several in one batch the last counts.
    std::map<fhir::ResourceId, std::size_t> last;
    bool repeated = false;
    for (std::size_t i = 0; i < batch.size(); ++i)
      repeated |= !last.insert_or_assign({batch[i].type, batch[i].id}, i).second;
    std::vector<const fhir::IncomingResource*> puts;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (repeated && last[{batch[i].type, batch[i].id}] != i)
        ++summary_.superseded;
      else
        puts.push_back(&batch[i]);
    }
    SLUICE_TRY(const auto outcome, write(puts, size, store::OnDifferent::kLeave));
    for (std::size_t i = 0; i < puts.size(); ++i) {
      const store::PutStatus status = outcome.puts[i].status;
      auto& resource = batch[static_cast<std::size_t>(puts[i] - batch.data())];
      if (status == store::PutStatus::kDiffers) {
        if (pending_.keep(std::move(resource))) ++summary_.superseded;
        continue;
      }
      count(resource, status);
      if (status == store::PutStatus::kUnchanged && pending_.size() > 0 &&
          pending_.cancel({resource.type, resource.id}))
        ++summary_.superseded;
    }
    if (pending_.size() > options_.pending_size_max) return commit_pending();
    return {};
  }

  Result<void> commit_pending() {
    const auto updates = pending_.take();
    for (std::size_t begin = 0; begin < updates.size();) {
      std::vector<const fhir::IncomingResource*> puts;
      std::uint64_t size = 0;
      for (; begin < updates.size() && size < options_.batch_size; ++begin) {
        puts.push_back(&updates[begin]);
        size += updates[begin].content.size();
      }
      SLUICE_TRY(const auto outcome, write(puts, size, store::OnDifferent::kReplace));
      for (std::size_t i = 0; i < puts.size(); ++i) count(*puts[i], outcome.puts[i].status);
    }
    return {};
  }

  store::Store& store_;
  const LoadOptions& options_;
  const std::stop_token stop_;
  WorkerPool pool_;
  LoadSummary summary_;
  LoadProgress progress_;
  SteadyClock::time_point shown_;
  std::vector<fhir::IncomingResource> batch_;
  std::uint64_t batch_size_ = 0;
  std::uint64_t unsynced_ = 0;
  PendingUpdates pending_;
};

}  // namespace

Result<LoadSummary> load(store::Store& store, const LoadOptions& options, std::stop_token stop) {
  return Loader(store, options, std::move(stop)).run();
}

}  // namespace sluice::bulk
