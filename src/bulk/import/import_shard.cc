#include "bulk/import/import_shard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/shown_url.h"
#include "bulk/load/deferred.h"
#include "bulk/load/deferred_load.h"
#include "bulk/load/load_pipeline.h"
#include "fhir/operation_outcome.h"

namespace sluice::bulk {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::uint64_t kFetchCheckpoint = 64u << 20;
constexpr int kSkipShare = 4;

std::string_view issue_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kForbidden:
      return "forbidden";
    case ErrorKind::kNotFound:
      return "not-found";
    case ErrorKind::kTooLarge:
      return "too-long";
    case ErrorKind::kTimeout:
      return "timeout";
    default:
      return "processing";
  }
}

class ImportShard {
 public:
  ImportShard(const ImportParts& parts, const ImportRequest& request, const job::Job& job,
              unsigned number, const job::ShardContext& context)
      : parts_(parts),
        request_(request),
        input_(request.inputs[number]),
        job_(job),
        number_(number),
        context_(context),
        // Without the query, which may be a secret.
        shown_url_(shown_url(input_.url)),
        key_(import_state_key(job.id, number)),
        spool_path_(parts.spool / job.id / fmt::format("input-{:05}", number)) {}

  Result<ImportResult> run() {
    SLUICE_RETURN_IF_ERROR(read_state());
    if (!state_.is_done) {
      auto file = is_local() ? parts_.folders.open_file(input_.url) : fetched();
      if (file) {
        SLUICE_RETURN_IF_ERROR(load(file->get()));
      } else if (file.error().kind == ErrorKind::kCancelled ||
                 file.error().kind == ErrorKind::kStorage) {
        return file.error();
      } else {
        SLUICE_RETURN_IF_ERROR(
            add_problem("error", issue_code(file.error().kind), file.error().message));
      }
      SLUICE_RETURN_IF_ERROR(finish());
    }
    std::error_code ignored;  // the job's folder goes with the job
    std::filesystem::remove(spool_path_, ignored);
    return state_.so_far;
  }

 private:
  Result<void> read_state() {
    SLUICE_ASSIGN_OR_RETURN(const auto stored, parts_.store.document(key_));
    if (!stored) return {};
    SLUICE_ASSIGN_OR_RETURN(state_, parse_import_state(*stored));
    return {};
  }

  // ---- what waits for all inputs ----

 public:
  /// Its files, added to those of other inputs.
  Result<void> open_deferred(std::vector<DeferredFile>& files) {
    SLUICE_RETURN_IF_ERROR(read_state());
    first_file_ = files.size();
    for (const auto segment : state_.deferred) {
      SLUICE_ASSIGN_OR_RETURN(auto file, DeferredFile::open(deferred_path(segment)));
      files.push_back(std::move(file));
    }
    return {};
  }

  /// Writes what waits, once `deferred` has found what its conditions mean.
  Result<void> load_deferred(DeferredLoad& deferred) {
    if (state_.deferred.empty() || state_.is_resolved) return {};
    state_.refused = 0;  // they were told
    state_.warned = 0;
    begin_segment();
    Sink sink(*this);
    for (std::size_t i = 0; i < state_.deferred.size(); ++i)
      SLUICE_RETURN_IF_ERROR(deferred.write(first_file_ + i, sink));
    SLUICE_RETURN_IF_ERROR(committer_->flush());
    add(committer_->tally(), state_.so_far);
    SLUICE_RETURN_IF_ERROR(end_problems());
    ++state_.segment;
    state_.warned += std::exchange(warned_, 0);
    state_.counted = 0;
    state_.is_resolved = true;
    SLUICE_RETURN_IF_ERROR(finish());
    context_.progressed();
    return {};
  }

 private:
  class Sink final : public DeferredSink {
   public:
    explicit Sink(ImportShard& shard) : shard_(shard) {}
    Result<void> take(fhir::IncomingResource resource) override {
      return shard_.committer_->take(std::move(resource));
    }
    // Bundles are not taken apart.
    Result<void> remove(const fhir::ResourceId&) override { return {}; }
    Result<void> count_found(fhir::ResourceType) override { return {}; }
    Result<void> report(std::size_t, LoadProblem problem) override {
      return shard_.add_problem(problem);
    }
    bool wants(std::size_t) override { return !shard_.has_too_many_problems(); }

   private:
    ImportShard& shard_;
  };

  std::filesystem::path deferred_path(unsigned segment) const {
    return parts_.spool / job_.id / fmt::format("deferred-{:05}-{:06}", number_, segment);
  }

  // Behind one of the same key that waits, it waits too: the last counts.
  Result<void> take_one(fhir::IncomingResource resource) {
    if (!deferred_keys_.may_have({resource.type, resource.id}))
      return committer_->take(std::move(resource));
    return defer(waiting(std::move(resource)));
  }

  Result<void> defer(DeferredResource resource) {
    if (!deferred_) {
      SLUICE_ASSIGN_OR_RETURN(auto file, DeferredFile::create(deferred_path(state_.segment)));
      deferred_.emplace(std::move(file));
    }
    resource.input = number_;
    deferred_keys_.add(resource.key);
    return deferred_->add(resource);
  }

  // Those of earlier runs.
  Result<void> learn_deferred_keys() {
    for (const auto segment : state_.deferred) {
      SLUICE_ASSIGN_OR_RETURN(const auto file, DeferredFile::open(deferred_path(segment)));
      SLUICE_RETURN_IF_ERROR(file.each([this](const DeferredResource& resource) -> Result<void> {
        deferred_keys_.add(resource.key);
        return {};
      }));
    }
    return {};
  }

  bool is_local() const { return input_.url.starts_with("file:"); }

  // ---- the download ----

  Result<FileDescriptor> fetched() {
    if (!state_.fetched) SLUICE_RETURN_IF_ERROR(fetch());
    return open_for_reading(spool_path_);
  }

  Result<void> fetch() {
    SLUICE_RETURN_IF_ERROR(make_folder(spool_path_.parent_path()));
    const FileDescriptor fd(
        ::open(spool_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return errno_error("cannot create", spool_path_, errno);
    FetchedPart part{state_.received, state_.validator, std::nullopt};
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0 || part.validator.empty() ||
        static_cast<std::uint64_t>(status.st_size) < part.received)
      part = {};
    // What is behind the checkpoint may be anything after a power cut.
    if (::ftruncate(fd.get(), static_cast<off_t>(part.received)) != 0)
      return errno_error("cannot truncate", spool_path_, errno);
    std::uint64_t told = 0;
    std::uint64_t saved = part.received;
    turn_ends_ = SteadyClock::now() + parts_.turn_min;
    LongTurn long_turn(parts_.long_turns);
    const auto on_progress = [&](const FetchedPart& now) -> Result<void> {
      SLUICE_RETURN_IF_ERROR(check_room(spool_path_.parent_path(), kDiskReserve));
      if (now.total) set_weight(2 * *now.total);
      if (now.received > told) context_.add_progress(now.received - told);
      told = now.received;
      if (now.received < saved) saved = 0;
      // A slow source delays no other input, though it may have to be fetched from its beginning.
      const bool has_turn = SteadyClock::now() < turn_ends_ || now.total == now.received;
      if (!has_turn && context_.others_wait() && (!now.validator.empty() || !long_turn.take())) {
        SLUICE_RETURN_IF_ERROR(save_fetched(fd.get(), now, false));
        return Error{ErrorKind::kCancelled, "another client's turn"};
      }
      if (now.received - saved < kFetchCheckpoint) return {};
      saved = now.received;
      return save_fetched(fd.get(), now, false);
    };
    SLUICE_RETURN_IF_ERROR(parts_.fetch(input_.url, fd.get(), part, context_.stop, on_progress));
    return save_fetched(fd.get(), part, true);
  }

  Result<void> save_fetched(int fd, const FetchedPart& part, bool is_whole) {
    SLUICE_RETURN_IF_ERROR(sync_file(fd, spool_path_));
    if (is_whole) SLUICE_RETURN_IF_ERROR(sync_folder(spool_path_.parent_path()));
    state_.received = part.received;
    state_.validator = part.validator;
    state_.fetched = is_whole;
    SLUICE_RETURN_IF_ERROR(save());
    context_.progressed();
    return {};
  }

  void set_weight(std::uint64_t weight) {
    if (weight != weight_) context_.set_weight(weight);
    weight_ = weight;
  }

  // ---- the load ----

  Result<void> load(int fd) {
    struct stat status {};
    if (has_too_many_problems()) return {};
    if (::fstat(fd, &status) != 0) return errno_error("cannot look at", shown_url_, errno);
    const auto size = static_cast<std::uint64_t>(status.st_size);
    set_weight(is_local() ? size : 2 * size);
    if (!is_local()) context_.add_progress(size);
    const auto begun = SteadyClock::now();
    SLUICE_ASSIGN_OR_RETURN(
        const auto source,
        LoadSource::open(shown_url_, fd, {.only_type = input_.type, .large = parts_.large}));
    source->stop_with(context_.stop);
    SLUICE_RETURN_IF_ERROR(source->skip_to(state_.position));
    const auto loading = SteadyClock::now();
    turn_ends_ =
        loading + std::max<SteadyClock::duration>(parts_.turn_min, kSkipShare * (loading - begun));
    context_.add_progress(source->bytes_read());
    position_ = state_.position;
    SLUICE_RETURN_IF_ERROR(learn_deferred_keys());
    begin_segment();
    LoadPipeline pipeline(parts_.parse_pool,
                          {.limits = {},
                           .base_url = request_.source,
                           .only_type = input_.type,
                           .leniency = request_.leniency,
                           .problems_max = parts_.problems_max},
                          context_.stop);
    bool yields = false;
    const auto take_chunk = [&](ParsedChunk chunk) -> Result<bool> {
      SLUICE_RETURN_IF_ERROR(take(std::move(chunk)));
      if (has_too_many_problems()) return false;
      if (position_.offset - state_.position.offset < parts_.segment_size) return true;
      SLUICE_RETURN_IF_ERROR(end_segment());
      yields = SteadyClock::now() > turn_ends_ && context_.others_wait();
      return !yields;
    };
    SLUICE_RETURN_IF_ERROR(pipeline.read(
        *source, take_chunk, [&](std::uint64_t bytes) { context_.add_progress(bytes); }));
    if (yields) return Error{ErrorKind::kCancelled, "another client's turn"};
    return end_segment();
  }

  bool has_too_many_problems() const {
    return parts_.problems_max > 0 && state_.refused + refused_ >= parts_.problems_max;
  }

  Result<void> take(ParsedChunk chunk) {
    for (const auto& problem : chunk.problems) {
      SLUICE_RETURN_IF_ERROR(add_problem(problem));
      if (!has_too_many_problems()) continue;
      chunk.resources.resize(problem.resources_before);
      chunk.deferred.resize(problem.deferred_before);
      break;
    }
    SLUICE_RETURN_IF_ERROR(in_input_order(
        chunk, [this](auto resource) { return take_one(std::move(resource)); },
        [this](auto resource) { return defer(std::move(resource)); }));
    position_ = chunk.end;
    return {};
  }

  // `so_far` with what this run of the segment counted.
  static void add(const LoadTally& tally, ImportResult& result) {
    for (const auto& [type, counts] : tally.types) {
      result.counts.created += counts.created;
      result.counts.updated += counts.updated;
      result.counts.unchanged += counts.unchanged;
    }
    result.superseded += tally.superseded;
  }

  void begin_segment() {
    committer_ = std::make_unique<LoadCommitter>(
        parts_.store,
        CommitterOptions{.batch_size = parts_.batch_size,
                         .counted = state_.counted,
                         .documents = [this](const LoadTally& tally) {
                           ImportState state = state_;
                           add(tally, state.so_far);
                           state.counted = std::max(state.counted, tally.position);
                           return std::vector<store::DocumentWrite>{{key_, serialize(state)}};
                         }});
  }

  Result<void> end_segment() {
    SLUICE_RETURN_IF_ERROR(committer_->flush());
    add(committer_->tally(), state_.so_far);
    SLUICE_RETURN_IF_ERROR(end_problems());
    if (deferred_) {
      SLUICE_RETURN_IF_ERROR(deferred_->finish(true));
      deferred_.reset();
      state_.deferred.push_back(state_.segment);
    }
    ++state_.segment;
    state_.refused += std::exchange(refused_, 0);
    state_.warned += std::exchange(warned_, 0);
    state_.position = position_;
    state_.counted = 0;
    SLUICE_RETURN_IF_ERROR(save());
    context_.progressed();
    begin_segment();
    return {};
  }

  // ---- problems ----

  // A line of the segment's file of problems, which is rewritten when the segment is done again.
  Result<void> add_problem(std::string_view severity, std::string_view code,
                           const std::string& diagnostics) {
    if (!problems_) {
      problems_name_ = fmt::format("{}problems-{:05}-{:06}.ndjson", output::kInternalFilePrefix,
                                   number_, state_.segment);
      SLUICE_ASSIGN_OR_RETURN(problems_, parts_.files.create(job_.id, problems_name_));
    }
    return problems_->append_line(fhir::operation_outcome(severity, code, diagnostics));
  }

  // what is loaded with faults is loaded however much it is, but told up to the limit only.
  bool tells_warnings() const {
    return parts_.problems_max == 0 || state_.warned + warned_ <= parts_.problems_max;
  }

  Result<void> add_problem(const LoadProblem& problem) {
    if (problem.is_loaded) {
      ++warned_;
      if (!tells_warnings()) return {};
    }
    const std::string place = fmt::format("'{}' line {}", shown_url_, problem.place);
    SLUICE_RETURN_IF_ERROR(add_problem(problem.is_loaded ? "warning" : "error", "invalid",
                                       fmt::format("{}: {}", place, problem.reason)));
    if (!problem.is_loaded) ++refused_;
    if (problem.is_loaded || !has_too_many_problems()) return {};
    return add_problem("error", "too-costly",
                       fmt::format("{}: {} problems: what follows is not loaded", place,
                                   state_.refused + refused_));
  }

  Result<void> end_problems() {
    if (!problems_) return {};
    SLUICE_ASSIGN_OR_RETURN(const auto info, problems_->finish());
    problems_.reset();
    SLUICE_RETURN_IF_ERROR(parts_.files.sync_folder(job_.id));
    state_.so_far.problems += info.lines;
    state_.problem_files.push_back(problems_name_);
    return {};
  }

  // ---- the end ----

  Result<void> finish() {
    if (!tells_warnings())
      SLUICE_RETURN_IF_ERROR(
          add_problem("warning", "too-costly",
                      fmt::format("'{}': {} resources were loaded with faults, of which "
                                  "the first {} are told",
                                  shown_url_, state_.warned, parts_.problems_max)));
    SLUICE_RETURN_IF_ERROR(end_problems());
    if (!state_.problem_files.empty()) {
      state_.so_far.file = fmt::format("OperationOutcome-{:05}.ndjson", number_);
      SLUICE_ASSIGN_OR_RETURN(const auto out, parts_.files.create(job_.id, state_.so_far.file));
      for (const auto& name : state_.problem_files) SLUICE_RETURN_IF_ERROR(append_file(name, *out));
      SLUICE_ASSIGN_OR_RETURN(const auto info, out->finish());
      SLUICE_RETURN_IF_ERROR(parts_.files.sync_folder(job_.id));
      state_.so_far.file_size = info.uncompressed_size;
    }
    state_.is_done = true;
    return save();
  }

  Result<void> append_file(const std::string& name, output::SeekableGzipWriter& out) {
    SLUICE_ASSIGN_OR_RETURN(auto file, parts_.files.open(job_.id, name));
    output::InflatingReader reader(std::move(file), 0);
    std::string text;
    std::string buffer(1u << 20, '\0');
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const std::size_t n, reader.read(buffer));
      if (n == 0) return {};
      text.append(buffer, 0, n);
      std::size_t begin = 0;
      for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
        SLUICE_RETURN_IF_ERROR(out.append_line(std::string_view(text).substr(begin, end - begin)));
      text.erase(0, begin);
    }
  }

  // Durable, and everything that was committed before with it.
  Result<void> save() {
    store::Transaction transaction;
    transaction.documents.push_back({key_, serialize(state_)});
    SLUICE_RETURN_IF_ERROR(parts_.store.write(transaction));
    return {};
  }

  const ImportParts& parts_;
  const ImportRequest& request_;
  const ImportInput& input_;
  const job::Job& job_;
  const unsigned number_;
  const job::ShardContext& context_;
  const std::string shown_url_;
  const std::string key_;
  const std::filesystem::path spool_path_;
  ImportState state_;
  std::uint64_t weight_ = 0;
  std::optional<DeferredFile> deferred_;  // of the segment at work
  DeferredKeys deferred_keys_;
  std::size_t first_file_ = 0;  // of its files among all
  std::uint64_t refused_ = 0;   // lines of the segment at work that were not loaded
  std::uint64_t warned_ = 0;    // and that were, with faults
  LoadPosition position_;       // behind what was taken
  SteadyClock::time_point turn_ends_;
  std::unique_ptr<LoadCommitter> committer_;
  std::unique_ptr<output::SeekableGzipWriter> problems_;
  std::string problems_name_;
};

}  // namespace

Result<ImportResult> run_import_shard(const ImportParts& parts, const ImportRequest& request,
                                      const job::Job& job, const job::Shard& shard,
                                      const job::ShardContext& context) {
  return ImportShard(parts, request, job, shard.number, context).run();
}

Result<bool> has_deferred(const ImportParts& parts, const ImportRequest& request,
                          const job::Job& job) {
  for (unsigned number = 0; number < request.inputs.size(); ++number) {
    const auto key = import_state_key(job.id, number);
    SLUICE_ASSIGN_OR_RETURN(const auto stored, parts.store.document(key));
    if (!stored) continue;
    SLUICE_ASSIGN_OR_RETURN(const auto state, parse_import_state(*stored));
    if (!state.deferred.empty()) return true;
  }
  return false;
}

Result<void> run_deferred_import(const ImportParts& parts, const ImportRequest& request,
                                 const job::Job& job, const job::ShardContext& context) {
  std::vector<std::unique_ptr<ImportShard>> inputs;
  std::vector<DeferredFile> files;
  for (unsigned number = 0; number < request.inputs.size(); ++number) {
    auto input = std::make_unique<ImportShard>(parts, request, job, number, context);
    const std::size_t before = files.size();
    SLUICE_RETURN_IF_ERROR(input->open_deferred(files));
    if (files.size() > before) inputs.push_back(std::move(input));
  }
  DeferredOptions options{.base_url = request.source, .leniency = request.leniency};
  options.bounds.stop = context.stop;
  if (request.searchable)
    options.may_search = [&](fhir::ResourceType type) {
      return std::ranges::find(*request.searchable, type) != request.searchable->end();
    };
  DeferredLoad deferred(options);
  std::vector<const DeferredFile*> all(files.size());
  std::ranges::transform(files, all.begin(), [](const auto& file) { return &file; });
  SLUICE_RETURN_IF_ERROR(
      deferred.find(parts.store, std::move(all), [](const auto&) { return nullptr; }));
  for (const auto& input : inputs) SLUICE_RETURN_IF_ERROR(input->load_deferred(deferred));
  return {};
}

}  // namespace sluice::bulk
