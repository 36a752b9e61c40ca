// A cohort as the job engine sees it: a shard for each filter and range of resources, then one that
// brings their findings together and writes the Group.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bulk/group/cohort.h"
#include "bulk/group/cohort_request.h"
#include "job/engine.h"
#include "store/store.h"

namespace sluice::bulk {

/// Thread-safe. The store must outlive it.
class CohortJobs final : public job::JobKind {
 public:
  static constexpr std::string_view kName = "cohort";
  static constexpr std::uint64_t kPartSize = 32u << 20;

  explicit CohortJobs(store::Store& store, std::uint64_t part_size = kPartSize)
      : store_(store), part_size_(part_size) {}

  std::string_view name() const override { return kName; }
  bool reads_snapshot() const override { return true; }
  Result<std::optional<std::vector<job::ShardPlan>>> plan(const job::Job& job,
                                                          const std::stop_token& stop) override;
  Result<std::string> run(const job::Job& job, const job::Shard& shard,
                          const job::ShardContext& context) override;
  void discard(std::string_view job_id) override;
  bool in_use(std::string_view) override { return false; }
  std::vector<std::string> leftovers() override;

 private:
  struct Prepared {
    explicit Prepared(std::shared_ptr<const CohortRequest> s)
        : stored(std::move(s)), request(*stored) {}

    const std::shared_ptr<const CohortRequest> stored;
    const CohortRequest& request;
    std::string group_json;
    std::uint32_t version = 0;  ///< of kRefresh: the one that is evaluated
    search::Cohort cohort;      ///< resolved
  };

  /// nullptr when a refresh finds no cohort any more.
  Result<std::shared_ptr<const Prepared>> prepare(const job::Job& job);
  Result<std::vector<SubjectIds>> collect(const job::Job& job, std::size_t filters) const;
  Result<CohortOutcome> write(const job::Job& job, const Prepared& prepared);
  /// Writes what the request's limit allows; errors as ScopedStore::write.
  Result<store::WriteOutcome> write_as(const CohortRequest& request,
                                       const store::Transaction& transaction);
  Result<CohortOutcome> write_group(const job::Job& job, const Prepared& prepared,
                                    const std::string& text, const SubjectIds* members);

  store::Store& store_;
  const std::uint64_t part_size_;
  std::mutex mutex_;
  /// Chains are resolved once a job. Guarded by mutex_.
  std::map<std::string, std::shared_ptr<const Prepared>, std::less<>> prepared_;
};

/// The outcome of a finished cohort job.
Result<CohortOutcome> cohort_outcome(const store::Store& store, std::string_view job_id);

}  // namespace sluice::bulk
