#include "bulk/group/cohort_request.h"

#include <boost/json.hpp>
#include <exception>

#include "base/json_text.h"
#include "fhir/resource_type.h"

namespace sluice::bulk {
namespace {

namespace json = boost::json;

}  // namespace

std::string serialize(const CohortRequest& request) {
  json::object object{{"operation", static_cast<int>(request.operation)},
                      {"url", request.url},
                      {"base", request.base_url},
                      {"id", request.group_id},
                      {"group", request.group_json},
                      {"stores", request.stores_members},
                      {"resource", request.wants_resource}};
  if (request.version) object["version"] = *request.version;
  if (!request.group_limit.empty()) object["limit"] = json::value_from(request.group_limit);
  return json_text(object);
}

Result<CohortRequest> parse_stored_cohort_request(std::string_view text) {
  try {
    const auto object = stored_object(text);
    CohortRequest request;
    const auto operation = object.at("operation").to_number<std::uint8_t>();
    if (operation > static_cast<std::uint8_t>(CohortRequest::Operation::kRefresh))
      return corrupt("a stored cohort request cannot be read", "operation");
    request.operation = static_cast<CohortRequest::Operation>(operation);
    request.url = object.at("url").as_string();
    request.base_url = object.at("base").as_string();
    request.group_id = object.at("id").as_string();
    if (!fhir::is_valid_id(request.group_id))
      return corrupt("a stored cohort request cannot be read", "id");
    request.group_json = object.at("group").as_string();
    request.stores_members = object.at("stores").as_bool();
    request.wants_resource = object.at("resource").as_bool();
    if (const auto* version = object.if_contains("version"))
      request.version = version->to_number<std::uint32_t>();
    if (const auto* limit = object.if_contains("limit"))
      request.group_limit = json::value_to<search::QueryLimit>(*limit);
    return request;
  } catch (const std::exception& e) {
    return corrupt("a stored cohort request cannot be read", e.what());
  }
}

Result<std::shared_ptr<const CohortRequest>> cohort_request_of(const job::Job& job) {
  return job.request.read<CohortRequest>(
      {.parse = parse_stored_cohort_request,
       .drop_work = [](CohortRequest& request) { request.group_json = {}; }});
}

std::string serialize(const CohortOutcome& outcome) {
  return json_text(json::object{{"status", outcome.status},
                                {"version", outcome.version},
                                {"instant", outcome.last_updated.milliseconds},
                                {"members", outcome.members},
                                {"error", outcome.error}});
}

Result<CohortOutcome> parse_cohort_outcome(std::string_view text) {
  try {
    const auto object = stored_object(text);
    CohortOutcome outcome;
    outcome.status = object.at("status").to_number<int>();
    if (outcome.status != 0 && (outcome.status < 200 || outcome.status > 599))
      return corrupt("the outcome of a cohort cannot be read", "status");
    outcome.version = object.at("version").to_number<std::uint32_t>();
    outcome.last_updated = stored_instant(object.at("instant"));
    outcome.members = object.at("members").to_number<std::uint64_t>();
    outcome.error = object.at("error").as_string();
    return outcome;
  } catch (const std::exception& e) {
    return corrupt("the outcome of a cohort cannot be read", e.what());
  }
}

}  // namespace sluice::bulk
