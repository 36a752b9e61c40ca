// `sluice load`: NDJSON and Bundles from files, folders and streams into the store (I-01, I-05).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "fhir/resource_reader.h"
#include "fhir/resource_type.h"
#include "store/store.h"

namespace sluice::bulk {

/// A piece of input that was not loaded. `place` is a line number from 1 for NDJSON, an entry's
/// index from 0 for a Bundle.
struct LoadProblem {
  std::string path;
  std::uint64_t place = 0;
  bool is_bundle_entry = false;
  std::string reason;  ///< names the rule, holds no PHI
};

struct LoadCounts {
  std::uint64_t created = 0;
  std::uint64_t updated = 0;
  std::uint64_t unchanged = 0;
};

struct LoadProgress {
  std::uint64_t bytes_read = 0;   ///< of input, compressed as it came
  std::uint64_t bytes_total = 0;  ///< 0 when unknown (stdin)
  std::uint64_t resources = 0;
  std::uint64_t problems = 0;
};

struct LoadOptions {
  /// Files (.ndjson, .jsonl, .json, each also .gz; the content decides between NDJSON, one resource
  /// and a Bundle, and whether it is gzip), folders (walked in name order, other names are
  /// skipped), "-" for standard input.
  std::vector<std::string> paths;
  /// Stop at the first problem and load nothing of its file.
  bool strict = false;
  std::size_t parse_threads = 2;      ///< at least one is used
  std::size_t batch_size = 4u << 20;  ///< bytes of resources in one transaction
  /// Updates of resources that are there already are held back up to this many bytes, so that of
  /// duplicates within the input only the last makes a version.
  std::size_t pending_size_max = 64u << 20;
  fhir::ReaderLimits limits;
  std::string base_url;  ///< absolute references below it count as local
  std::function<void(const LoadProblem&)> on_problem;    ///< called from one thread at a time
  std::function<void(const LoadProgress&)> on_progress;  ///< about four times a second
};

struct LoadSummary {
  std::map<std::string, LoadCounts> types;  ///< by type name
  std::uint64_t resources = 0;   ///< accepted: created + updated + unchanged + superseded
  std::uint64_t superseded = 0;  ///< earlier duplicates within the input
  std::uint64_t bytes = 0;       ///< of accepted JSON
  std::uint64_t files = 0;
  std::uint64_t problems = 0;
  bool stopped_by_problem = false;  ///< strict
};

/// Loads everything. What is wrong with the input is a problem: a line, an entry of a Bundle, or a
/// gzip file that is damaged from some line on; whole lines before that are loaded, those after it
/// cannot be. An error is returned only for what ends the load (store or an unreadable
/// path); what was committed before stays. Blocks; stops early, with kCancelled, when asked to.
Result<LoadSummary> load(store::Store& store, const LoadOptions& options, std::stop_token stop);

}  // namespace sluice::bulk
