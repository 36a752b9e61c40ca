// What the interactions with resources share: reading preferences and conditions of a request,
// audit lines, and the answer to a write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/core/principal.h"
#include "api/core/request_headers.h"
#include "api/core/service.h"
#include "base/result.h"
#include "fhir/resource_reader.h"
#include "fhir/resource_type.h"
#include "http/message.h"
#include "rest/interactions.h"
#include "rest/validation.h"

namespace sluice::api {

/// Of ids that the server makes: random, as 32 hexadecimal digits.
inline constexpr std::size_t kIdBytes = 16;

/// "Patient/a".
std::string name_of(const fhir::ResourceId& key);

struct WriteOptions {
  Preferences preferences;
  rest::Condition condition;
};
/// Prefer and the conditions of a request whose only parameter is _format. A client that sends raw
/// bytes gets a resource back only if it prefers so, whatever it accepts.
Result<WriteOptions> read_write_options(const http::Request& request, bool is_raw = false);
/// The same without looking at the parameters and the format.
Result<WriteOptions> read_write_headers(const http::Request& request, bool is_raw = false);

/// Checks that a resource has the type of the address, and passes validation. Callers that allow
/// member-filter must call authorize_cohort() for what the filters read.
Result<void> check_type(const Service& service, const fhir::IncomingResource& resource,
                        fhir::ResourceType type,
                        rest::MemberFilters filters = rest::MemberFilters::kRefused);

/// Writes an audit line about a resource; with `why`, one that says that the action failed.
Result<void> audit_resource(const Service& service, const http::Request& request,
                            const Principal& principal, smart::AuditKind kind,
                            const std::string& subject, const std::string& why = {});

/// The response, or the error as an OperationOutcome.
http::Response answer(const http::Request& request, Result<http::Response> response);
/// The answer to a patch; names the supported formats when the patch's own was refused.
http::Response patch_answer(http::Response response);
/// Sets ETag and Last-Modified.
void set_version(http::Response& response, const rest::Stored& stored);
/// The issues of light validation in a resource that was just stored; logs its id and their number.
/// None where validation is strict. `token_offsets`: of `json`, as in fhir::StoredText.
std::vector<std::string> passed_faults(const Service& service, const http::Request& request,
                                       const fhir::ResourceId& key, std::string_view json,
                                       const std::vector<std::uint32_t>& token_offsets);
/// An OperationOutcome that states what was done, with a warning for each tolerated issue.
std::string outcome_of_write(std::string_view done, const std::vector<std::string>& faults);
/// The answer to a write, as the client prefers it; also logs the tolerated issues.
http::Response written_response(const Service& service, const http::Request& request,
                                const Preferences& preferences, const fhir::ResourceId& key,
                                rest::Written written);
/// The preferences for what the client did not send whole itself, as of a patch: without the right
/// to read the result it gets no representation, for that would be reading it.
Result<Preferences> preferences_for_result(const Service& service, const http::Request& request,
                                           const Principal& principal, fhir::ResourceType type,
                                           std::string_view json, Preferences preferences);
/// The address of a version.
std::string version_url(const Service& service, const http::Request& request,
                        const fhir::ResourceId& key, std::uint32_t version);

}  // namespace sluice::api
