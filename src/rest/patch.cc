#include "rest/patch.h"

#include <fmt/format.h>

#include <utility>

#include "rest/retries.h"
#include "rest/validation.h"

namespace sluice::rest {
namespace {

using Kind = Condition::Kind;

// Each attempt that fails is another's write that succeeded.
constexpr int kAttemptsMax = 16;

Error unprocessable(std::string message) {
  return {ErrorKind::kUnprocessable, std::move(message)};
}

Result<void> check_condition(const fhir::ResourceId& key, const Condition& condition,
                             std::uint32_t version) {
  if (condition.kind == Kind::kNone || condition.kind == Kind::kPresent ||
      (condition.kind == Kind::kVersion && condition.version == version))
    return {};
  return Error{ErrorKind::kPreconditionFailed,
               fmt::format("the condition does not hold: {}/{} is version {}",
                           fhir::type_name(key.type), key.id, version)};
}

// The request was well formed; what it asked for is not.
Error wrong_result(Error error) {
  if (error.kind == ErrorKind::kInvalid) error.kind = ErrorKind::kUnprocessable;
  error.message = "the patched resource: " + error.message;
  return error;
}

}  // namespace

Result<std::string> patched_text(const fhir::ResourceId& key, std::string_view json,
                                 const JsonPatch& patch) {
  const fhir::ReaderLimits limits;
  const std::size_t size_max =
      key.type == fhir::types::kGroup ? limits.group_size_max : limits.resource_size_max;
  return patch.apply(json, {.depth_max = limits.depth_max, .added_max = size_max});
}

Result<fhir::IncomingResource> read_patched(const fhir::ResourceId& key,
                                            const fhir::JsonTokens& text, std::string_view base_url,
                                            Leniency leniency) {
  auto resource = fhir::ResourceReader({}, std::string(base_url)).read(text);
  if (!resource) return wrong_result(std::move(resource).error());
  if (resource->type != key.type) return unprocessable("a patch must not change resourceType");
  if (resource->id != key.id) return unprocessable("a patch must not change the id");
  SLUICE_RETURN_IF_ERROR(validate(*resource, MemberFilters::kRefused, leniency));
  return resource;
}

Result<fhir::IncomingResource> patched(const fhir::ResourceId& key, std::string_view json,
                                       const JsonPatch& patch, std::string_view base_url,
                                       Leniency leniency) {
  SLUICE_ASSIGN_OR_RETURN(const std::string text, patched_text(key, json, patch));
  fhir::JsonTokens tokens;
  if (auto read = tokens.read(text); !read) return wrong_result(std::move(read).error());
  return read_patched(key, tokens, base_url, leniency);
}

Result<Written> patch(store::Store& store, const fhir::ResourceId& key, const JsonPatch& patch,
                      const Condition& condition, std::string_view base_url,
                      const MayChange& may_change, Leniency leniency) {
  for (Retries retries(kAttemptsMax);;) {
    SLUICE_ASSIGN_OR_RETURN(const auto stored, read(store, key));
    if (may_change) SLUICE_RETURN_IF_ERROR(may_change(stored));
    SLUICE_RETURN_IF_ERROR(check_condition(key, condition, stored.version));
    SLUICE_ASSIGN_OR_RETURN(const auto resource,
                            patched(key, stored.json, patch, base_url, leniency));
    // Whatever the client's condition was: what was read is what must be replaced.
    auto written = update(store, resource, {Kind::kVersion, stored.version});
    if (written || written.error().kind != ErrorKind::kPreconditionFailed) return written;
    if (!retries.again()) break;
  }
  return Error{ErrorKind::kConflict, fmt::format("{}/{} is changed by other requests all the time",
                                                 fhir::type_name(key.type), key.id)};
}

}  // namespace sluice::rest
