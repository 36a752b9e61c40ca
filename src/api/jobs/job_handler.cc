#include "api/jobs/job_handler.h"

#include <fmt/format.h>

#include "bulk/export/request/export_request.h"

namespace sluice::api {

std::string JobHandler::progress(const job::JobView& view) const {
  return fmt::format("{:.0f}% {}", 100 * view.progress, words().progress);
}

Result<void> JobHandler::add_early_result(const Service&, const Principal&, const job::JobView&,
                                          http::Response&) const {
  return {};
}

Result<bool> JobHandler::is_file_finished(const Service&, const job::Job&, std::string_view) const {
  return false;
}

std::string_view JobHandler::media_type(std::string_view file_name) const {
  return bulk::media_type(file_name.ends_with(".parquet") ? bulk::OutputFormat::kParquet
                                                          : bulk::OutputFormat::kNdjson);
}

Result<void> JobHandler::report_request(const job::Job&, boost::json::object&) const {
  return {};
}

Result<std::vector<PlanPart>> JobHandler::plan_parts(const job::Shard&) const {
  return std::vector<PlanPart>();
}

}  // namespace sluice::api
