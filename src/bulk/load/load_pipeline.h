// The reading half of a load: one thread reads ahead, many parse, and the parsed chunks come out in
// input order. Apart from committing, so that a strict check, a load and an import share it.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "base/result.h"
#include "base/worker_pool.h"
#include "bulk/load/load_parser.h"
#include "bulk/load/load_source.h"

namespace sluice::bulk {

/// One thread at a time; several pipelines may share a pool.
class LoadPipeline {
 public:
  LoadPipeline(WorkerPool& pool, ParseOptions options, std::stop_token stop);

  /// Takes a chunk; returns whether to continue.
  using Take = std::function<Result<bool>(ParsedChunk)>;
  /// Reads `source` to its end, or until `take` returns false. kCancelled when asked to stop.
  /// `on_read` gets the number of bytes of the file as they are read.
  Result<void> read(LoadSource& source, const Take& take,
                    const std::function<void(std::uint64_t)>& on_read);

 private:
  class Parsers;

  WorkerPool& pool_;
  const std::shared_ptr<Parsers> parsers_;  // shared with chunks that are no longer needed
  const std::stop_token stop_;
};

}  // namespace sluice::bulk
