#include "api/core/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sluice::api {

std::string Service::base_url(const http::Request& request) const {
  if (!options.base_url.empty()) return options.base_url;
  return fmt::format("{}{}", request.origin, kFhirPath);
}

Result<std::optional<SearchSlots::Slot>> take_slot(const Service& service,
                                                   const http::Request& request) {
  if (request.deadline) return std::optional<SearchSlots::Slot>();
  SLUICE_ASSIGN_OR_RETURN(auto slot, service.searches->take());
  return std::optional(std::move(slot));
}

query::Bounds search_bounds(const Service& service, const http::Request& request) {
  auto deadline = std::chrono::steady_clock::now() + service.options.search_timeout;
  if (request.deadline) deadline = std::min(deadline, *request.deadline);
  return {.stop = service.stopping.get_token(), .deadline = deadline};
}

std::string status_url(std::string_view base_url, std::string_view job_id) {
  return fmt::format("{}/jobs/{}", base_url, job_id);
}

std::string files_url(std::string_view base_url, std::string_view job_id) {
  return fmt::format("{}/jobs/{}/files/", base_url, job_id);
}

std::string pages_url(std::string_view base_url, std::string_view job_id) {
  return fmt::format("{}/jobs/{}/manifest/", base_url, job_id);
}

std::string attachment_url(std::string_view base_url, std::string_view job_id,
                           std::string_view binary) {
  return fmt::format("{}/jobs/{}/Binary/{}", base_url, job_id, binary);
}

}  // namespace sluice::api
