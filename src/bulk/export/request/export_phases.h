// The phases of an export, and which of them a request needs.
#pragma once

#include "bulk/export/request/export_request.h"
#include "fhir/resource_type.h"

namespace sluice::bulk {

/// The phases of an export; most have few of them. The names say what their shards do.
enum ExportPhase : unsigned {
  kMainPhase,        ///< read the requested resources
  kProvenancePhase,  ///< Provenance by its targets (P-08)
  kLatestPhase,      ///< the newest of each target, among the candidates that were found
  kChosenPhase,      ///< write these
  kSupportingPhase,  ///< what was referred to (G-05)
  kBlocksPhase,      ///< put blocks together (P-09)
  kEmptyPhase,       ///< a file for each table that has none yet (E-21)
};

/// Whether the export takes supporting resources along (G-05).
bool takes_supporting(const ExportRequest& request);

/// Whether Provenances are chosen by their targets, in a phase of their own. Otherwise they are
/// read like other types.
bool chooses_provenance(const ExportRequest& request);

/// Whether a target of this type can make a Provenance belong to an export: it is in a patient's
/// compartment, and is returned if only the Provenance of returned resources is requested.
bool is_in_scope_of_provenance(const ExportRequest& request, fhir::ResourceType type);

}  // namespace sluice::bulk
