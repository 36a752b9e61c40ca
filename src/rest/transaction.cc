#include "rest/transaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "rest/retries.h"
#include "rest/transaction_plan.h"

namespace sluice::rest {
namespace {

using Kind = EntryAction::Kind;

// Each attempt that fails is another's write that succeeded.
constexpr int kAttemptsMax = 16;

Error others_came_between(int attempts) {
  return {ErrorKind::kConflict,
          fmt::format("other requests wrote to what the transaction rests on, {} times: nothing of "
                      "it is done, send it again",
                      attempts),
          {},
          std::chrono::seconds(1)};
}

}  // namespace

struct Transaction::Impl {
  Impl(store::Store& store_in, const fhir::BundleRequest& bundle, TransactionOptions options_in)
      : store(store_in), options(std::move(options_in)), plan(store_in, bundle, options) {}

  Result<store::WriteOutcome> commit(const BeforeWrite& before_write);
  Result<void> write_outcomes(const store::WriteOutcome& written);
  Result<void> outcome_of_put(std::size_t entry, const store::PutOutcome& put);
  Result<void> outcome_of_read(std::size_t entry);
  void give(EntryOutcome& outcome, Stored stored) const;

  store::Store& store;
  const TransactionOptions options;
  TransactionPlan plan;
  TransactionOutcome outcome;
};

Transaction::Transaction(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Transaction::~Transaction() = default;
Transaction::Transaction(Transaction&&) noexcept = default;
Transaction& Transaction::operator=(Transaction&&) noexcept = default;

Result<Transaction> Transaction::read(store::Store& store, const fhir::BundleRequest& bundle,
                                      TransactionOptions options) {
  auto impl = std::make_unique<Impl>(store, bundle, std::move(options));
  SLUICE_RETURN_IF_ERROR(impl->plan.read());
  return Transaction(std::move(impl));
}

const std::vector<EntryAction>& Transaction::actions() const {
  return impl_->plan.actions();
}

const std::vector<Transaction::Searched>& Transaction::searched() const {
  return impl_->plan.searched();
}

bool Transaction::may_take_long() const {
  return !searched().empty() ||
         std::any_of(actions().begin(), actions().end(), [](const EntryAction& action) {
           return action.kind == Kind::kSearch || action.kind == Kind::kPatch;
         });
}

Result<TransactionOutcome> Transaction::run(const BeforeWrite& before_write) {
  SLUICE_ASSIGN_OR_RETURN(const auto written, impl_->commit(before_write));
  impl_->outcome.commit = written.commit;
  SLUICE_RETURN_IF_ERROR(impl_->write_outcomes(written));
  return std::move(impl_->outcome);
}

Result<store::WriteOutcome> Transaction::Impl::commit(const BeforeWrite& before_write) {
  Retries retries(kAttemptsMax, options.bounds.deadline);
  while (true) {
    auto made = plan.make();
    // Time that went to others' writes says nothing of how long this one takes by itself.
    if (!made && made.error().kind == ErrorKind::kTimeout && retries.attempts() > 0)
      return others_came_between(retries.attempts());
    SLUICE_RETURN_IF_ERROR(made);
    store::Transaction transaction;
    std::vector<std::pair<Kind, fhir::ResourceId>> writes;
    for (std::size_t i = 0; i < plan.entries().size(); ++i) {
      const auto& entry = plan.entries()[i];
      if (!entry.is_written) continue;
      writes.emplace_back(plan.actions()[i].kind, entry.key);
      if (entry.resource)
        transaction.puts.push_back(&*entry.resource);
      else
        transaction.removals.push_back(entry.key);
    }
    transaction.preconditions = plan.take_preconditions();
    transaction.unchanged = plan.unchanged();
    SLUICE_RETURN_IF_ERROR(before_write(writes));
    auto written = (options.view ? options.view->writes() : store).write(transaction);
    if (written || written.error().kind != ErrorKind::kConflict) return written;
    // A condition of the client's own that holds no more is found by the next plan.
    if (!retries.again()) return others_came_between(retries.attempts());
  }
}

Result<void> Transaction::Impl::write_outcomes(const store::WriteOutcome& written) {
  auto put = written.puts.begin();
  auto removal = written.removals.begin();
  outcome.entries.resize(plan.entries().size());
  for (std::size_t i = 0; i < plan.entries().size(); ++i) {
    const auto& planned = plan.entries()[i];
    EntryOutcome& entry = outcome.entries[i];
    entry.key = planned.key;
    if (!plan.actions()[i].is_write()) {
      SLUICE_RETURN_IF_ERROR(outcome_of_read(i));
    } else if (planned.resource) {
      SLUICE_RETURN_IF_ERROR(outcome_of_put(i, *put++));
    } else if (plan.actions()[i].kind == Kind::kDelete) {
      entry.status = 204;
      if (planned.is_written) entry.version = (removal++)->version;
      if (entry.version != 0) entry.last_updated = outcome.commit.instant;
    } else {
      // A create whose condition found one.
      entry.status = 200;
      give(entry, *planned.stored);
      if (!options.with_resources) entry.json.clear();
    }
  }
  return {};
}

Result<void> Transaction::Impl::outcome_of_put(std::size_t index, const store::PutOutcome& put) {
  EntryOutcome& entry = outcome.entries[index];
  entry.status = put.status == store::PutStatus::kCreated ? 201 : 200;
  if (put.status == store::PutStatus::kUnchanged) {
    SLUICE_ASSIGN_OR_RETURN(auto stored, read_version(store, entry.key, put.version));
    give(entry, std::move(stored));
    if (!options.with_resources) entry.json.clear();
    return {};
  }
  entry.version = put.version;
  entry.last_updated = outcome.commit.instant;
  if (!options.with_resources) return {};
  auto text = fhir::with_meta(*plan.entries()[index].resource, put.version, outcome.commit.instant);
  entry.json = std::move(text.json);
  entry.token_offsets = std::move(text.token_offsets);
  return {};
}

Result<void> Transaction::Impl::outcome_of_read(std::size_t index) {
  const EntryAction& action = plan.actions()[index];
  if (action.kind == Kind::kSearch) return {};
  EntryOutcome& entry = outcome.entries[index];
  if (action.kind == Kind::kReadVersion) {
    give(entry, *plan.entries()[index].stored);
  } else {
    // As of the transaction, whatever others write after it.
    SLUICE_ASSIGN_OR_RETURN(auto record, store.read(entry.key, outcome.commit.sequence));
    if (!record) return corrupt("a resource that a transaction read is gone");
    give(entry, {record->version, record->last_updated, std::move(record->json)});
  }
  entry.status = 200;
  if (!is_known(action.known, entry.version, entry.last_updated)) return {};
  entry.status = 304;
  entry.json.clear();
  return {};
}

void Transaction::Impl::give(EntryOutcome& entry, Stored stored) const {
  entry.version = stored.version;
  entry.last_updated = stored.last_updated;
  entry.json = std::move(stored.json);
}

}  // namespace sluice::rest
