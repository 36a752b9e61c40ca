// The server's metrics, by who may read them.
#pragma once

#include <memory>
#include <string>

#include "base/metrics.h"

namespace sluice::api {

struct ServerMetrics {
  /// For everybody: /metrics is public.
  std::shared_ptr<Metrics> of_server = std::make_shared<Metrics>();
  /// The number of resources, and when it changes, is data too: only for clients that may
  /// read everything, which on an open server all may.
  std::shared_ptr<Metrics> of_store = std::make_shared<Metrics>();

  std::string text() const { return of_server->text() + of_store->text(); }
};

}  // namespace sluice::api
