// The Bundle that answers a transaction or a batch.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"

namespace sluice::api {

/// One entry of the answer. Texts are of the server, JSON ones whole resources.
struct BundleResponseEntry {
  int status = 200;
  std::string full_url = {};  ///< of `resource`; empty: none
  std::string resource = {};  ///< JSON; empty: none
  std::string location = {};
  std::string etag = {};
  std::optional<Instant> last_modified = std::nullopt;
  std::string outcome = {};  ///< JSON of an OperationOutcome; empty: none
};

/// The entry for something that went wrong.
BundleResponseEntry error_entry(const Error& error);

/// Writes the Bundle entry by entry.
class BundleResponse {
 public:
  /// `type`: "transaction-response", "batch-response".
  explicit BundleResponse(std::string_view type);
  void add(const BundleResponseEntry& entry);
  /// The whole Bundle. Once.
  std::string finish();

 private:
  std::string json_;
  bool has_entries_ = false;
};

}  // namespace sluice::api
