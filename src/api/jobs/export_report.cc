#include "api/jobs/export_report.h"

#include <string>
#include <utility>

#include "base/instant.h"
#include "bulk/export/plan/export_shard.h"
#include "fhir/resource_type.h"

namespace sluice::api {
namespace {

namespace json = boost::json;

struct Way {
  const char* name;
  bool has_type;
};

Way way_of(bulk::ReadMode mode) {
  switch (mode) {
    case bulk::ReadMode::kScan:
      return {"scan", true};
    case bulk::ReadMode::kSeek:
      return {"seek by patient", true};
    case bulk::ReadMode::kGroups:
      return {"groups", true};
    case bulk::ReadMode::kChanges:
      return {"change log", false};
    case bulk::ReadMode::kSupporting:
      return {"supporting resources", false};
    case bulk::ReadMode::kOutcome:
      return {"outcome", false};
    case bulk::ReadMode::kNewMembers:
      return {"seek by new member", true};
    case bulk::ReadMode::kDeleted:
      return {"deletions", false};
    case bulk::ReadMode::kByOwner:
      return {"merge by patient", true};
    case bulk::ReadMode::kProvenance:
      return {"Provenance by target", false};
    case bulk::ReadMode::kProvenanceChanges:
      return {"Provenance in the change log", false};
    case bulk::ReadMode::kProvenanceOfScope:
      return {"Provenance of what is in scope", false};
    case bulk::ReadMode::kLatest:
      return {"newest Provenance of each target", false};
    case bulk::ReadMode::kChosen:
      return {"chosen Provenance", false};
    case bulk::ReadMode::kFilteredIds:
      return {"read by id of a filter", true};
    case bulk::ReadMode::kFilteredPatients:
      return {"seek by patient of a filter", true};
    case bulk::ReadMode::kBlocks:
      return {"merge of sorted blocks", false};
    case bulk::ReadMode::kEmpty:
      return {"tables without rows", false};
  }
  return {"unknown", false};
}

}  // namespace

void report_export(const bulk::ExportRequest& request, json::object& report) {
  switch (request.level) {
    case bulk::ExportLevel::kSystem:
      report["level"] = "system";
      break;
    case bulk::ExportLevel::kPatient:
      report["level"] = "Patient";
      break;
    case bulk::ExportLevel::kGroup:
      report["level"] = "Group/" + request.group_id;
      break;
  }
  json::array types;
  for (const auto type : request.types) types.push_back(json::string(fhir::type_name(type)));
  if (!types.empty()) report["types"] = std::move(types);
  if (request.since) report["since"] = to_fhir_instant(*request.since);
}

Result<std::vector<PlanPart>> parts_of_export(const job::Shard& shard) {
  SLUICE_ASSIGN_OR_RETURN(const auto spec, bulk::parse_shard_spec(shard.spec));
  std::vector<PlanPart> parts;
  for (const auto& segment : spec.segments) {
    const Way way = way_of(segment.mode);
    PlanPart& part = parts.emplace_back();
    part.order = static_cast<unsigned>(segment.mode);
    part.read = way.name;
    if (way.has_type) part.type = fhir::type_name(segment.range.type);
    part.estimates = segment.why;
  }
  return parts;
}

}  // namespace sluice::api
