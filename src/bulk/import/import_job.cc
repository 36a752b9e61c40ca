#include "bulk/import/import_job.h"

#include <sys/stat.h>

#include "base/log.h"
#include "bulk/import/import_request.h"
#include "bulk/import/import_state.h"

namespace sluice::bulk {
namespace {

constexpr std::size_t kPage = 1000;
constexpr std::string_view kStatePrefix = "import/";
// What an input counts as before its size is known.
constexpr std::uint64_t kUnknownWeight = 64u << 20;

}  // namespace

Result<std::optional<std::vector<job::ShardPlan>>> ImportJobs::plan(const job::Job& job,
                                                                    const std::stop_token&) {
  if (job.phase > 1) return std::optional<std::vector<job::ShardPlan>>();
  SLUICE_ASSIGN_OR_RETURN(const auto request, import_request_of(job));
  if (job.phase == 1) {
    SLUICE_ASSIGN_OR_RETURN(const bool has_more, has_deferred(parts_, *request, job));
    if (!has_more) return std::optional<std::vector<job::ShardPlan>>();
    return std::optional(std::vector<job::ShardPlan>{{{}, kUnknownWeight}});
  }
  std::vector<job::ShardPlan> shards;
  for (const auto& input : request->inputs) {
    std::uint64_t weight = kUnknownWeight;
    if (input.url.starts_with("file:")) {
      // A file that is not there is a problem of the shard.
      struct stat status {};
      const auto file = parts_.folders.open_file(input.url);
      weight = file && ::fstat(file->get(), &status) == 0
                   ? static_cast<std::uint64_t>(status.st_size)
                   : 1;
    }
    shards.push_back({{}, weight});
  }
  return std::optional(std::move(shards));
}

Result<std::string> ImportJobs::run(const job::Job& job, const job::Shard& shard,
                                    const job::ShardContext& context) {
  SLUICE_ASSIGN_OR_RETURN(const auto request, import_request_of(job));
  if (shard.phase == 1) {
    SLUICE_RETURN_IF_ERROR(run_deferred_import(parts_, *request, job, context));
    return serialize(ImportResult{});
  }
  if (shard.number >= request->inputs.size())
    return corrupt("a stored import cannot be read", "shard without input");
  SLUICE_ASSIGN_OR_RETURN(const auto result,
                          run_import_shard(parts_, *request, job, shard, context));
  return serialize(result);
}

Result<void> ImportJobs::remove_states(std::string_view job_id) {
  const std::string prefix = import_state_prefix(job_id);
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const auto page, parts_.store.documents(prefix, {}, kPage));
    if (page.empty()) return {};
    store::Transaction removal;
    removal.durable = false;
    for (const auto& document : page) removal.documents.push_back({document.key, std::nullopt});
    SLUICE_RETURN_IF_ERROR(parts_.store.write(removal));
  }
}

void ImportJobs::discard(std::string_view job_id) {
  if (const auto removed = parts_.files.remove_folder(job_id); !removed)
    spdlog::error("cannot remove files job={} detail=\"{}\"", job_id, removed.error().detail);
  std::error_code failed;
  std::filesystem::remove_all(parts_.spool / job_id, failed);
  if (failed) spdlog::error("cannot remove inputs job={} detail=\"{}\"", job_id, failed.message());
  if (const auto removed = remove_states(job_id); !removed)
    spdlog::error("cannot remove states job={} detail=\"{}\"", job_id, removed.error().detail);
}

bool ImportJobs::in_use(std::string_view job_id) {
  return parts_.files.open_files(job_id) > 0;
}

std::vector<std::string> ImportJobs::leftovers() {
  std::vector<std::string> ids;
  std::string after;
  while (true) {
    const auto page = parts_.store.documents(kStatePrefix, after, 1);
    if (!page || page->empty()) break;
    const std::string& key = page->front().key;
    ids.push_back(
        key.substr(kStatePrefix.size(), key.find('/', kStatePrefix.size()) - kStatePrefix.size()));
    after = import_state_prefix(ids.back()) + "~";
  }
  std::error_code failed;
  std::filesystem::directory_iterator folders(parts_.spool, failed);
  for (; !failed && folders != std::filesystem::directory_iterator(); folders.increment(failed))
    ids.push_back(folders->path().filename().string());
  return ids;
}

}  // namespace sluice::bulk
