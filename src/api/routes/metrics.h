// What the server counts and measures, by who may know it.
#pragma once

#include <memory>
#include <string>

#include "base/metrics.h"

namespace sluice::api {

struct ServerMetrics {
  /// For everybody: /metrics is public.
  std::shared_ptr<Metrics> of_server = std::make_shared<Metrics>();
  /// How many resources there are, and when they change, is data too: for who may read all
  /// of it, which on an open server is everybody.
  std::shared_ptr<Metrics> of_store = std::make_shared<Metrics>();

  std::string text() const { return of_server->text() + of_store->text(); }
};

}  // namespace sluice::api
