// Chunks of input into resources and problems: the part of a load that runs on many threads.
#pragma once

#include <string>
#include <vector>

#include "bulk/load.h"
#include "bulk/load_source.h"
#include "fhir/resource_reader.h"

namespace sluice::bulk {

struct ParsedChunk {
  std::vector<fhir::IncomingResource> resources;  ///< in input order
  std::vector<LoadProblem> problems;              ///< in input order
};

/// Holds parser buffers: one a thread.
class LoadParser {
 public:
  LoadParser(const fhir::ReaderLimits& limits, const std::string& base_url)
      : reader_(limits, base_url) {}

  ParsedChunk parse(const LoadChunk& chunk);

 private:
  void parse_text(const LoadChunk& chunk, std::string_view text, std::uint64_t line,
                  ParsedChunk& out);
  void parse_bundle(const LoadChunk& chunk, std::string_view text, std::uint64_t line,
                    ParsedChunk& out);

  fhir::ResourceReader reader_;
};

}  // namespace sluice::bulk
