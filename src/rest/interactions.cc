#include "rest/interactions.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <utility>

namespace sluice::rest {
namespace {

using Kind = Condition::Kind;

// Each attempt that fails is another's write that succeeded.
constexpr int kAttemptsMax = 16;

std::string name_of(const fhir::ResourceId& key) {
  return fmt::format("{}/{}", fhir::type_name(key.type), key.id);
}

Error gone(const fhir::ResourceId& key) {
  return {ErrorKind::kGone, name_of(key) + " is deleted"};
}

// The store compares with one version, so that "any" is the one that is there now.
Result<void> add_precondition(const store::Store& store, const fhir::ResourceId& key,
                              const Condition& condition, store::Transaction& transaction) {
  if (condition.kind == Kind::kNone) return {};
  std::uint32_t version = 0;
  if (condition.kind == Kind::kPresent || condition.kind == Kind::kVersion) {
    SLUICE_ASSIGN_OR_RETURN(const auto record, store.read(key, store.last_commit().sequence));
    // 0 is no version, but to the store it would say that there is none.
    if (!record || (condition.kind == Kind::kVersion && condition.version == 0))
      return Error{ErrorKind::kPreconditionFailed,
                   fmt::format("If-Match: there is no such version of {}", name_of(key))};
    version = condition.kind == Kind::kPresent ? record->version : condition.version;
  }
  transaction.preconditions.push_back({key, version});
  return {};
}

Result<store::WriteOutcome> commit(store::Store& store, const fhir::ResourceId& key,
                                   const Condition& condition,
                                   const store::Transaction& transaction) {
  auto outcome = store.write(transaction);
  if (outcome || outcome.error().kind != ErrorKind::kConflict) return outcome;
  if (condition.kind == Kind::kVersion)
    return Error{ErrorKind::kPreconditionFailed,
                 fmt::format("If-Match: version {} of {} is not the newest", condition.version,
                             name_of(key))};
  if (condition.kind == Kind::kAbsent)
    return Error{ErrorKind::kPreconditionFailed,
                 fmt::format("If-None-Match: {} is there already", name_of(key))};
  return outcome;
}

Result<Written> put(store::Store& store, const fhir::IncomingResource& resource,
                    const Condition& condition) {
  const fhir::ResourceId key{resource.type, resource.id};
  store::Transaction transaction;
  transaction.puts = {&resource};
  SLUICE_RETURN_IF_ERROR(add_precondition(store, key, condition, transaction));
  SLUICE_ASSIGN_OR_RETURN(const auto outcome, commit(store, key, condition, transaction));
  return written_by(store, resource, outcome.commit, outcome.puts.front());
}

Result<std::uint32_t> remove_now(store::Store& store, const fhir::ResourceId& key,
                                 const Condition& condition) {
  store::Transaction transaction;
  transaction.removals = {key};
  SLUICE_RETURN_IF_ERROR(add_precondition(store, key, condition, transaction));
  SLUICE_ASSIGN_OR_RETURN(const auto outcome, commit(store, key, condition, transaction));
  return outcome.removals.front().version;
}

// Does `write` on the condition that what `may_change` was asked about is still there.
template <class Value, class Write>
Result<Value> guarded(const store::Store& store, const fhir::ResourceId& key,
                      const Condition& condition, const MayChange& may_change, Write write) {
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const auto stored = read(store, key);
    if (!stored && stored.error().kind != ErrorKind::kNotFound &&
        stored.error().kind != ErrorKind::kGone)
      return stored.error();
    if (stored) SLUICE_RETURN_IF_ERROR(may_change(*stored));
    // No write that this one has not seen may make the client's condition come true.
    if (condition.kind == Kind::kVersion && (!stored || stored->version != condition.version))
      return Error{ErrorKind::kPreconditionFailed,
                   fmt::format("If-Match: version {} of {} is not the newest", condition.version,
                               name_of(key))};
    Condition seen = condition;
    if (stored && condition.kind != Kind::kAbsent) seen = {Kind::kVersion, stored->version};
    if (!stored && condition.kind == Kind::kNone) seen = {Kind::kAbsent};
    auto outcome = write(seen);
    if (outcome || seen.kind == condition.kind ||
        outcome.error().kind != ErrorKind::kPreconditionFailed)
      return outcome;
  }
  return Error{ErrorKind::kConflict,
               fmt::format("{} is changed by other requests all the time", name_of(key))};
}

}  // namespace

std::optional<std::uint32_t> version_number(std::string_view text) {
  std::uint32_t version = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return version;
}

Result<Stored> read(const store::Store& store, const fhir::ResourceId& key) {
  SLUICE_ASSIGN_OR_RETURN(auto record, store.read(key, store.last_commit().sequence));
  if (record) return Stored{record->version, record->last_updated, std::move(record->json)};
  SLUICE_ASSIGN_OR_RETURN(const auto newest,
                          store.versions(key, std::numeric_limits<std::uint32_t>::max(), 1));
  if (newest.empty()) return not_found(fmt::format("there is no {}", name_of(key)));
  return gone(key);
}

Result<Stored> read_version(const store::Store& store, const fhir::ResourceId& key,
                            std::uint32_t version) {
  const Error missing =
      not_found(fmt::format("there is no version {} of {}", version, name_of(key)));
  if (version == 0 || version == std::numeric_limits<std::uint32_t>::max()) return missing;
  SLUICE_ASSIGN_OR_RETURN(auto found, store.versions(key, version + 1, 1));
  if (found.empty() || found.front().version != version) return missing;
  if (found.front().deleted) return gone(key);
  return Stored{version, found.front().instant, std::move(found.front().json)};
}

Result<Written> create(store::Store& store, const fhir::IncomingResource& resource) {
  auto written = put(store, resource, {.kind = Kind::kAbsent});
  if (!written && written.error().kind == ErrorKind::kPreconditionFailed)
    return Error{ErrorKind::kConflict, "the id that was made for the resource is taken"};
  return written;
}

Result<Written> update(store::Store& store, const fhir::IncomingResource& resource,
                       const Condition& condition, const MayChange& may_change) {
  if (!may_change) return put(store, resource, condition);
  return guarded<Written>(store, {resource.type, resource.id}, condition, may_change,
                          [&](const Condition& seen) { return put(store, resource, seen); });
}

Result<Written> written_by(const store::Store& store, const fhir::IncomingResource& resource,
                           const store::Commit& commit, const store::PutOutcome& put) {
  if (put.status == store::PutStatus::kUnchanged) {
    SLUICE_ASSIGN_OR_RETURN(auto stored,
                            read_version(store, {resource.type, resource.id}, put.version));
    return Written{false, std::move(stored)};
  }
  auto text = fhir::with_meta(resource, put.version, commit.instant);
  return Written{put.status == store::PutStatus::kCreated,
                 {put.version, commit.instant, std::move(text.json)},
                 std::move(text.token_offsets)};
}

Result<std::uint32_t> remove(store::Store& store, const fhir::ResourceId& key,
                             const Condition& condition, const MayChange& may_change) {
  if (!may_change) return remove_now(store, key, condition);
  return guarded<std::uint32_t>(store, key, condition, may_change, [&](const Condition& seen) {
    return remove_now(store, key, seen);
  });
}

}  // namespace sluice::rest
