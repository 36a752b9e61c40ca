#include "base/metrics.h"

#include <prometheus/metric_type.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace sluice {
namespace {

prometheus::MetricFamily family_of(prometheus::MetricType type, std::string name, std::string help,
                                   const std::vector<MetricValue>& values) {
  prometheus::MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  for (const auto& [labels, value] : values) {
    prometheus::ClientMetric metric;
    for (const auto& [label, text] : labels) metric.label.push_back({label, text});
    (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

}  // namespace

prometheus::Family<prometheus::Counter>& Metrics::counters(const std::string& name,
                                                           const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
}

prometheus::Family<prometheus::Histogram>& Metrics::histograms(const std::string& name,
                                                               const std::string& help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry_);
}

Metrics::Registration Metrics::add(Reader reader) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t id = next_id_++;
  readers_.emplace(id, std::move(reader));
  return {*this, id};
}

std::string Metrics::text() const {
  auto families = registry_.Collect();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, reader] : readers_)
      std::ranges::move(reader(), std::back_inserter(families));
  }
  std::ranges::stable_sort(families, {}, &prometheus::MetricFamily::name);
  for (auto& family : families)
    std::ranges::sort(family.metric, {}, &prometheus::ClientMetric::label);
  return prometheus::TextSerializer().Serialize(families);
}

Metrics::Registration::Registration(Registration&& other) noexcept
    : metrics_(std::exchange(other.metrics_, nullptr)), id_(other.id_) {}

Metrics::Registration& Metrics::Registration::operator=(Registration&& other) noexcept {
  std::swap(metrics_, other.metrics_);
  std::swap(id_, other.id_);
  return *this;
}

Metrics::Registration::~Registration() {
  if (metrics_ == nullptr) return;
  const std::lock_guard lock(metrics_->mutex_);
  metrics_->readers_.erase(id_);
}

prometheus::MetricFamily gauge_family(std::string name, std::string help,
                                      const std::vector<MetricValue>& values) {
  return family_of(prometheus::MetricType::Gauge, std::move(name), std::move(help), values);
}

prometheus::MetricFamily counter_family(std::string name, std::string help,
                                        const std::vector<MetricValue>& values) {
  return family_of(prometheus::MetricType::Counter, std::move(name), std::move(help), values);
}

}  // namespace sluice
