#include "bulk/load/load_pipeline.h"

#include <future>
#include <mutex>
#include <queue>
#include <utility>
#include <vector>

namespace sluice::bulk {
namespace {

constexpr std::size_t kChunksAheadPerThread = 3;
// Of plain bytes: chunks may be larger than usual, each of one long line.
constexpr std::size_t kBytesAheadPerThread = 3u << 20;
constexpr std::size_t kBuffersKept = 4u << 20;

}  // namespace

// Parsers keep buffers: each is used by one thread at a time, and by the next when it is free.
class LoadPipeline::Parsers {
 public:
  explicit Parsers(ParseOptions options) : options_(std::move(options)) {}

  ParsedChunk parse(const LoadChunk& chunk) {
    auto parser = take();
    ParsedChunk parsed = parser->parse(chunk);
    // Its buffers have become as large as the chunk.
    if (chunk.text.size() > kBuffersKept) return parsed;
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(parser));
    return parsed;
  }

 private:
  std::unique_ptr<LoadParser> take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<LoadParser>(options_);
    auto parser = std::move(idle_.back());
    idle_.pop_back();
    return parser;
  }

  const ParseOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<LoadParser>> idle_;  // guarded by mutex_
};

LoadPipeline::LoadPipeline(WorkerPool& pool, ParseOptions options, std::stop_token stop)
    : pool_(pool),
      parsers_(std::make_shared<Parsers>(std::move(options))),
      stop_(std::move(stop)) {}

Result<void> LoadPipeline::read(LoadSource& source, const Take& take,
                                const std::function<void(std::uint64_t)>& on_read) {
  const std::size_t ahead = pool_.size() * kChunksAheadPerThread;
  const std::size_t bytes_ahead = pool_.size() * kBytesAheadPerThread;
  struct Parsing {
    std::future<ParsedChunk> result;
    std::size_t size = 0;
    bool is_large = false;
  };
  std::queue<Parsing> parsing;
  std::size_t bytes = 0;  // of the chunks in `parsing`
  bool has_turn = false;  // one of them has: the source would wait for itself
  std::uint64_t seen = source.bytes_read();
  bool more = true;
  while (more || !parsing.empty()) {
    if (stop_.stop_requested()) return Error{ErrorKind::kCancelled, "the load was stopped"};
    if (more && parsing.size() < ahead && bytes < bytes_ahead && !has_turn) {
      auto chunk = std::make_shared<LoadChunk>();
      SLUICE_ASSIGN_OR_RETURN(more, source.next(*chunk));
      on_read(source.bytes_read() - seen);
      seen = source.bytes_read();
      if (!more) continue;
      const auto task = std::make_shared<std::packaged_task<ParsedChunk()>>(
          [chunk, parsers = parsers_] { return parsers->parse(*chunk); });
      parsing.push({task->get_future(), chunk->text.size(), chunk->turn != nullptr});
      bytes += parsing.back().size;
      has_turn = parsing.back().is_large;
      pool_.post([task] { (*task)(); });
      continue;
    }
    SLUICE_ASSIGN_OR_RETURN(const bool goes_on, take(parsing.front().result.get()));
    bytes -= parsing.front().size;
    if (parsing.front().is_large) has_turn = false;
    parsing.pop();
    if (!goes_on) return {};
  }
  return {};
}

}  // namespace sluice::bulk
