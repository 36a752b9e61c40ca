// Chunks of input into resources and problems: the part of a load that runs on many threads.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bulk/load.h"
#include "bulk/load_source.h"
#include "fhir/bundle_reader.h"
#include "fhir/json_tokens.h"
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
  /// kReverseBundle: the newest of a resource comes first.
  enum class Kind { kResource, kBundle, kReverseBundle };
  Result<Kind> kind_of(std::string_view text);
  void parse_bundle(const LoadChunk& chunk, std::string_view text, std::uint64_t line, Kind kind,
                    ParsedChunk& out);
  /// How many entries of a Bundle had this content and no identity.
  using Anonymous = std::map<fhir::ContentDigest, std::size_t>;
  Result<fhir::IncomingResource> read_entry(const fhir::BundleEntry& entry, Anonymous& anonymous);

  fhir::ResourceReader reader_;
  fhir::JsonTokens tokens_;
};

}  // namespace sluice::bulk
