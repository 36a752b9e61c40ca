// A Sluice store as what a pull goes into (`--into DATA`).
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "client/pull_target.h"

namespace sluice::cli {

class StoreTarget final : public client::PullTarget {
 public:
  /// `base_url`: absolute references below it count as local. `notice`: for people.
  StoreTarget(std::string data, std::string base_url, std::stop_token stop,
              std::function<void(const std::string&)> notice)
      : data_(std::move(data)),
        base_url_(std::move(base_url)),
        stop_(std::move(stop)),
        notice_(std::move(notice)) {}

  /// Whether the store can be written now: better known before hours of downloads. Makes it when it
  /// is not there.
  Result<void> check() const;
  Result<client::Delivered> put(const std::vector<std::filesystem::path>& files) override;
  Result<client::Delivered> remove(
      const std::vector<std::pair<std::string, std::string>>& resources) override;

 private:
  const std::string data_;
  const std::string base_url_;
  const std::stop_token stop_;
  const std::function<void(const std::string&)> notice_;
};

}  // namespace sluice::cli
