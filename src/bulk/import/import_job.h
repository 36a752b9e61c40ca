// The import as the job engine sees it: a shard an input.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "bulk/import/import_shard.h"
#include "job/engine.h"

namespace sluice::bulk {

/// Thread-safe. Everything in `parts` must outlive it.
class ImportJobs final : public job::JobKind {
 public:
  static constexpr std::string_view kName = "import";

  explicit ImportJobs(const ImportParts& parts) : parts_(parts) {}

  std::string_view name() const override { return kName; }
  bool reads_snapshot() const override { return false; }
  Result<std::optional<std::vector<job::ShardPlan>>> plan(const job::Job& job,
                                                          const std::stop_token& stop) override;
  Result<std::string> run(const job::Job& job, const job::Shard& shard,
                          const job::ShardContext& context) override;
  void discard(std::string_view job_id) override;
  bool in_use(std::string_view job_id) override;
  std::vector<std::string> leftovers() override;

 private:
  Result<void> remove_states(std::string_view job_id);

  const ImportParts parts_;
};

}  // namespace sluice::bulk
