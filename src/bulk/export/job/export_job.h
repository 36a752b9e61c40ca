// The export as the job engine sees it, and the one way to start one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/export/plan/export_plan.h"
#include "bulk/export/request/export_request.h"
#include "bulk/export/shard/export_worker.h"
#include "job/engine.h"
#include "output/file_store.h"
#include "query/bounds.h"
#include "store/store.h"

namespace sluice::bulk {

/// Thread-safe. `store` and `files` must outlive it.
class ExportJobs final : public job::JobKind {
 public:
  static constexpr std::string_view kName = "export";
  /// Exports of tables are a kind of their own, with a status and a result of their own (E-21).
  static constexpr std::string_view kTablesName = "sql-export";

  /// `binary_url`: what attachments of this server get as their URL. `name`: kName or kTablesName.
  ExportJobs(const store::Store& store, output::FileStore& files, ExportSizes sizes,
             BinaryUrl binary_url, std::string_view name = kName);

  std::string_view name() const override { return name_; }
  bool reads_snapshot() const override { return true; }

  Result<std::optional<std::vector<job::ShardPlan>>> plan(const job::Job& job,
                                                          const std::stop_token& stop) override;
  Result<std::string> run(const job::Job& job, const job::Shard& shard,
                          const job::ShardContext& context) override;
  void discard(std::string_view job_id) override;
  bool in_use(std::string_view job_id) override;
  std::vector<std::string> leftovers() override;

 private:
  Result<std::shared_ptr<const PreparedExport>> prepare(const job::Job& job,
                                                        const std::stop_token& stop);
  /// What the shards of a job's phases before `phase` left for it.
  struct InternalFiles {
    unsigned phase = 0;
    std::vector<InternalLines> references;
    std::uint64_t references_count = 0;
    FoundProvenances provenances;
    std::vector<RunFile> runs;
    std::set<std::string, std::less<>> tables;  ///< those that have a file
  };
  using InternalFilesPtr = std::shared_ptr<const InternalFiles>;
  /// Reads the results of these shards once: they are all done, and do not change.
  Result<InternalFilesPtr> internal_files(const job::Job& job, unsigned phase);
  Result<bool> may_have_had_devices(const ExportRequest& request) const;
  Result<std::vector<job::ShardPlan>> plan_supporting(const job::Job& job,
                                                      const ExportRequest& request);
  Result<std::vector<job::ShardPlan>> plan_empty_tables(const job::Job& job,
                                                        const TablesRequest& tables);
  Result<std::vector<job::ShardPlan>> plan_merge(const job::Job& job, std::string_view purpose,
                                                 ReadMode mode);
  Result<void> clean_up(const job::Job& job, const ExportRequest& request);
  void forget(std::string_view job_id);
  Result<ShardInputs> inputs_of(const job::Job& job, const job::Shard& shard,
                                const PreparedExport& prepared);
  Result<std::shared_ptr<const ClosedReferences>> referred_by(const job::Job& job,
                                                              const ExportRequest& request);

  const store::Store& store_;
  output::FileStore& files_;
  const ExportSizes sizes_;
  const BinaryUrl binary_url_;
  const std::string_view name_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const PreparedExport>, std::less<>>
      prepared_;  // guarded by mutex_
  std::map<std::string, std::shared_ptr<const ClosedReferences>, std::less<>>
      referred_;  // guarded by mutex_
  std::map<std::string, InternalFilesPtr, std::less<>>
      internal_;  // of each job's latest phase, guarded by mutex_
};

/// Checks that the groups of a request are there for its client, and can be resolved. kNotFound, or
/// errors as check_groups().
Result<void> check_groups_of(const store::Store& store, const ExportRequest& request,
                             const store::Commit& snapshot, const query::Bounds& bounds);

/// The patients of a request who are there for its client, and what to say of the others.
struct KnownPatients {
  std::vector<std::string> known = {};
  std::string missing = {};  ///< names the first ones; empty: all are known
};
Result<KnownPatients> known_patients(const store::Store& store, const ExportRequest& request,
                                     const store::Commit& snapshot, const query::Bounds& bounds);

/// Checks what of a request needs the store as of `snapshot`: that the group and the patients are
/// there (P-07) and that the patients are members. kNotFound for the group, kInvalid for patients.
/// Whether a client may see them can take long to find out: errors of the bounds.
Result<void> check_against_store(const store::Store& store, ExportRequest& request,
                                 const store::Commit& snapshot, bool lenient,
                                 const query::Bounds& bounds = {});

}  // namespace sluice::bulk
