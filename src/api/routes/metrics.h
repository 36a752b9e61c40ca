// Counters of the running server in the Prometheus text format.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "base/result.h"
#include "http/message.h"
#include "http/server.h"
#include "job/engine.h"
#include "store/store.h"

namespace sluice::api {

/// Thread-safe. Labels are route names, methods and statuses: never paths, ids or other PHI.
class Metrics {
 public:
  void record(const http::RequestRecord& request);
  /// All metrics, with the state of the engine at this moment, and of the store unless it is
  /// nullptr: numbers of resources are not for everybody.
  http::Response render(const job::Engine& engine, const store::Store* store) const;

 private:
  static constexpr std::array<double, 9> kBounds = {0.001, 0.0025, 0.005, 0.01, 0.05,
                                                    0.25,  1,      5,     30};  // seconds
  struct Durations {
    std::array<std::uint64_t, kBounds.size() + 1> counts{};
    double sum = 0;
    std::uint64_t total = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, int>, std::uint64_t>
      requests_;                                // guarded by mutex_
  std::map<std::string, Durations> durations_;  // guarded by mutex_
  std::map<std::string, std::uint64_t> bytes_;  // guarded by mutex_
  std::uint64_t aborted_ = 0;                   // guarded by mutex_
};

}  // namespace sluice::api
