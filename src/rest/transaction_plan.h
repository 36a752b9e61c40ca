// What a transaction Bundle will write: ids found or made, links replaced, resources read and
// checked. transaction.h commits it and reports the results. Internal to rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/bundle_links.h"
#include "fhir/bundle_request.h"
#include "fhir/resource_reader.h"
#include "rest/entry_action.h"
#include "rest/entry_links.h"
#include "rest/entry_matches.h"
#include "rest/interactions.h"
#include "rest/transaction.h"

namespace sluice::rest {

/// An entry as far as it is known what it is about.
struct PlannedEntry {
  fhir::ResourceId key = {};  ///< without id: a condition found nothing to delete
  bool is_written = false;    ///< put or removed by this transaction
  std::optional<fhir::IncomingResource> resource = std::nullopt;  ///< to put
  std::optional<Stored> stored = std::nullopt;  ///< of a vread; of a create that found one
};

class TransactionPlan {
 public:
  TransactionPlan(store::Store& store, const fhir::BundleRequest& bundle,
                  const TransactionOptions& options);

  /// The actions and the queries; reads no resource.
  Result<void> read();
  /// Everything else, as of the newest commit. May be called again after a conflict.
  Result<void> make();

  const std::vector<EntryAction>& actions() const { return actions_; }
  const std::vector<Transaction::Searched>& searched() const { return searched_; }
  const std::vector<PlannedEntry>& entries() const { return planned_; }
  /// What the store must check, besides what is put and removed.
  std::vector<store::Precondition> take_preconditions() { return std::move(preconditions_); }
  std::vector<store::Unchanged> unchanged() const { return matches_.conditions(); }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  Result<void> read_references(std::size_t entry);
  Result<void> identify(std::size_t entry);
  Result<void> identify_create(std::size_t entry);
  Result<void> identify_update(std::size_t entry);
  Result<void> hold(std::size_t bytes);
  /// Whether the client may know of Binaries that a condition or a reference finds.
  Result<void> check_found(fhir::ResourceType type, const std::vector<std::string>& ids) const;
  /// The id of the one resource that the entry's query finds; empty for none.
  Result<std::string> found_by_condition(std::size_t entry) const;
  Result<void> check_condition(std::size_t entry);
  /// Of what a condition found: whether the entry may do with it what it asks for.
  Result<void> check_right(std::size_t entry);
  /// Of a read of what another entry writes: whether it may be read as it will be.
  Result<void> check_readable(const PlannedEntry& written) const;
  Result<void> check_binary(std::size_t entry);
  Result<void> claim(std::size_t entry);
  Result<void> read_now(std::size_t entry);
  Result<void> prepare(std::size_t entry);
  /// The object that begins with a token, its links resolved, as tokens; until the next call.
  Result<fhir::JsonTokens> rewrite(std::size_t entry, const fhir::JsonTokens& tokens,
                                   std::size_t object);
  Result<std::string> resolve(fhir::ResourceType type, std::string_view query);
  /// Finds which of the type's resources that this Bundle writes match which queries.
  Result<void> find_own(fhir::ResourceType type);
  Result<fhir::IncomingResource> patched_resource(std::size_t entry);
  /// The store as an entry may see it.
  const store::Store& seen_for(Look look, fhir::ResourceType type) const {
    return options_.view ? options_.view->seen_for(look, type) : store_;
  }
  const store::Store& seen_by(std::size_t entry) const;
  bool reads_by_own_right(std::size_t entry) const;
  /// Calls `step` for each entry; its error names the entry.
  template <class Step>
  Result<void> each(Step step);

  store::Store& store_;
  const fhir::BundleRequest& bundle_;
  const TransactionOptions& options_;
  std::vector<EntryAction> actions_;
  std::vector<Transaction::Searched> searched_;
  EntryMatches matches_;
  std::vector<std::size_t> query_of_entry_;  // its number in matches_, or kNone
  std::vector<std::string> made_ids_;        // for creates: the same in each attempt
  fhir::ResourceReader reader_;
  std::string rewritten_;  // of rewrite()
  std::vector<std::uint32_t> rewritten_offsets_;

  // Of one attempt.
  std::vector<PlannedEntry> planned_;
  EntryLinks links_;
  std::map<fhir::ResourceId, std::size_t> writers_;  // which entry writes a resource
  std::map<std::size_t, std::string> references_;    // resolved ones, by their number in matches_
  std::vector<store::Precondition> preconditions_;
  std::set<fhir::ResourceType> own_found_;  // types whose written resources were checked
  std::map<std::size_t, std::vector<std::string>> own_ids_;  // that match, by number in matches_
  std::size_t held_ = 0;  // bytes, as passed to TransactionOptions::may_hold
};

}  // namespace sluice::rest
