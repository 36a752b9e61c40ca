#include "bulk/import/import_manifest.h"

#include <boost/json.hpp>

#include "base/instant.h"
#include "base/json_text.h"
#include "bulk/import/import_state.h"
#include "fhir/resource_type.h"

namespace sluice::bulk {
namespace {

namespace json = boost::json;

}  // namespace

// The proposal's text says `input`, its example and the servers there are say `inputUrl`: both.
Result<std::string> import_manifest(
    const store::Store& store, const job::Job& job, const ImportRequest& request,
    bool requires_access_token,
    const std::function<Result<std::string>(std::string_view name)>& url_of) {
  json::array output;
  json::array error;
  for (unsigned number = 0; number < request.inputs.size(); ++number) {
    const ImportInput& input = request.inputs[number];
    const std::string key = import_state_key(job.id, number);
    SLUICE_ASSIGN_OR_RETURN(const auto stored, store.document(key));
    if (!stored) return corrupt("a stored import cannot be read", key);
    SLUICE_ASSIGN_OR_RETURN(const auto state, parse_import_state(*stored));
    const ImportResult& result = state.so_far;
    output.push_back({{"type", json::string(fhir::type_name(input.type))},
                      {"input", input.url},
                      {"inputUrl", input.url},
                      {"count", result.accepted()},
                      {"extension",
                       {{"created", result.counts.created},
                        {"updated", result.counts.updated},
                        {"unchanged", result.counts.unchanged},
                        {"superseded", result.superseded}}}});
    if (result.file.empty()) continue;
    SLUICE_ASSIGN_OR_RETURN(const auto url, url_of(result.file));
    error.push_back({{"type", "OperationOutcome"},
                     {"input", input.url},
                     {"inputUrl", input.url},
                     {"count", result.problems},
                     {"url", url},
                     {"fileSize", result.file_size}});
  }
  return json_text(json::object{{"transactionTime", to_fhir_instant(job.finished)},
                                {"request", request.url},
                                {"requiresAccessToken", requires_access_token},
                                {"outputFormat", "application/fhir+ndjson"},
                                {"output", std::move(output)},
                                {"error", std::move(error)}});
}

}  // namespace sluice::bulk
