// The specification and the result of a shard of an export: texts that the job engine stores
// without interpreting them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace sluice::bulk {

/// How a segment's records are found.
enum class ReadMode : std::uint8_t {
  kScan,               ///< the range in order; skips owners outside the patient set
  kSeek,               ///< one seek for each patient of the patient set
  kGroups,             ///< Group resources, by their members
  kChanges,            ///< the change log since `_since`, all types; the range does not count
  kSupporting,         ///< what earlier shards referred to; the range does not count
  kOutcome,            ///< no records: the outcome file
  kNewMembers,         ///< one seek for each patient who joined after `_since`; beside kChanges
  kDeleted,            ///< what was deleted after `_since`, by the change log
  kByOwner,            ///< in the order of owners, merged with the shard's other segments
  kProvenance,         ///< Provenances of the range whose targets belong to the export
  kProvenanceChanges,  ///< the same of those in the change log; the range does not count
  kLatest,             ///< of a part of the candidates: the newest Provenance of each target
  kChosen,             ///< a part of the Provenances that were the newest of some target
  kBlocks,             ///< a part of the blocks, merged from sorted runs
  kFilteredIds,        ///< the resources whose ids a filter names
  kFilteredPatients,   ///< one seek for each patient whom a filter names
  kProvenanceOfScope,  ///< as kProvenance, found by what is in scope; the range does not count
  kEmpty,              ///< no records: a file for each table that has none
};

struct Segment {
  ReadMode mode = ReadMode::kScan;
  store::KeyRange range;
  /// kChanges, kDeleted, kLatest, kChosen, kBlocks: this part of `parts`, by a hash. kEmpty: this
  /// table of `parts`.
  unsigned part = 0;
  unsigned parts = 1;
  /// kSeek: also finds the Provenances of the resources it reads (see ProvenanceCollector).
  bool finds_provenances = false;
  /// What the planner weighed, for the operator.
  std::string why = {};
};

/// Segments of one shard, in the order of the output.
struct ShardSpec {
  std::vector<Segment> segments;
};

/// The array of the manifest that a file is named in.
enum class FileKind : std::uint8_t { kOutput, kDeleted, kOutcome };

/// One finished output file.
struct OutputFile {
  std::string name;  ///< in the job's folder
  std::string type;  ///< resource type; empty when organised by instances
  std::uint64_t count = 0;
  std::uint64_t size = 0;  ///< of NDJSON uncompressed; of Parquet the file's
  FileKind kind = FileKind::kOutput;
  std::string table = {};         ///< the table that its rows are of; empty: it has resources
  std::string continues_in = {};  ///< the file in which the last block continues; empty for none
};

/// A sorted internal file (see sorted_runs.h).
struct RunFile {
  std::string name;
  unsigned part = 0;
};

/// What one shard passes to later phases (see internal_lines.h).
struct InternalLines {
  std::string text;  ///< each with its line break
  std::string file;  ///< the internal file that has them when they are many; else empty
  std::uint64_t count = 0;
};

struct ShardResult {
  std::vector<OutputFile> files;  ///< in order
  InternalLines references;       ///< to supporting resources
  InternalLines provenances;      ///< ids of those that may name what was read
  /// The types of which `provenances` has all, in the compartments that were read.
  std::vector<fhir::ResourceType> provenances_of;
  std::vector<RunFile> runs;
};

std::string serialize(const ShardSpec& spec);
Result<ShardSpec> parse_shard_spec(std::string_view text);
std::string serialize(const ShardResult& result);
Result<ShardResult> parse_shard_result(std::string_view text);

}  // namespace sluice::bulk
