#include "job/stored_jobs.h"

#include <string>
#include <utility>

#include "job/documents.h"

namespace sluice::job {
namespace {

constexpr std::size_t kPage = 1000;

Job read_job(std::string_view id, std::string_view text) {
  auto job = parse_job(id, text);
  return job ? std::move(*job) : salvage_job(id, text, job.error());
}

}  // namespace

Result<std::vector<Job>> stored_jobs(const store::Store& store) {
  const std::string prefix = job_key({});
  std::vector<Job> jobs;
  std::string after;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const auto page, store.documents(prefix, after, kPage));
    if (page.empty()) return jobs;
    for (const auto& document : page)
      jobs.push_back(
          read_job(std::string_view(document.key).substr(prefix.size()), document.value));
    after = page.back().key;
  }
}

Result<std::optional<Job>> stored_job(const store::Store& store, std::string_view job_id) {
  SLUICE_ASSIGN_OR_RETURN(const auto text, store.document(job_key(job_id)));
  if (!text) return std::optional<Job>();
  return std::optional(read_job(job_id, *text));
}

Result<std::vector<Shard>> stored_shards(const store::Store& store, std::string_view job_id,
                                         ShardPosition from, std::size_t limit) {
  SLUICE_ASSIGN_OR_RETURN(const auto page,
                          store.documents(shard_prefix(job_id), key_before(job_id, from), limit));
  std::vector<Shard> shards;
  shards.reserve(page.size());
  for (const auto& document : page) {
    SLUICE_ASSIGN_OR_RETURN(auto shard, parse_shard(document.key, document.value));
    shards.push_back(std::move(shard));
  }
  return shards;
}

Result<void> each_shard(const store::Store& store, std::string_view job_id, std::size_t at_once,
                        const std::function<Result<void>(Shard)>& visit) {
  ShardPosition from;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(auto page, stored_shards(store, job_id, from, at_once));
    if (page.empty()) return {};
    from = page.back().position();
    ++from.number;
    for (auto& shard : page) SLUICE_RETURN_IF_ERROR(visit(std::move(shard)));
  }
}

}  // namespace sluice::job
