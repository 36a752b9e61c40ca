// What a running program counts and measures, for Prometheus. The counters and histograms are
// prometheus-cpp's; here is what it lacks: values that are read when they are asked for, and a text
// whose order stays (docs/decisions/0044).
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
/// ends with "_total". Labels say of which kind something is (a route's name, a status): never a
/// path, an id or other PHI, and nothing of which a client can make as many as it likes.
class Metrics {
 public:
  /// A counter for each set of labels: `Add(labels)` makes it or finds it. It lives as long as
  /// this. Add() takes a lock; incrementing takes none.
  prometheus::Family<prometheus::Counter>& counters(const std::string& name,
                                                    const std::string& help);
  /// A histogram for each set of labels: `Add(labels, bounds)`, with the upper bounds of the
  /// buckets but for the last one, which has none.
  prometheus::Family<prometheus::Histogram>& histograms(const std::string& name,
                                                        const std::string& help);

  /// Reads values where they are kept anyway.
  using Reader = std::function<std::vector<prometheus::MetricFamily>()>;

  /// As long as it lives, its reader is asked; its end waits for a reader that is at work.
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

  /// Asks `reader` at each text(), from any thread, never twice at once. This must outlive what is
  /// returned. A reader registers nothing.
  Registration add(Reader reader);

  /// Everything in the text format 0.0.4, by name, and within a name by labels.
  std::string text() const;

 private:
  prometheus::Registry registry_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Reader> readers_;  // guarded by mutex_
  std::uint64_t next_id_ = 0;                // guarded by mutex_
};

/// What text() is.
inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

/// A value that a reader has read.
struct MetricValue {
  prometheus::Labels labels;
  double value = 0;
};

/// What goes up and down.
prometheus::MetricFamily gauge_family(std::string name, std::string help,
                                      const std::vector<MetricValue>& values);
/// What only grows while the program runs.
prometheus::MetricFamily counter_family(std::string name, std::string help,
                                        const std::vector<MetricValue>& values);

}  // namespace sluice
