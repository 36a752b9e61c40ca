// A Sluice store as the target of a pull (`--into DATA`).
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "cli/source_registry.h"
#include "client/pull/pull_state.h"
#include "client/sync/pull_target.h"

namespace sluice::cli {

class StoreTarget final : public client::PullTarget {
 public:
  /// `state`: of the folder of the pull, which gets a name in it: a source of its own, wherever the
  /// folder is moved. Absolute references below the base of its request count as local. `notice`:
  /// for people.
  static Result<std::unique_ptr<StoreTarget>> create(
      std::string data, client::PullState& state, std::stop_token stop,
      std::function<void(const std::string&)> notice);

  /// Checks that the store can be written now, before hours of downloads. Creates it if it is
  /// missing.
  Result<void> check() const;
  Result<void> begin() override;
  Result<bool> is_known() override;
  Result<client::Delivered> put(const std::vector<std::filesystem::path>& files) override;
  Result<client::Delivered> remove(
      const std::vector<std::pair<std::string, std::string>>& resources) override;
  Result<std::map<std::string, std::uint64_t>> totals() override;
  Result<client::Gone> find_gone(const std::vector<std::filesystem::path>& files) override;

 private:
  StoreTarget(std::string data, const client::PullState& state, std::string name,
              std::stop_token stop, std::function<void(const std::string&)> notice);
  void tell_of_others(std::size_t count) const;

  const std::string data_;
  const std::string base_url_;
  const std::filesystem::path scratch_;
  SourceRegistry sources_;
  const std::stop_token stop_;
  const std::function<void(const std::string&)> notice_;
};

}  // namespace sluice::cli
