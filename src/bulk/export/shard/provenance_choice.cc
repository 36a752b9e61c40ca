#include "bulk/export/shard/provenance_choice.h"

#include <string>

#include "bulk/export/shard/merged_lines.h"

namespace sluice::bulk {

Result<void> SeenProvenances::visit(const store::RecordView& record, AgeRule) {
  SLUICE_ASSIGN_OR_RETURN(const bool seen, filters_.sees(matcher_, record.type, record.json));
  return seen ? take(record) : Result<void>();
}

Result<void> ProvenanceFilter::take(const store::RecordView& provenance) {
  SLUICE_ASSIGN_OR_RETURN(const auto choice, selector_.choose(provenance.owners, provenance.json));
  return choice ? behind_.visit(provenance, *choice) : Result<void>();
}

Result<void> ProvenanceCandidates::take(const store::RecordView& provenance) {
  return selector_.add_candidates(provenance.last_updated, provenance.id, provenance.json, runs_);
}

Result<void> choose_latest(const SourceContext& context, RunWriter& runs) {
  std::string target;
  return each_merged_line(context, [&](std::string_view line) -> Result<void> {
    const auto candidate = parse_candidate(line);
    if (!candidate) return corrupt("an internal file of an export cannot be read");
    if (candidate->target == target) return {};
    target = candidate->target;
    return runs.add(run_part(candidate->id), chosen_line(*candidate));
  });
}

}  // namespace sluice::bulk
