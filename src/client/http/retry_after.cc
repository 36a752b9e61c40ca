#include "client/http/retry_after.h"

#include <algorithm>

namespace sluice::client {

using std::chrono::milliseconds;

std::optional<milliseconds> parse_retry_after(std::string_view text, Instant now,
                                              milliseconds wait_max) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(" \t") - first + 1);
  if (text.front() < '0' || text.front() > '9') {
    const auto date = parse_http_date(text);
    if (!date) return std::nullopt;
    return std::clamp(*date - now, milliseconds(0), wait_max);
  }
  std::int64_t value = 0;
  std::size_t at = 0;
  const auto is_digit = [&] { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
  for (; is_digit(); ++at) value = std::min<std::int64_t>(value * 10 + (text[at] - '0'), 1LL << 40);
  value *= 1000;
  if (at < text.size() && text[at] == '.') {
    std::int64_t unit = 100;
    for (++at; is_digit(); ++at, unit /= 10) value += unit * (text[at] - '0');
  }
  if (at != text.size()) return std::nullopt;
  return std::min(milliseconds(value), wait_max);
}

milliseconds Backoff::next() {
  const double doubled = static_cast<double>(options_.first.count()) *
                         static_cast<double>(1ULL << std::min(failures_, 30u));
  ++failures_;
  const double capped = std::min(doubled, static_cast<double>(options_.most.count()));
  std::uniform_real_distribution<double> jitter(1.0, 1.2);
  return milliseconds(static_cast<std::int64_t>(capped * jitter(random_)));
}

milliseconds Backoff::next(std::optional<milliseconds> told) {
  const auto own = next();
  return told ? std::max(own, not_sooner(*told)) : own;
}

milliseconds Backoff::not_sooner(milliseconds wait) {
  const auto most = std::min<std::int64_t>(wait.count() / 20, 5000);
  std::uniform_int_distribution<std::int64_t> jitter(0, most);
  return wait + milliseconds(jitter(random_));
}

}  // namespace sluice::client
