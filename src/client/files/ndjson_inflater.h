// Plain NDJSON from what a server sent: gzip (detected by its first bytes, not by the headers)
// or plain.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace sluice::client {

class NdjsonInflater {
 public:
  using Sink = std::function<Result<void>(std::string_view)>;
  explicit NdjsonInflater(Sink sink);
  ~NdjsonInflater();
  /// kCorrupt for damaged gzip data.
  Result<void> feed(std::string_view bytes);
  /// kCorrupt when the gzip data end in the middle.
  Result<void> finish();
  bool is_gzip() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::client
