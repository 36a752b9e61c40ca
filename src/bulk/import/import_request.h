// What a client asks an import for: the body of [base]/$import, checked (I-03).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/import/import_folders.h"
#include "fhir/light_validation.h"
#include "fhir/resource_type.h"
#include "job/job.h"

namespace sluice::bulk {

struct ImportInput {
  fhir::ResourceType type;
  std::string url;  ///< may hold a secret in its query
};

struct ImportRequest {
  std::string url;       ///< of the kick-off
  std::string base_url;  ///< of the server, as the client sees it
  std::string source;    ///< inputSource: absolute references below it count as local; may be empty
  bool separate_export_status = false;
  fhir::Leniency leniency = fhir::Leniency::kStrict;  ///< as the server had it at the kick-off
  std::vector<ImportInput> inputs;
  /// Types that conditional references may search; nullopt: all.
  std::optional<std::vector<fhir::ResourceType>> searchable = std::nullopt;

  /// The types of the inputs, each once, sorted.
  std::vector<fhir::ResourceType> types() const;
};

struct ImportRules {
  const ImportFolders* folders = nullptr;  ///< for storageDetail "file"
  bool allow_plain_http = false;
  std::size_t inputs_max = 1000;
};

/// Reads the body: a Parameters resource, or the plain JSON object of the manifest proposal.
/// kInvalid and kUnsupported name the parameter and the value, kForbidden a folder that is not
/// open, kTooLarge more inputs than allowed.
Result<ImportRequest> parse_import_request(std::string_view body, const ImportRules& rules);

/// What is stored with the job.
std::string serialize(const ImportRequest& request);
Result<ImportRequest> parse_stored_import(std::string_view text);
/// Read once for a job, however many ask. kCorrupt as parse_stored_import.
Result<std::shared_ptr<const ImportRequest>> import_request_of(const job::Job& job);

}  // namespace sluice::bulk
