#include "bulk/load/load_committer.h"

#include <utility>

namespace sluice::bulk {
namespace {

// So much may be lost by a crash, and is then loaded again; each sync costs a few milliseconds.
constexpr std::uint64_t kSyncInterval = 64u << 20;

constexpr std::size_t kRemovalsMax = 1000;  // of one transaction

}  // namespace

LoadCommitter::LoadCommitter(store::Store& store, CommitterOptions options)
    : store_(store), options_(std::move(options)) {}

Result<void> LoadCommitter::take(fhir::IncomingResource resource) {
  if (!removals_.empty()) SLUICE_RETURN_IF_ERROR(commit_removals());
  batch_size_ += resource.content.size();
  batch_.push_back(std::move(resource));
  if (batch_size_ < options_.batch_size) return {};
  return commit_batch();
}

Result<void> LoadCommitter::remove(const fhir::ResourceId& key) {
  SLUICE_RETURN_IF_ERROR(commit_batch());
  pending_.cancel(key);
  removals_.push_back(key);
  return removals_.size() < kRemovalsMax ? Result<void>() : commit_removals();
}

void LoadCommitter::count_found(fhir::ResourceType type) {
  ++tally_.resources;
  ++tally_.types[std::string(fhir::type_name(type))].unchanged;
}

Result<void> LoadCommitter::settle() {
  SLUICE_RETURN_IF_ERROR(commit_batch());
  return commit_removals();
}

Result<void> LoadCommitter::flush() {
  SLUICE_RETURN_IF_ERROR(settle());
  return commit_pending();
}

Result<void> LoadCommitter::commit_removals() {
  if (removals_.empty()) return {};
  store::Transaction transaction;
  transaction.removals = std::exchange(removals_, {});
  transaction.durable = false;
  SLUICE_ASSIGN_OR_RETURN(const auto outcome, store_.write(transaction));
  for (std::size_t i = 0; i < transaction.removals.size(); ++i)
    if (outcome.removals[i].status == store::PutStatus::kDeleted)
      ++tally_.types[std::string(fhir::type_name(transaction.removals[i].type))].deleted;
  return {};
}

Result<store::WriteOutcome> LoadCommitter::write(
    const std::vector<const fhir::IncomingResource*>& puts, std::uint64_t size,
    store::OnDifferent on_different,
    const std::function<void(const store::WriteOutcome&)>& count_outcome) {
  unsynced_ += size;
  store::Transaction transaction;
  transaction.puts = puts;
  transaction.on_different = on_different;
  transaction.durable = unsynced_ >= kSyncInterval;
  if (transaction.durable) unsynced_ = 0;
  transaction.documents_of = [&](const store::WriteOutcome& outcome) {
    count_outcome(outcome);
    return options_.documents ? options_.documents(tally_) : std::vector<store::DocumentWrite>();
  };
  return store_.write(transaction);
}

void LoadCommitter::count(const fhir::IncomingResource& resource, store::PutStatus status) {
  LoadCounts& counts = tally_.types[std::string(fhir::type_name(resource.type))];
  if (status == store::PutStatus::kCreated) ++counts.created;
  if (status == store::PutStatus::kUpdated) ++counts.updated;
  if (status == store::PutStatus::kUnchanged) ++counts.unchanged;
}

// Before anything of the batch is held back: what is pending now came before it. `puts` point into
// `batch`, in order; what is not among them is superseded by a later one of the batch.
void LoadCommitter::count_batch(const std::vector<fhir::IncomingResource>& batch,
                                const std::vector<const fhir::IncomingResource*>& puts,
                                const store::WriteOutcome& outcome) {
  std::size_t next = 0;
  for (const auto& resource : batch) {
    const bool is_put = next < puts.size() && puts[next] == &resource;
    const auto status = is_put ? outcome.puts[next++].status : store::PutStatus::kAbsent;
    if (tally_.position++ < options_.counted) continue;
    ++tally_.resources;
    tally_.bytes += resource.content.size();
    if (!is_put) {
      ++tally_.superseded;
      continue;
    }
    const bool ends_pending =
        (status == store::PutStatus::kDiffers || status == store::PutStatus::kUnchanged) &&
        pending_.contains({resource.type, resource.id});
    if (ends_pending) ++tally_.superseded;
    if (status != store::PutStatus::kDiffers) count(resource, status);
  }
}

Result<void> LoadCommitter::commit_batch() {
  if (batch_.empty()) return {};
  std::vector<fhir::IncomingResource> batch = std::exchange(batch_, {});
  const std::uint64_t size = std::exchange(batch_size_, 0);
  // Of several in one batch the last counts.
  std::map<fhir::ResourceId, std::size_t> last;
  bool repeated = false;
  for (std::size_t i = 0; i < batch.size(); ++i)
    repeated |= !last.insert_or_assign({batch[i].type, batch[i].id}, i).second;
  std::vector<const fhir::IncomingResource*> puts;
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (!repeated || last[{batch[i].type, batch[i].id}] == i) puts.push_back(&batch[i]);
  SLUICE_ASSIGN_OR_RETURN(const auto outcome,
                          write(puts, size, store::OnDifferent::kLeave,
                                [&](const auto& of) { count_batch(batch, puts, of); }));
  for (std::size_t i = 0; i < puts.size(); ++i) {
    const store::PutStatus status = outcome.puts[i].status;
    auto& resource = batch[static_cast<std::size_t>(puts[i] - batch.data())];
    if (status == store::PutStatus::kDiffers)
      pending_.keep(std::move(resource));
    else if (status == store::PutStatus::kUnchanged && pending_.size() > 0)
      pending_.cancel({resource.type, resource.id});
  }
  if (pending_.size() > options_.pending_size_max) return commit_pending();
  return {};
}

Result<void> LoadCommitter::commit_pending() {
  const auto updates = pending_.take();
  for (std::size_t begin = 0; begin < updates.size();) {
    std::vector<const fhir::IncomingResource*> puts;
    std::uint64_t size = 0;
    for (; begin < updates.size() && size < options_.batch_size; ++begin) {
      puts.push_back(&updates[begin]);
      size += updates[begin].content.size();
    }
    SLUICE_RETURN_IF_ERROR(
        write(puts, size, store::OnDifferent::kReplace, [&](const auto& outcome) {
          for (std::size_t i = 0; i < puts.size(); ++i) count(*puts[i], outcome.puts[i].status);
        }));
  }
  return {};
}

}  // namespace sluice::bulk
