// The Bundle that answers a transaction or a batch.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"
#include "http/memory_budget.h"
#include "http/message.h"

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

/// Writes the Bundle entry by entry, as far as there is room for it.
class BundleResponse {
 public:
  /// `type`: "transaction-response", "batch-response". With more than `size_max` bytes, or when
  /// `share` does not grow, it is full.
  BundleResponse(std::string_view type, std::size_t size_max, http::MemoryBudget::Share share);

  /// Whether the whole entry had room. If not, the Bundle is full: from then on each write adds its
  /// status without the resource, and everything else an error, so that every entry of the request
  /// still has its answer.
  bool add(BundleResponseEntry entry, bool is_write);
  /// Why it is full: kTooLarge or kUnavailable; nullopt when it is not.
  const std::optional<Error>& full() const { return full_; }
  /// An entry that was not done because it is full.
  void add_undone();
  /// Takes room for `bytes` of entries that are to come; the error that full() would give.
  Result<void> hold(std::size_t bytes);
  /// The whole Bundle as a response that keeps its share of memory. Once.
  http::Response finish();

 private:
  bool has_room(std::size_t bytes);
  void append(const BundleResponseEntry& entry);

  const std::size_t size_max_;
  http::MemoryBudget::Share share_;
  std::string json_;
  std::optional<Error> full_;
  bool has_entries_ = false;
  bool is_told_ = false;
};

/// Over the limit of one Bundle's answer.
Error too_large_answer(std::size_t size_max);

}  // namespace sluice::api
