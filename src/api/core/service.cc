#include "api/core/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sluice::api {

std::string Service::base_url(const http::Request& request) const {
  if (!options.base_url.empty()) return options.base_url;
  return fmt::format("{}{}", request.origin, kFhirPath);
}

std::shared_ptr<SharedSlot> slot_of(const Service& service, const http::Request& request) {
  if (request.deadline) return nullptr;
  return service.slot != nullptr ? service.slot : std::make_shared<SharedSlot>(service.searches);
}

Result<std::shared_ptr<SharedSlot>> take_slot(const Service& service,
                                              const http::Request& request) {
  auto slot = slot_of(service, request);
  if (slot != nullptr) SLUICE_RETURN_IF_ERROR(slot->take());
  return slot;
}

query::Bounds search_bounds(const Service& service, const http::Request& request) {
  auto deadline = std::chrono::steady_clock::now() + service.options.search_timeout;
  if (request.deadline) deadline = std::min(deadline, *request.deadline);
  return {.stop = service.stopping.get_token(), .deadline = deadline};
}

std::string status_url(std::string_view base_url, std::string_view job_id) {
  return fmt::format("{}/jobs/{}", base_url, job_id);
}

std::string result_url(std::string_view base_url, std::string_view job_id) {
  return fmt::format("{}/jobs/{}/result", base_url, job_id);
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
