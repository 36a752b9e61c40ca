// Chunks of input into resources and problems: the part of a load that runs on many threads.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bulk/load/deferred.h"
#include "bulk/load/load_source.h"
#include "fhir/bundle_reader.h"
#include "fhir/light_validation.h"
#include "fhir/resource_reader.h"
#include "json/json_tokens.h"

namespace sluice::bulk {

/// A piece of input that was not loaded, or that a lenient load took as it is. `place` is a line
/// number from 1 for NDJSON, an entry's index from 0 for a Bundle.
struct LoadProblem {
  std::string path;  ///< of the input; set by the caller of the parser
  std::uint64_t place = 0;
  bool is_bundle_entry = false;
  std::string reason;                ///< names the rule, holds no PHI
  bool is_loaded = false;            ///< lenient: the resource was loaded with its issues
  std::size_t resources_before = 0;  ///< of its chunk
  std::size_t deferred_before = 0;   ///< likewise
};

/// The number of problems after which an input is not read further. 0: no limit.
inline constexpr std::uint64_t kProblemsMax = 100'000;

struct ParsedChunk {
  std::vector<fhir::IncomingResource> resources;  ///< in input order
  std::vector<DeferredResource> deferred;         ///< likewise
  std::vector<LoadProblem> problems;              ///< in input order
  std::uint64_t refused = 0;                      ///< of these: not loaded
  std::uint64_t older_versions = 0;               ///< in Bundles: left out
  LoadPosition end;                               ///< after the chunk
  LargeText::Turn turn;                           ///< of the chunk
};

/// Calls `take` with the resources of a chunk and `defer` with those that wait, in input order.
template <class Take, class Defer>
Result<void> in_input_order(ParsedChunk& chunk, Take take, Defer defer) {
  std::size_t next = 0;
  for (auto& resource : chunk.deferred) {
    for (; next < resource.resources_before; ++next)
      SLUICE_RETURN_IF_ERROR(take(std::move(chunk.resources[next])));
    SLUICE_RETURN_IF_ERROR(defer(std::move(resource)));
  }
  for (; next < chunk.resources.size(); ++next)
    SLUICE_RETURN_IF_ERROR(take(std::move(chunk.resources[next])));
  return {};
}

/// A resource that has to wait as it is.
DeferredResource waiting(fhir::IncomingResource resource);

struct ParseOptions {
  fhir::ReaderLimits limits = {};
  std::string base_url = {};  ///< absolute references below it count as local
  /// Other types are problems, and a Bundle is a resource like others; nullopt: every type, and the
  /// entries of Bundles are loaded.
  std::optional<fhir::ResourceType> only_type = std::nullopt;
  /// Whether resources that fail light validation are problems, or loaded with warnings.
  fhir::Leniency leniency = fhir::Leniency::kStrict;
  /// A chunk that has reached it is not parsed to its end: the input stops there.
  std::uint64_t problems_max = 0;
};

/// Holds parser buffers: one a thread.
class LoadParser {
 public:
  explicit LoadParser(const ParseOptions& options)
      : only_type_(options.only_type),
        leniency_(options.leniency),
        problems_max_(options.problems_max),
        reader_(options.limits, options.base_url, fhir::ResourceReader::Tokens::kDropped) {}

  ParsedChunk parse(const LoadChunk& chunk);

 private:
  void parse_text(const LoadChunk& chunk, std::string_view text, std::uint64_t line,
                  ParsedChunk& out);
  /// Whether it is a Bundle whose entries are loaded.
  bool is_header(std::string_view text);
  Result<bool> is_bundle(std::string_view text);
  void parse_bundle(const LoadChunk& chunk, std::string_view text, std::uint64_t line,
                    ParsedChunk& out);
  /// How many entries of a Bundle had this content and no identity.
  using Anonymous = std::map<fhir::ContentDigest, std::size_t>;
  Result<fhir::IncomingResource> read_entry(const fhir::BundleEntry& entry, Anonymous& anonymous);

  /// Adds what is wrong at a place.
  void add_problem(LoadProblem problem, ParsedChunk& out);
  /// Adds what is wrong with a resource that can be read; whether it is loaded in spite of it.
  bool takes_faulty(const LoadProblem& place, std::string_view fault, ParsedChunk& out);
  /// Adds the result of the reader to the right list; `problem` has its position, `entry` the entry
  /// of a Bundle.
  void take(Result<fhir::IncomingResource> resource, LoadProblem problem,
            const fhir::BundleEntry* entry, ParsedChunk& out);
  /// The conditional references in what was read last, each once. When there are some, `tokens_`
  /// has the text with others in their place.
  std::vector<std::string> conditional_references();
  static void defer(DeferredResource resource, const LoadProblem& place, ParsedChunk& out);

  const std::optional<fhir::ResourceType> only_type_;
  const fhir::Leniency leniency_;
  const std::uint64_t problems_max_;
  fhir::ResourceReader reader_;
  fhir::JsonTokens tokens_;
};

}  // namespace sluice::bulk
