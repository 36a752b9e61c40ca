// Metrics of the running program, for Prometheus. Counters and histograms are prometheus-cpp's;
// this adds what it lacks: values that are read on demand, and a text in a stable order
// (docs/decisions/0044).
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/labels.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// Thread-safe. Names are "sluice_<module>_<what>", then the unit: "_seconds", "_bytes"; a counter
/// ends with "_total". Labels name a kind (a route's name, a status): never a path, an id or other
/// PHI, and nothing whose number of values a client controls.
class Metrics {
 public:
  /// A counter for each set of labels: `Add(labels)` creates or finds it. It lives as long as this
  /// object. Add() takes a lock; incrementing takes none.
  prometheus::Family<prometheus::Counter>& counters(const std::string& name,
                                                    const std::string& help);
  /// A histogram for each set of labels: `Add(labels, bounds)`, with the upper bounds of the
  /// buckets, except the last one, which has none.
  prometheus::Family<prometheus::Histogram>& histograms(const std::string& name,
                                                        const std::string& help);

  /// Reads values from where they are kept.
  using Reader = std::function<std::vector<prometheus::MetricFamily>()>;

  /// Registers a reader as long as it lives; the destructor waits for a running reader.
  class [[nodiscard]] Registration {
   public:
    Registration() = default;
    Registration(Registration&& other) noexcept;
    Registration& operator=(Registration&& other) noexcept;
    ~Registration();

   private:
    friend class Metrics;
    Registration(Metrics& metrics, std::uint64_t id) : metrics_(&metrics), id_(id) {}

    Metrics* metrics_ = nullptr;
    std::uint64_t id_ = 0;
  };

  /// Calls `reader` at each text(), from any thread, never concurrently. This must outlive the
  /// result. A reader must not register anything.
  Registration add(Reader reader);

  /// All metrics in the text format 0.0.4, sorted by name, and within a name by labels.
  std::string text() const;

 private:
  prometheus::Registry registry_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Reader> readers_;  // guarded by mutex_
  std::uint64_t next_id_ = 0;                // guarded by mutex_
};

/// The media type of text().
inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

/// A value that a reader has read.
struct MetricValue {
  prometheus::Labels labels;
  double value = 0;
};

/// A value that goes up and down.
prometheus::MetricFamily gauge_family(std::string name, std::string help,
                                      const std::vector<MetricValue>& values);
/// A value that only grows while the program runs.
prometheus::MetricFamily counter_family(std::string name, std::string help,
                                        const std::vector<MetricValue>& values);

}  // namespace sluice
