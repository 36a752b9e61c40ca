// A transaction Bundle: all of its entries are done as one transaction of the store, or none is.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "fhir/bundle_request.h"
#include "query/bounds.h"
#include "rest/entry_action.h"
#include "rest/interactions.h"
#include "rest/transaction_view.h"
#include "rest/validation.h"
#include "store/store.h"

namespace sluice::rest {

struct TransactionOptions {
  std::string base_url = {};    ///< URLs and references below it are our own
  bool with_resources = false;  ///< writes give the resource back
  query::Bounds bounds = {};    ///< of searches and patches
  Leniency leniency = Leniency::kStrict;
  /// Called with the previous version of each Binary that an entry reads, replaces or deletes: its
  /// error is the transaction's. Empty: everything is allowed. Binaries name who may access them
  /// (securityContext).
  std::function<Result<void>(EntryAction::Kind, const Stored&)> may_touch_binary = {};
  /// Called with the bytes of resources that the transaction holds besides its Bundle, whenever
  /// they grow: resources that it reads, patches and returns. Its error is the transaction's, and
  /// nothing is written. Empty: no limit.
  std::function<Result<void>(std::size_t bytes)> may_hold = {};
  /// What each entry may see and change; nullptr: everything. Must outlive the transaction.
  TransactionView* view = nullptr;
  /// Whether an entry reads by a right of its own, whatever the view shows. Empty: none does.
  std::function<bool(std::size_t entry)> reads_by_own_right = {};
};

/// What became of an entry.
struct EntryOutcome {
  int status = 0;             ///< of HTTP; 0 for a search, which is the caller's to do
  fhir::ResourceId key = {};  ///< what was read or written; without id when nothing was found
  std::uint32_t version = 0;  ///< 0: there is none to name
  Instant last_updated = {};
  std::string json = {};  ///< of a read that is not known, of a write when it is wanted
  /// Of `json` when it was written: see fhir::StoredText.
  std::vector<std::uint32_t> token_offsets = {};
};

struct TransactionOutcome {
  store::Commit commit;  ///< searches belong as of it
  std::vector<EntryOutcome> entries;
};

class Transaction {
 public:
  /// A type that the entry searches by a condition or a conditional reference: the client must be
  /// allowed to search it.
  struct Searched {
    std::size_t entry = 0;
    fhir::ResourceType type;
  };
  /// Called with what will be written, in the order of the entries, before it is: an error stops
  /// it. Called again when others' writes made the conditions find something else.
  using BeforeWrite = std::function<Result<void>(
      const std::vector<std::pair<EntryAction::Kind, fhir::ResourceId>>& writes)>;

  /// Reads what each entry asks for; nothing is done yet. `store` and `bundle` must outlive it.
  /// Errors name the entry: those of read_action, and of search queries.
  static Result<Transaction> read(store::Store& store, const fhir::BundleRequest& bundle,
                                  TransactionOptions options);
  ~Transaction();
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) noexcept;

  const std::vector<EntryAction>& actions() const;
  const std::vector<Searched>& searched() const;
  /// Whether it may take long for its size: it searches or patches.
  bool may_take_long() const;

  /// Does it, once. Errors name the entry: those of the interactions on one resource;
  /// of the view; kPreconditionFailed for a condition that finds several resources; kInvalid for a
  /// conditional reference that does not find exactly one, a resource that two entries name, a
  /// fullUrl of two; kConflict, with when to try again, when other writes came between too often,
  /// or until the time of `bounds` was over.
  Result<TransactionOutcome> run(const BeforeWrite& before_write);

 private:
  struct Impl;
  explicit Transaction(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::rest
