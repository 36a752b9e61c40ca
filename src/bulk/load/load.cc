// A load of many files: each through the pipeline into the committer, or, strictly, checked first.
#include "bulk/load/load.h"

#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/worker_pool.h"
#include "bulk/load/deferred.h"
#include "bulk/load/deferred_load.h"
#include "bulk/load/load_pipeline.h"
#include "bulk/load/load_source.h"

namespace sluice::bulk {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kProgressInterval = std::chrono::milliseconds(250);

std::string too_many(std::uint64_t problems) {
  return fmt::format("{} problems: what follows is not loaded", problems);
}

class LoadFiles final : public LoadInputs {
 public:
  explicit LoadFiles(std::vector<std::string> files) : files_(std::move(files)) {
    for (const auto& file : files_) {
      std::error_code failed;
      const auto size = std::filesystem::file_size(file, failed);
      if (!failed) bytes_total_ += size;
    }
  }

  Result<std::optional<LoadInput>> next() override {
    if (at_ == files_.size()) return std::optional<LoadInput>();
    LoadInput input{files_[at_++], {}};
    if (input.path == "-") {
      input.fd = FileDescriptor(::dup(STDIN_FILENO));
      if (!input.fd) return errno_error("cannot read", "-", errno);
    } else {
      SLUICE_ASSIGN_OR_RETURN(input.fd, open_load_file(input.path));
    }
    return std::optional(std::move(input));
  }
  std::uint64_t bytes_total() const override { return bytes_total_; }

 private:
  const std::vector<std::string> files_;
  std::size_t at_ = 0;
  std::uint64_t bytes_total_ = 0;
};

class Loader {
 public:
  Loader(store::Store& store, const LoadOptions& options, std::stop_token stop)
      : store_(store),
        options_(options),
        stop_(std::move(stop)),
        pool_({.threads = std::max<std::size_t>(1, options.parse_threads),
               .queue_max = 1024,
               .name = "parse",
               .nice = 0}),
        pipeline_(pool_,
                  {.limits = options.limits,
                   .base_url = options.base_url,
                   .leniency = options.leniency,
                   .problems_max = options.problems_max},
                  stop_),
        committer_(store, {.batch_size = options.batch_size,
                           .pending_size_max = options.pending_size_max}) {}

  Result<LoadSummary> run(LoadInputs& inputs) {
    progress_.bytes_total = inputs.bytes_total();
    while (!summary_.stopped_by_problem) {
      SLUICE_ASSIGN_OR_RETURN(const auto input, inputs.next());
      if (!input) break;
      ++summary_.files;
      SLUICE_RETURN_IF_ERROR(load_file(*input));
    }
    if (deferred_) SLUICE_RETURN_IF_ERROR(load_deferred());
    SLUICE_RETURN_IF_ERROR(committer_.flush());
    // Everything before it is durable with it.
    SLUICE_RETURN_IF_ERROR(store_.write({}));
    const LoadTally& tally = committer_.tally();
    summary_.types = tally.types;
    summary_.resources += tally.resources;
    summary_.superseded += tally.superseded;
    summary_.bytes = tally.bytes;
    return std::move(summary_);
  }

 private:
  Result<void> load_file(const LoadInput& input) {
    path_ = input.path;
    refused_ = 0;
    if (!options_.strict)
      return read(input.path, input.fd.get(),
                  [this](ParsedChunk chunk) { return take(std::move(chunk)); });
    // Strict: the whole file is checked before anything of it is written.
    FileDescriptor spooled;  // of what cannot be read twice
    int fd = input.fd.get();
    off_t start = ::lseek(fd, 0, SEEK_CUR);
    if (start < 0) {
      SLUICE_ASSIGN_OR_RETURN(spooled, spool(input));
      fd = spooled.get();
      start = 0;
    }
    const std::uint64_t before = progress_.bytes_read;
    SLUICE_RETURN_IF_ERROR(read(input.path, fd, [this](const ParsedChunk& chunk) -> Result<bool> {
      const auto first = std::find_if(chunk.problems.begin(), chunk.problems.end(),
                                      [](const auto& problem) { return !problem.is_loaded; });
      if (first == chunk.problems.end()) return true;
      report(*first);
      summary_.stopped_by_problem = true;
      return false;
    }));
    if (summary_.stopped_by_problem) return {};
    progress_.bytes_read = before;
    if (::lseek(fd, start, SEEK_SET) < 0) return errno_error("cannot rewind", input.path, errno);
    return read(input.path, fd, [this](ParsedChunk chunk) { return take(std::move(chunk)); });
  }

  // Copies a pipe or the like into a file without a name.
  Result<FileDescriptor> spool(const LoadInput& input) {
    std::FILE* file = std::tmpfile();
    if (file == nullptr)
      return errno_error("cannot create a temporary file for", input.path, errno);
    FileDescriptor fd(::dup(::fileno(file)));
    std::fclose(file);
    std::string buffer(1u << 20, '\0');
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const std::size_t n,
                              read_load_file(input.fd.get(), buffer, input.path, stop_));
      if (n == 0) break;
      SLUICE_RETURN_IF_ERROR(
          write_all(fd.get(), std::string_view(buffer).substr(0, n), input.path));
    }
    if (::lseek(fd.get(), 0, SEEK_SET) != 0) return errno_error("cannot rewind", input.path, errno);
    return fd;
  }

  Result<void> read(const std::string& path, int fd, const LoadPipeline::Take& take_chunk) {
    SLUICE_ASSIGN_OR_RETURN(
        const auto source,
        LoadSource::open(path, fd,
                         {.resource_size_max = options_.limits.resource_size_max,
                          .large = options_.large != nullptr ? options_.large : &large_}));
    source->stop_with(stop_);
    return pipeline_.read(*source, take_chunk,
                          [this](std::uint64_t bytes) { progress_.bytes_read += bytes; });
  }

  Result<bool> take(ParsedChunk chunk) {
    bool goes_on = true;
    summary_.superseded += chunk.older_versions;
    summary_.resources += chunk.older_versions;
    for (auto& problem : chunk.problems) {
      if (!problem.is_loaded && ++refused_ == options_.problems_max) {
        chunk.resources.resize(problem.resources_before);
        chunk.deferred.resize(problem.deferred_before);
        goes_on = false;
      }
      report(problem);
      if (goes_on) continue;
      problem.reason = too_many(refused_);
      report(problem);
      break;
    }
    progress_.resources += chunk.resources.size();
    SLUICE_RETURN_IF_ERROR(in_input_order(
        chunk, [this](auto resource) { return take_one(std::move(resource)); },
        [this](auto resource) { return defer(std::move(resource)); }));
    show_progress();
    return goes_on;
  }

  // Behind one of the same key that waits, it waits too: the last counts.
  Result<void> take_one(fhir::IncomingResource resource) {
    if (!deferred_keys_.may_have({resource.type, resource.id}))
      return committer_.take(std::move(resource));
    return defer(waiting(std::move(resource)));
  }

  Result<void> defer(DeferredResource resource) {
    if (!deferred_) {
      const auto folder = options_.spill_folder.empty() ? std::filesystem::temp_directory_path()
                                                        : options_.spill_folder;
      SLUICE_ASSIGN_OR_RETURN(auto file, DeferredFile::create_nameless(folder));
      deferred_.emplace(std::move(file));
    }
    if (deferring_.empty() || deferring_.back().path != path_) deferring_.push_back({path_, 0});
    resource.input = deferring_.size() - 1;
    deferred_keys_.add(resource.key);
    return deferred_->add(resource);
  }

  Result<void> load_deferred() {
    SLUICE_RETURN_IF_ERROR(deferred_->finish(false));
    SLUICE_RETURN_IF_ERROR(committer_.settle());
    DeferredLoad load({.limits = options_.limits,
                       .base_url = options_.base_url,
                       .leniency = options_.leniency,
                       .conditions = options_.conditions,
                       .bounds = {.stop = stop_}});
    SLUICE_RETURN_IF_ERROR(load.find(
        store_, {&*deferred_}, [this](const auto& key) { return committer_.held_back(key); }));
    if (options_.strict) {
      Check check;
      const auto checked = load.write(0, check);
      if (!checked && !check.problem) return checked.error();
      if (check.problem) {
        path_ = deferring_[check.input].path;
        report(std::move(*check.problem));
        summary_.stopped_by_problem = true;
        return {};
      }
    }
    Sink sink(*this);
    const auto before = load.resolved();
    SLUICE_RETURN_IF_ERROR(load.write(0, sink));
    summary_.references = load.resolved() - before;
    summary_.passes = load.passes();
    return {};
  }

  void report_deferred(std::size_t number, LoadProblem problem) {
    Deferring& input = deferring_[number];
    path_ = input.path;
    if (!problem.is_loaded) ++input.refused;
    report(problem);
    if (!problem.is_loaded && input.refused == options_.problems_max) {
      problem.reason = too_many(input.refused);
      report(std::move(problem));
    }
  }

  /// Finds the first problem of what waits.
  struct Check final : DeferredSink {
    std::size_t input = 0;
    std::optional<LoadProblem> problem;
    Result<void> take(fhir::IncomingResource) override { return {}; }
    Result<void> remove(const fhir::ResourceId&) override { return {}; }
    Result<void> count_found(fhir::ResourceType) override { return {}; }
    Result<void> report(std::size_t of_input, LoadProblem found) override {
      if (found.is_loaded) return {};
      input = of_input;
      problem = std::move(found);
      return Error{ErrorKind::kInvalid, "a problem"};
    }
  };

  class Sink final : public DeferredSink {
   public:
    explicit Sink(Loader& loader) : loader_(loader) {}
    Result<void> take(fhir::IncomingResource resource) override {
      ++loader_.progress_.resources;
      loader_.show_progress();
      return loader_.committer_.take(std::move(resource));
    }
    Result<void> remove(const fhir::ResourceId& key) override {
      return loader_.committer_.remove(key);
    }
    Result<void> count_found(fhir::ResourceType type) override {
      loader_.committer_.count_found(type);
      return {};
    }
    Result<void> report(std::size_t input, LoadProblem problem) override {
      loader_.report_deferred(input, std::move(problem));
      return {};
    }
    bool wants(std::size_t input) override {
      return loader_.options_.problems_max == 0 ||
             loader_.deferring_[input].refused < loader_.options_.problems_max;
    }

   private:
    Loader& loader_;
  };

  void report(LoadProblem problem) {
    problem.path = path_;
    if (problem.is_loaded) {
      if (++summary_.warnings > kWarningsTold) return;
    } else {
      ++summary_.problems;
      ++progress_.problems;
    }
    if (options_.on_problem) options_.on_problem(problem);
  }

  void show_progress() {
    const auto now = SteadyClock::now();
    if (!options_.on_progress || now - shown_ < kProgressInterval) return;
    shown_ = now;
    options_.on_progress(progress_);
  }

  store::Store& store_;
  const LoadOptions& options_;
  const std::stop_token stop_;
  WorkerPool pool_;
  LargeText large_;
  std::string path_;           // of the file at work
  std::uint64_t refused_ = 0;  // problems of it
  LoadPipeline pipeline_;
  LoadCommitter committer_;
  /// An input with resources that wait.
  struct Deferring {
    std::string path;
    std::uint64_t refused = 0;
  };
  std::vector<Deferring> deferring_;
  std::optional<DeferredFile> deferred_;
  DeferredKeys deferred_keys_;
  LoadSummary summary_;
  LoadProgress progress_;
  SteadyClock::time_point shown_;
};

}  // namespace

Result<std::unique_ptr<LoadInputs>> open_load_files(const LoadOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(auto files, list_load_files(options.paths, options.on_passed_over));
  return std::unique_ptr<LoadInputs>(std::make_unique<LoadFiles>(std::move(files)));
}

Result<LoadSummary> load(store::Store& store, LoadInputs& inputs, const LoadOptions& options,
                         std::stop_token stop) {
  return Loader(store, options, std::move(stop)).run(inputs);
}

Result<LoadSummary> load(store::Store& store, const LoadOptions& options, std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const auto inputs, open_load_files(options));
  return load(store, *inputs, options, std::move(stop));
}

}  // namespace sluice::bulk
