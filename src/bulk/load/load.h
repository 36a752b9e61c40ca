// `sluice load`: NDJSON and Bundles from files, folders and streams into the store (I-01, I-05).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "bulk/load/load_committer.h"
#include "bulk/load/load_conditions.h"
#include "bulk/load/load_parser.h"
#include "fhir/resource_reader.h"
#include "store/store.h"

namespace sluice::bulk {

struct LoadProgress {
  std::uint64_t bytes_read = 0;   ///< of input, compressed as it came
  std::uint64_t bytes_total = 0;  ///< 0 when unknown (stdin)
  std::uint64_t resources = 0;
  std::uint64_t problems = 0;
};

/// One file to load. `path` is for messages; `fd` is where the bytes come from.
struct LoadInput {
  std::string path;
  FileDescriptor fd;
};

/// The files of a load, one after the other. One thread.
class LoadInputs {
 public:
  virtual ~LoadInputs() = default;
  /// nullopt after the last. An error ends the load.
  virtual Result<std::optional<LoadInput>> next() = 0;
  virtual std::uint64_t bytes_total() const = 0;  ///< 0 when unknown
};

/// The number of resources loaded with validation issues that are reported one by one.
inline constexpr std::uint64_t kWarningsTold = 100;

struct LoadOptions {
  /// Files (the content decides between NDJSON, one resource and a Bundle, and whether it is gzip),
  /// folders (walked in name order, for files that end in .ndjson, .jsonl or .json, each also .gz,
  /// in upper or lower case), "-" for standard input.
  std::vector<std::string> paths;
  /// Called for each file of a folder that is skipped.
  std::function<void(const std::string& path)> on_passed_over;
  /// Stop at the first problem and load nothing of its file.
  bool strict = false;
  std::size_t parse_threads = 2;      ///< at least one is used
  std::size_t batch_size = 4u << 20;  ///< bytes of resources in one transaction
  /// Where resources wait for the end of the load, on the disk; the system's when empty.
  std::filesystem::path spill_folder;
  LoadConditions::Limits conditions;
  /// Updates of existing resources are held back up to this many bytes, so that of duplicates
  /// within the input only the last makes a version.
  std::size_t pending_size_max = 64u << 20;
  fhir::ReaderLimits limits;
  /// The number of problems after which an input is not read further; 0: no limit.
  std::uint64_t problems_max = kProblemsMax;
  /// Shared with other loads of the process; null: this one has its own.
  LargeText* large = nullptr;
  std::string base_url;  ///< absolute references below it count as local
  /// Whether a resource that fails light validation, or whose conditional reference does not find
  /// exactly one resource, is a problem, or is loaded as it is, with a warning.
  fhir::Leniency leniency = fhir::Leniency::kStrict;
  /// Called from one thread at a time; of warnings for the first kWarningsTold only.
  std::function<void(const LoadProblem&)> on_problem;
  std::function<void(const LoadProgress&)> on_progress;  ///< about four times a second
};

struct LoadSummary {
  std::map<std::string, LoadCounts> types;  ///< by type name
  std::uint64_t resources = 0;   ///< accepted: created + updated + unchanged + superseded
  std::uint64_t superseded = 0;  ///< earlier duplicates within the input
  std::uint64_t bytes = 0;       ///< of accepted JSON
  std::uint64_t files = 0;
  std::uint64_t problems = 0;
  std::uint64_t warnings = 0;       ///< resources loaded with validation issues
  bool stopped_by_problem = false;  ///< strict
  std::uint64_t references = 0;     ///< conditional ones that were resolved
  std::uint64_t passes = 0;         ///< over the resources of a type, to resolve them
};

/// The files of `options.paths`. kNotFound names a path that is not there.
Result<std::unique_ptr<LoadInputs>> open_load_files(const LoadOptions& options);

/// Loads all of `options.paths`. Faults of the input are problems: of a line, an entry of a Bundle,
/// or a gzip file that is damaged from some line on (whole lines before that are loaded, later ones
/// are not). Resources with conditional references or conditions of a Bundle, and deletions of a
/// history, are written at the end, after all others (docs/decisions/0032); a strict load writes
/// all of these or none. Returns an error only if it ends the load (of the store, or an unreadable
/// path); what was committed before stays. Blocks; stops early, with kCancelled, when asked to
/// stop.
Result<LoadSummary> load(store::Store& store, const LoadOptions& options, std::stop_token stop);
/// The same of `inputs`.
Result<LoadSummary> load(store::Store& store, LoadInputs& inputs, const LoadOptions& options,
                         std::stop_token stop);

}  // namespace sluice::bulk
