#include "rest/conditional.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "rest/patch.h"
#include "rest/retries.h"

namespace sluice::rest {
namespace {

using Kind = Condition::Kind;

// Each time another write of the type came between a look at the change log and the commit.
constexpr int kAttemptsMax = 50;

std::string name_of(const fhir::ResourceId& key) {
  return fmt::format("{}/{}", fhir::type_name(key.type), key.id);
}

Error precondition_failed(std::string message) {
  return {ErrorKind::kPreconditionFailed, std::move(message)};
}

Error several_match(fhir::ResourceType type, std::size_t most) {
  return precondition_failed(
      fmt::format("more than {} {} resources match the condition", most, fhir::type_name(type)));
}

/// Tries to do what the matches want until no other write comes between.
class Attempts {
 public:
  Attempts(store::Store& store, query::Matches& matches, const Watch& watch)
      : store_(store), matches_(matches), watch_(watch) {}

  /// Asks about all that matches. `most`: more are left alone, and an error.
  Result<void> look_at_matches(Intent::Kind kind, std::size_t most) {
    const bool are_too_many = matches_.ids().size() > most;
    if (watch_.may_use)
      for (const auto& id : matches_.ids()) {
        SLUICE_ASSIGN_OR_RETURN(auto record, store_.read({matches_.type(), id}, matches_.as_of()));
        if (!record) return corrupt("a match that is not there");
        SLUICE_RETURN_IF_ERROR(
            watch_.may_use(are_too_many ? Intent::Kind::kLeave : kind,
                           {record->version, record->last_updated, std::move(record->json)}));
      }
    if (are_too_many) return several_match(matches_.type(), most);
    return {};
  }

  /// Before each attempt; once the same intent was announced it is not again.
  Result<void> announce(std::vector<Intent> intents) {
    if (intents == announced_) return {};
    announced_ = std::move(intents);
    return watch_.announce(announced_);
  }

  /// nullopt: the matches are other ones now, decide again. kConflict after many attempts.
  Result<std::optional<store::WriteOutcome>> write(store::Transaction& transaction) {
    transaction.unchanged = {matches_.condition()};
    auto outcome = store_.write(transaction);
    if (outcome) return std::move(*outcome);
    if (outcome.error().kind != ErrorKind::kConflict) return std::move(outcome).error();
    if (!retries_.again())
      return Error{ErrorKind::kConflict, "other requests write resources of the type all the time"};
    SLUICE_RETURN_IF_ERROR(matches_.catch_up());
    return std::nullopt;
  }

 private:
  store::Store& store_;
  query::Matches& matches_;
  const Watch& watch_;
  std::vector<Intent> announced_;
  Retries retries_{kAttemptsMax};
};

Result<std::optional<ConditionallyWritten>> put(store::Store& store, Attempts& attempts,
                                                const fhir::IncomingResource& resource,
                                                bool is_new) {
  const fhir::ResourceId key{resource.type, resource.id};
  store::Transaction transaction;
  transaction.puts = {&resource};
  if (is_new) transaction.preconditions = {{key, 0}};
  SLUICE_ASSIGN_OR_RETURN(const auto outcome, attempts.write(transaction));
  if (!outcome) return std::nullopt;
  SLUICE_ASSIGN_OR_RETURN(auto written,
                          written_by(store, resource, outcome->commit, outcome->puts.front()));
  return ConditionallyWritten{key, std::move(written)};
}

/// Checks the match; it can only be a deleted one if another client deletes it meanwhile.
Result<std::uint32_t> check_condition(const store::Store& store, const fhir::ResourceId& key,
                                      store::Sequence as_of, const Condition& condition) {
  SLUICE_ASSIGN_OR_RETURN(const auto record, store.read(key, as_of));
  const std::uint32_t version = record ? record->version : 0;
  if (condition.kind == Kind::kAbsent)
    return precondition_failed(fmt::format("If-None-Match: {} is there already", name_of(key)));
  if (condition.kind == Kind::kVersion && condition.version != version)
    return precondition_failed(fmt::format("If-Match: version {} of {} is not the newest",
                                           condition.version, name_of(key)));
  return version;
}

Result<void> check_that_none_is_wanted(const Condition& condition) {
  if (condition.kind == Kind::kPresent || condition.kind == Kind::kVersion)
    return precondition_failed("If-Match: nothing matches the condition");
  return {};
}

}  // namespace

Error nothing_to_update() {
  return not_found(
      "the condition finds nothing to update, and an access token whose scopes have a search query "
      "creates by POST only");
}

Result<ConditionallyWritten> create_unless_found(store::Store& store, query::Matches& matches,
                                                 const fhir::IncomingResource& resource,
                                                 const Watch& watch) {
  Attempts attempts(store, matches, watch);
  while (true) {
    const auto& ids = matches.ids();
    SLUICE_RETURN_IF_ERROR(attempts.look_at_matches(Intent::Kind::kLeave, 1));
    if (ids.size() == 1) {
      const fhir::ResourceId key{resource.type, ids.front()};
      SLUICE_RETURN_IF_ERROR(attempts.announce({{Intent::Kind::kLeave, key}}));
      SLUICE_ASSIGN_OR_RETURN(auto record, store.read(key, matches.as_of()));
      if (!record) return corrupt("a match that is not there");
      return ConditionallyWritten{
          key, {false, {record->version, record->last_updated, std::move(record->json)}}};
    }
    SLUICE_RETURN_IF_ERROR(
        attempts.announce({{Intent::Kind::kCreate, {resource.type, resource.id}}}));
    SLUICE_ASSIGN_OR_RETURN(auto written, put(store, attempts, resource, true));
    if (written) return std::move(*written);
  }
}

Result<ConditionallyWritten> update_found(store::Store& store, query::Matches& matches,
                                          const SentResource& sent, const Condition& condition,
                                          Unmatched unmatched, const Watch& watch) {
  const fhir::IncomingResource& as_new = sent.resource;
  Attempts attempts(store, matches, watch);
  while (true) {
    const auto& ids = matches.ids();
    SLUICE_RETURN_IF_ERROR(attempts.look_at_matches(Intent::Kind::kUpdate, 1));
    if (ids.empty()) {
      SLUICE_RETURN_IF_ERROR(check_that_none_is_wanted(condition));
      if (unmatched == Unmatched::kRefuse) return nothing_to_update();
      const fhir::ResourceId key{as_new.type, as_new.id};
      SLUICE_ASSIGN_OR_RETURN(const auto taken, store.read(key, matches.as_of()));
      if (taken)
        return Error{ErrorKind::kConflict,
                     fmt::format("nothing matches the condition, but {} is there", name_of(key))};
      SLUICE_RETURN_IF_ERROR(attempts.announce({{Intent::Kind::kCreate, key}}));
      SLUICE_ASSIGN_OR_RETURN(auto written, put(store, attempts, as_new, true));
      if (written) return std::move(*written);
      continue;
    }
    const fhir::ResourceId key{as_new.type, ids.front()};
    if (sent.has_id() && as_new.id != key.id)
      return invalid(
          fmt::format("the resource's id is not that of what matches, {}", name_of(key)));
    SLUICE_RETURN_IF_ERROR(check_condition(store, key, matches.as_of(), condition));
    std::optional<fhir::IncomingResource> renamed;
    if (!sent.has_id()) {
      SLUICE_ASSIGN_OR_RETURN(renamed, sent.under_id(key.id));
    }
    SLUICE_RETURN_IF_ERROR(attempts.announce({{Intent::Kind::kUpdate, key}}));
    SLUICE_ASSIGN_OR_RETURN(auto written, put(store, attempts, renamed ? *renamed : as_new, false));
    if (written) return std::move(*written);
  }
}

Result<ConditionallyWritten> patch_found(store::Store& store, query::Matches& matches,
                                         const PatchOf& asked, const Condition& condition,
                                         const Watch& watch) {
  Attempts attempts(store, matches, watch);
  while (true) {
    SLUICE_RETURN_IF_ERROR(attempts.look_at_matches(Intent::Kind::kUpdate, 1));
    if (matches.ids().empty()) {
      SLUICE_RETURN_IF_ERROR(check_that_none_is_wanted(condition));
      return not_found(fmt::format("no {} matches the condition", fhir::type_name(matches.type())));
    }
    const fhir::ResourceId key{matches.type(), matches.ids().front()};
    SLUICE_RETURN_IF_ERROR(check_condition(store, key, matches.as_of(), condition));
    SLUICE_ASSIGN_OR_RETURN(const auto record, store.read(key, matches.as_of()));
    if (!record) return corrupt("a match that is not there");
    SLUICE_ASSIGN_OR_RETURN(const auto resource, patched(key, record->json, asked.patch,
                                                         asked.base_url, asked.leniency));
    SLUICE_RETURN_IF_ERROR(attempts.announce({{Intent::Kind::kUpdate, key}}));
    SLUICE_ASSIGN_OR_RETURN(auto written, put(store, attempts, resource, false));
    if (written) return std::move(*written);
  }
}

Result<std::size_t> remove_found(store::Store& store, query::Matches& matches, std::size_t most,
                                 const Condition& condition, const Watch& watch) {
  Attempts attempts(store, matches, watch);
  while (true) {
    const auto& ids = matches.ids();
    const auto type = matches.type();
    SLUICE_RETURN_IF_ERROR(attempts.look_at_matches(Intent::Kind::kDelete, most));
    if (ids.empty()) {
      SLUICE_RETURN_IF_ERROR(check_that_none_is_wanted(condition));
      return 0;
    }
    if (ids.size() > 1 && condition.kind != Kind::kNone)
      return precondition_failed("If-Match: several resources match the condition");
    store::Transaction transaction;
    std::vector<Intent> intents;
    for (const auto& id : ids) {
      SLUICE_RETURN_IF_ERROR(check_condition(store, {type, id}, matches.as_of(), condition));
      transaction.removals.push_back({type, id});
      intents.push_back({Intent::Kind::kDelete, {type, id}});
    }
    SLUICE_RETURN_IF_ERROR(attempts.announce(std::move(intents)));
    SLUICE_ASSIGN_OR_RETURN(const auto outcome, attempts.write(transaction));
    if (outcome) return transaction.removals.size();
  }
}

}  // namespace sluice::rest
