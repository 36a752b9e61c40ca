// A kind of jobs that has none, for tests that need an engine only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "job/engine.h"

namespace sluice::job {

class NoJobs final : public JobKind {
 public:
  std::string_view name() const override { return "none"; }
  bool reads_snapshot() const override { return false; }
  Result<std::optional<std::vector<ShardPlan>>> plan(const Job&, const std::stop_token&) override {
    return std::optional<std::vector<ShardPlan>>();
  }
  Result<std::string> run(const Job&, const Shard&, const ShardContext&) override {
    return std::string();
  }
  void discard(std::string_view) override {}
  bool in_use(std::string_view) override { return false; }
  std::vector<std::string> leftovers() override { return {}; }
};

}  // namespace sluice::job
