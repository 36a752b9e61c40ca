// The request of a kick-off, parsed and checked as far as possible without the store (K, P);
// export_start does the checks that need the store.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "bulk/export/request/access_limits.h"
#include "bulk/export/request/export_filter.h"
#include "fhir/parameters.h"
#include "fhir/resource_type.h"
#include "table/table_sink.h"

namespace sluice::bulk {

enum class ExportLevel : std::uint8_t { kSystem, kPatient, kGroup };

/// What a client must present to fetch a job's attachments.
enum class AttachmentAccess : std::uint8_t {
  kOpen,        ///< nothing: the server runs open
  kToken,       ///< an access token of the job's client
  kCapability,  ///< the URL itself
};

/// Which Provenance of the returned resources is requested (P-08), the smaller result first.
enum class AssociatedProvenance : std::uint8_t {
  kLatest,    ///< LatestProvenanceResources: the newest of each resource
  kRelevant,  ///< RelevantProvenanceResources: all
};

/// The form of the files with resources. Deletions and outcomes are NDJSON in each.
enum class OutputFormat : std::uint8_t { kNdjson, kParquet };
/// Its media type.
std::string_view media_type(OutputFormat format);

/// The most of each that one kick-off may ask for.
inline constexpr std::size_t kTypesMax = 1'000;
inline constexpr std::size_t kElementsMax = 1'000;
inline constexpr std::size_t kPatientsMax = 100'000;
inline constexpr std::size_t kTypeFiltersMax = 100;
inline constexpr std::size_t kAssociatedDataMax = 100;
inline constexpr std::size_t kSkippedMax = 100;  ///< what lenient handling leaves out

/// What a ViewDefinition makes of the resources of its type.
struct TableRequest {
  std::string name;        ///< of the output; no two tables of a request share one
  std::string definition;  ///< its JSON, which compiles
  /// "ViewDefinition/a/_history/2": where it was stored; empty: it came with the request.
  std::string source = {};
};

/// The tables that an export makes instead of files of resources (E-20).
struct TablesRequest {
  std::vector<TableRequest> tables;
  table::Format format = table::Format::kNdjson;
  bool csv_header = true;
  /// Neither deletions, nor resources that are exported because others refer to them.
  bool alone = true;
  /// Records that break a rule of a view are left out of its table and told in outcome files;
  /// else the first one fails the job.
  bool reports_faults = false;
  std::string tracking_id = {};  ///< the client's own name for the job
};

struct ExportRequest {
  ExportLevel level = ExportLevel::kSystem;
  std::string group_id;  ///< kGroup
  /// kGroup: of several groups the others; a patient of any of them belongs to the export.
  std::vector<std::string> other_groups = {};
  /// The requested types, sorted; empty: all types of R4.
  std::vector<fhir::ResourceType> types;
  OutputFormat output_format = OutputFormat::kNdjson;
  std::optional<TablesRequest> tables;  ///< `types` are those of their views
  std::optional<Instant> since;         ///< lastUpdated later than it
  std::optional<Instant> until;         ///< lastUpdated earlier than it
  std::vector<std::string> elements;    ///< as given, checked
  /// Several of one type are alternatives; a type without one is not limited.
  std::vector<TypeFilter> type_filters;
  AccessLimits limits;  ///< what the client may see by its scopes; not its to ask for
  /// Patients to limit to: ids, sorted, unique; nullopt: not limited.
  std::optional<std::vector<std::string>> patients;
  /// For a Group export with `_since`: include resources of patients who joined later, whatever
  /// their age (P-13). A setting of the server, not of the client.
  bool history_of_new_members = false;
  /// The type by whose instances the output is organised (P-09); nullopt: by resource type.
  std::optional<fhir::ResourceType> organize_by;
  /// Whether the compartments of patients decide what belongs to it: always but at system level,
  /// where they do when it is organised by Patient.
  bool is_by_patient() const {
    return level != ExportLevel::kSystem || organize_by == fhir::types::kPatient;
  }
  /// Whether blocks are put together by sorting: only what refers to an instance is exported.
  bool sorts_blocks() const { return organize_by && *organize_by != fhir::types::kPatient; }
  /// Given, Provenance is among `types` when there are any.
  std::optional<AssociatedProvenance> associated_provenance;
  /// Finished files are shown while the job runs, and the manifest comes in pages (P-10).
  bool partial_manifests = false;
  std::optional<std::uint64_t> file_size_min;  ///< bytes of NDJSON
  std::optional<std::uint64_t> file_size_max;
  /// With `Prefer: handling=lenient`: what was skipped, for the outcome file.
  std::vector<std::string> skipped;
  /// The status endpoint answers for itself and puts the job's state in X-Export-Status (K-04).
  bool separate_export_status = false;
  /// How the client gets what Attachment.url names (F-06).
  AttachmentAccess attachment_access = AttachmentAccess::kOpen;
  std::string url;       ///< the kick-off URL, for the manifest's `request`
  std::string base_url;  ///< the public FHIR base of the kick-off, for the manifest's URLs

  bool wants(fhir::ResourceType type) const;
  /// Whether it is one of the groups of the request.
  bool names_group(std::string_view id) const;
};

/// A view that `_viewDefinition` names.
struct RequestedView {
  TableRequest table;
  fhir::ResourceType type;  ///< of its resources
};

/// How the parameters are read.
struct ExportRequestContext {
  ExportLevel level = ExportLevel::kSystem;
  bool lenient = false;  ///< Prefer: handling=lenient
  std::string base_url;  ///< to understand absolute references to patients
  /// Finds and compiles the view of a value of `_viewDefinition` (see export_views.h). Its errors
  /// name the view. Without it the parameter is refused.
  std::function<Result<RequestedView>(const fhir::Parameter& parameter)> find_view = {};
};

/// Checks names, values and combinations. kInvalid (or kUnsupported) names the parameter and the
/// value, or what there is too much of; with `lenient` what can be skipped is skipped and listed in
/// `skipped`.
Result<ExportRequest> parse_export_request(const std::vector<fhir::Parameter>& parameters,
                                           const ExportRequestContext& context);

}  // namespace sluice::bulk
