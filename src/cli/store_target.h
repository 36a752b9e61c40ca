// A Sluice store as the target of a pull (`--into DATA`).
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "cli/source_registry.h"
#include "client/protocol/pull_request.h"
#include "client/sync/pull_target.h"

namespace sluice::cli {

class StoreTarget final : public client::PullTarget {
 public:
  /// `request`: what is pulled; absolute references below its base count as local. `folder`: that
  /// of the pull, which with the request makes it a source of its own. `notice`: for people.
  StoreTarget(std::string data, const client::PullRequest& request,
              const std::filesystem::path& folder, std::stop_token stop,
              std::function<void(const std::string&)> notice);

  /// Checks that the store can be written now, before hours of downloads. Creates it if it is
  /// missing.
  Result<void> check() const;
  Result<client::Delivered> put(const std::vector<std::filesystem::path>& files) override;
  Result<client::Delivered> remove(
      const std::vector<std::pair<std::string, std::string>>& resources) override;
  Result<std::map<std::string, std::uint64_t>> totals() override;
  Result<client::Gone> find_gone(const std::vector<std::filesystem::path>& files) override;

 private:
  const std::string data_;
  const std::string base_url_;
  const std::filesystem::path scratch_;
  SourceRegistry sources_;
  const std::stop_token stop_;
  const std::function<void(const std::string&)> notice_;
};

}  // namespace sluice::cli
