#include "rest/transaction_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "fhir/binary_content.h"
#include "fhir/reference.h"
#include "json/json_walk.h"
#include "rest/conditional.h"
#include "rest/json_patch.h"
#include "rest/patch.h"
#include "rest/validation.h"
#include "search/query_set.h"

namespace sluice::rest {
namespace {

using Kind = EntryAction::Kind;

constexpr std::size_t kIdBytes = 16;  // random, as 32 hexadecimal digits

std::string name_of(const fhir::ResourceId& key) {
  return fmt::format("{}/{}", fhir::type_name(key.type), key.id);
}

Error failed(std::string message) {
  return {ErrorKind::kPreconditionFailed, std::move(message)};
}

// Whether it is a create that found a resource and so makes none.
bool is_found_create(Kind kind, const PlannedEntry& planned) {
  return kind == Kind::kCreate && !planned.is_written;
}

}  // namespace

TransactionPlan::TransactionPlan(store::Store& store, const fhir::BundleRequest& bundle,
                                 const TransactionOptions& options)
    : store_(store),
      bundle_(bundle),
      options_(options),
      matches_(
          [this](fhir::ResourceType type) -> const store::Store& {
            return seen_for(Look::kSearch, type);
          },
          options.base_url, options.bounds),
      reader_({}, options.base_url) {}

bool TransactionPlan::reads_by_own_right(std::size_t entry) const {
  return options_.reads_by_own_right && options_.reads_by_own_right(entry);
}

const store::Store& TransactionPlan::seen_by(std::size_t entry) const {
  if (reads_by_own_right(entry)) return store_;
  const auto look = [](Kind kind) {
    if (kind == Kind::kUpdate || kind == Kind::kPatch) return Look::kUpdate;
    if (kind == Kind::kDelete) return Look::kDelete;
    return kind == Kind::kCreate || kind == Kind::kSearch ? Look::kSearch : Look::kRead;
  };
  return seen_for(look(actions_[entry].kind), actions_[entry].type);
}

template <class Step>
Result<void> TransactionPlan::each(Step step) {
  for (std::size_t i = 0; i < bundle_.entries().size(); ++i)
    if (auto done = step(i); !done) return fhir::about_entry(i, std::move(done).error());
  return {};
}

Result<void> TransactionPlan::read() {
  std::map<std::size_t, std::size_t> first_maker;  // by the query's number
  std::map<fhir::ResourceType, std::size_t> writes;
  auto understood = each([&](std::size_t i) -> Result<void> {
    SLUICE_ASSIGN_OR_RETURN(actions_.emplace_back(),
                            read_action(bundle_.entries()[i], options_.base_url));
    const EntryAction& action = actions_.back();
    query_of_entry_.push_back(kNone);
    made_ids_.push_back(random_hex(kIdBytes));
    if (action.is_write()) ++writes[action.type];
    if (!action.is_write() || !action.search) return {};
    SLUICE_ASSIGN_OR_RETURN(query_of_entry_.back(), matches_.add(action.type, *action.search));
    searched_.push_back({i, action.type});
    for (const auto type : matches_.queries()[query_of_entry_.back()].other_types())
      searched_.push_back({i, type});
    if (action.kind != Kind::kCreate && action.kind != Kind::kUpdate) return {};
    const auto [other, is_first] = first_maker.try_emplace(query_of_entry_.back(), i);
    if (is_first) return {};
    return invalid(
        fmt::format("it has the condition of Bundle.entry[{}]: both are about the same "
                    "resource, which each would create",
                    other->second));
  });
  if (!understood) return understood;
  // What this Bundle removes or replaces may be among what is found.
  for (const auto& [type, count] : writes) matches_.look_for(type, count + 2);
  return each([&](std::size_t i) { return read_references(i); });
}

// Compiles the conditional references, so that what cannot be searched is known before anything is.
Result<void> TransactionPlan::read_references(std::size_t entry) {
  const auto& sent = bundle_.entries()[entry];
  if (sent.resource == 0) return {};
  // A hundred thousand references may search one type.
  std::set<fhir::ResourceType> known;
  const auto searches = [&](fhir::ResourceType type) {
    if (known.insert(type).second) searched_.push_back({entry, type});
  };
  return fhir::each_link(bundle_.tokens(), sent.resource,
                         [&](fhir::LinkPlace place, std::string_view text) -> Result<void> {
                           const auto conditional = fhir::parse_conditional_reference(text);
                           if (place != fhir::LinkPlace::kReference || !conditional) return {};
                           if (conditional->query.empty())
                             return invalid("a conditional reference has an empty query");
                           SLUICE_ASSIGN_OR_RETURN(
                               const std::size_t number,
                               matches_.add(conditional->type, conditional->query));
                           searches(conditional->type);
                           for (const auto type : matches_.queries()[number].other_types())
                             searches(type);
                           return {};
                         });
}

Result<void> TransactionPlan::hold(std::size_t bytes) {
  held_ += bytes;
  return bytes > 0 && options_.may_hold ? options_.may_hold(held_) : Result<void>{};
}

Result<void> TransactionPlan::make() {
  planned_.assign(actions_.size(), {});
  held_ = 0;
  links_.clear();
  writers_.clear();
  references_.clear();
  own_found_.clear();
  own_ids_.clear();
  preconditions_.clear();
  SLUICE_RETURN_IF_ERROR(matches_.find());
  auto identified = each([&](std::size_t i) -> Result<void> {
    if (!actions_[i].is_write()) return {};
    SLUICE_RETURN_IF_ERROR(identify(i));
    return claim(i);
  });
  if (!identified) return identified;
  SLUICE_RETURN_IF_ERROR(each([&](std::size_t i) { return prepare(i); }));
  // As long as the largest resource: not held while it is written.
  rewritten_ = {};
  rewritten_offsets_ = {};
  return each([&](std::size_t i) { return read_now(i); });
}

Result<void> TransactionPlan::check_found(fhir::ResourceType type,
                                          const std::vector<std::string>& ids) const {
  if (!options_.may_touch_binary || type != fhir::types::kBinary) return {};
  for (const auto& id : ids) {
    // Not there any more: then the search does not hold, and there will be another plan.
    const auto stored = rest::read(store_, {type, id});
    if (stored) SLUICE_RETURN_IF_ERROR(options_.may_touch_binary(Kind::kSearch, *stored));
  }
  return {};
}

Result<std::string> TransactionPlan::found_by_condition(std::size_t entry) const {
  const auto& ids = matches_.ids(query_of_entry_[entry]);
  SLUICE_RETURN_IF_ERROR(check_found(actions_[entry].type, ids));
  if (ids.size() > 1) return failed("its condition finds more than one resource");
  return ids.empty() ? std::string() : ids.front();
}

Result<void> TransactionPlan::identify(std::size_t entry) {
  const EntryAction& action = actions_[entry];
  PlannedEntry& planned = planned_[entry];
  planned.key = {action.type, action.id};
  planned.is_written = true;
  if (action.kind == Kind::kCreate) return identify_create(entry);
  if (action.kind == Kind::kUpdate) return identify_update(entry);
  if (action.search) {
    SLUICE_ASSIGN_OR_RETURN(planned.key.id, found_by_condition(entry));
    if (planned.key.id.empty() && action.kind == Kind::kPatch)
      return not_found("its condition finds nothing to patch");
    planned.is_written = !planned.key.id.empty();
    SLUICE_RETURN_IF_ERROR(check_right(entry));
  }
  return check_condition(entry);
}

Result<void> TransactionPlan::check_right(std::size_t entry) {
  const fhir::ResourceId& key = planned_[entry].key;
  if (options_.view == nullptr || key.id.empty()) return {};
  const auto newest = store_.last_commit().sequence;
  SLUICE_ASSIGN_OR_RETURN(const auto found, seen_for(Look::kSearch, key.type).read(key, newest));
  SLUICE_ASSIGN_OR_RETURN(const auto mine, seen_by(entry).read(key, newest));
  // One that is not found any more makes another attempt necessary anyway.
  if (mine || !found) return {};
  return Error{ErrorKind::kForbidden,
               fmt::format("the access token's scopes do not cover the {} that its condition finds",
                           fhir::type_name(key.type))};
}

Result<void> TransactionPlan::check_binary(std::size_t entry) {
  const fhir::ResourceId& key = planned_[entry].key;
  if (!options_.may_touch_binary || key.type != fhir::types::kBinary || key.id.empty()) return {};
  const auto stored = rest::read(seen_by(entry), key);
  if (stored) SLUICE_RETURN_IF_ERROR(options_.may_touch_binary(actions_[entry].kind, *stored));
  if (!stored && stored.error().kind != ErrorKind::kNotFound &&
      stored.error().kind != ErrorKind::kGone)
    return stored.error();
  // What was asked about is what must be there when it is done; 0: nothing.
  preconditions_.push_back({key, stored ? stored->version : 0});
  return {};
}

Result<void> TransactionPlan::identify_create(std::size_t entry) {
  PlannedEntry& planned = planned_[entry];
  if (actions_[entry].search) {
    SLUICE_ASSIGN_OR_RETURN(planned.key.id, found_by_condition(entry));
    planned.is_written = planned.key.id.empty();
  }
  if (!planned.is_written) {
    SLUICE_ASSIGN_OR_RETURN(planned.stored, rest::read(seen_by(entry), planned.key));
    return hold(planned.stored->json.size());
  }
  planned.key.id = made_ids_[entry];
  preconditions_.push_back({planned.key, 0});
  return {};
}

Result<void> TransactionPlan::identify_update(std::size_t entry) {
  PlannedEntry& planned = planned_[entry];
  const bool refuses_creation =
      options_.view != nullptr && !options_.view->creates_by_update(planned.key.type);
  const auto own_id =
      fhir::string_member(bundle_.tokens(), bundle_.entries()[entry].resource, "id");
  if (!actions_[entry].search) {
    if (!own_id) return invalid("the resource has no id");
    if (*own_id != planned.key.id) return invalid("the resource's id is not that of request.url");
    if (refuses_creation) SLUICE_RETURN_IF_ERROR(rest::read(seen_by(entry), planned.key));
    return check_condition(entry);
  }
  SLUICE_ASSIGN_OR_RETURN(planned.key.id, found_by_condition(entry));
  SLUICE_RETURN_IF_ERROR(check_right(entry));
  if (planned.key.id.empty()) {
    if (refuses_creation) return nothing_to_update();
    planned.key.id = own_id.value_or(made_ids_[entry]);
    if (!fhir::is_valid_id(planned.key.id))
      return invalid("id is not 1 to 64 of A-Z a-z 0-9 '-' and '.'");
    // Nothing that is there matches; what has this id is something else.
    preconditions_.push_back({planned.key, 0});
    SLUICE_ASSIGN_OR_RETURN(const auto record,
                            store_.read(planned.key, store_.last_commit().sequence));
    if (record)
      return Error{ErrorKind::kConflict, fmt::format("{} is there but does not match the condition",
                                                     name_of(planned.key))};
  } else if (own_id && *own_id != planned.key.id) {
    return invalid("the resource's id is not that of the resource which its condition finds");
  }
  return check_condition(entry);
}

// The store compares with one version, so that "any" is the one that is there now.
Result<void> TransactionPlan::check_condition(std::size_t entry) {
  const Condition& condition = actions_[entry].condition;
  SLUICE_RETURN_IF_ERROR(check_binary(entry));
  if (condition.kind == Condition::Kind::kNone) return {};
  const fhir::ResourceId& key = planned_[entry].key;
  std::uint32_t version = 0;
  if (!key.id.empty()) {
    SLUICE_ASSIGN_OR_RETURN(const auto record,
                            seen_by(entry).read(key, store_.last_commit().sequence));
    if (record) version = record->version;
  }
  if (condition.kind == Condition::Kind::kAbsent && version != 0)
    return failed(fmt::format("If-None-Match: {} is there already", name_of(key)));
  if (condition.kind == Condition::Kind::kPresent && version == 0)
    return failed("If-Match: the resource is not there");
  if (condition.kind == Condition::Kind::kVersion && (version == 0 || version != condition.version))
    return failed(fmt::format("If-Match: version {} of {} is not the newest", condition.version,
                              name_of(key)));
  if (!key.id.empty()) preconditions_.push_back({key, version});
  return {};
}

// A resource that two entries name is an error, but what several creates find may be one.
Result<void> TransactionPlan::claim(std::size_t entry) {
  const PlannedEntry& planned = planned_[entry];
  if (planned.key.id.empty()) return {};
  if (actions_[entry].kind != Kind::kDelete)
    SLUICE_RETURN_IF_ERROR(links_.add(bundle_.entries()[entry].full_url, planned.key));
  const auto [other, is_first] = writers_.try_emplace(planned.key, entry);
  if (is_first || (is_found_create(actions_[entry].kind, planned) &&
                   is_found_create(actions_[other->second].kind, planned_[other->second])))
    return {};
  return invalid(fmt::format("{} is the resource of Bundle.entry[{}] too", name_of(planned.key),
                             other->second));
}

Result<void> TransactionPlan::prepare(std::size_t entry) {
  const EntryAction& action = actions_[entry];
  PlannedEntry& planned = planned_[entry];
  if (!planned.is_written || action.kind == Kind::kDelete) return {};
  if (action.kind == Kind::kPatch) {
    SLUICE_ASSIGN_OR_RETURN(planned.resource, patched_resource(entry));
    return hold(planned.resource->content.size());
  }
  SLUICE_ASSIGN_OR_RETURN(const auto tokens,
                          rewrite(entry, bundle_.tokens(), bundle_.entries()[entry].resource));
  SLUICE_ASSIGN_OR_RETURN(planned.resource, action.kind == Kind::kCreate
                                                ? reader_.read_as_new(tokens, planned.key.id)
                                                : reader_.read(tokens, planned.key.id));
  if (planned.resource->type != action.type)
    return invalid(fmt::format("the resource is a {}, request.url is one of {}",
                               fhir::type_name(planned.resource->type),
                               fhir::type_name(action.type)));
  SLUICE_RETURN_IF_ERROR(validate(*planned.resource, MemberFilters::kRefused, options_.leniency));
  if (options_.with_resources) return hold(planned.resource->content.size());
  // Only limits of the client's, which the view's store knows, look at it once more.
  if (options_.view == nullptr) planned.resource->token_offsets = {};
  return {};
}

// The patch is a Binary, for an entry can hold nothing but resources.
Result<fhir::IncomingResource> TransactionPlan::patched_resource(std::size_t entry) {
  const fhir::ResourceId& key = planned_[entry].key;
  const auto& sent = bundle_.entries()[entry];
  if (fhir::string_member(bundle_.tokens(), sent.resource, "resourceType") != "Binary")
    return invalid("the resource of a PATCH is a Binary with a JSON Patch in it");
  SLUICE_ASSIGN_OR_RETURN(const auto binary, fhir::read_binary(bundle_.resource_of(sent)));
  if (binary.content_type != "application/json-patch+json")
    return Error{ErrorKind::kUnsupportedMediaType,
                 "a PATCH takes a Binary with contentType application/json-patch+json"};
  SLUICE_RETURN_IF_ERROR(query::BoundsCheck(options_.bounds).look());
  SLUICE_ASSIGN_OR_RETURN(const auto patch, JsonPatch::parse(binary.bytes));
  SLUICE_ASSIGN_OR_RETURN(const auto stored, rest::read(seen_by(entry), key));
  preconditions_.push_back({key, stored.version});
  SLUICE_ASSIGN_OR_RETURN(const std::string json, patched_text(key, stored.json, patch));
  fhir::JsonTokens tokens;
  SLUICE_RETURN_IF_ERROR(tokens.read(json));
  SLUICE_ASSIGN_OR_RETURN(const auto text, rewrite(entry, tokens, 0));
  return read_patched(key, text, options_.base_url, options_.leniency);
}

Result<fhir::JsonTokens> TransactionPlan::rewrite(std::size_t entry, const fhir::JsonTokens& tokens,
                                                  std::size_t object) {
  rewritten_.clear();
  rewritten_offsets_.clear();
  SLUICE_RETURN_IF_ERROR(fhir::rewrite_links(
      tokens, object,
      [&](fhir::LinkPlace place, std::string_view text) -> Result<std::optional<std::string>> {
        if (place == fhir::LinkPlace::kReference)
          if (const auto conditional = fhir::parse_conditional_reference(text)) {
            SLUICE_ASSIGN_OR_RETURN(auto found, resolve(conditional->type, conditional->query));
            return std::optional(std::move(found));
          }
        return links_.target(bundle_.entries()[entry].full_url, text);
      },
      rewritten_, &rewritten_offsets_));
  const std::size_t size = rewritten_.size();
  rewritten_.append(fhir::JsonTokens::kPadding, ' ');
  return fhir::JsonTokens(std::string_view(rewritten_).substr(0, size), rewritten_offsets_);
}

// As the standard has it, after the writes: what this Bundle writes is looked at as it is sent, and
// what it removes or replaces counts no more.
Result<std::string> TransactionPlan::resolve(fhir::ResourceType type, std::string_view query) {
  SLUICE_ASSIGN_OR_RETURN(const std::size_t number, matches_.add(type, query));
  // What a patch brings is known only after the searches.
  if (!matches_.is_found(number))
    return Error{ErrorKind::kUnsupported, "a patch cannot bring a conditional reference"};
  if (const auto known = references_.find(number); known != references_.end()) return known->second;
  SLUICE_RETURN_IF_ERROR(check_found(type, matches_.ids(number)));
  std::vector<std::string> ids;
  for (const auto& id : matches_.ids(number)) {
    const auto writer = writers_.find({type, id});
    if (writer == writers_.end() || !planned_[writer->second].is_written ||
        actions_[writer->second].kind == Kind::kPatch)
      ids.push_back(id);
  }
  SLUICE_RETURN_IF_ERROR(find_own(type));
  const auto& own = own_ids_[number];
  ids.insert(ids.end(), own.begin(), own.end());
  if (ids.size() != 1)
    return failed(fmt::format("a conditional reference to {} finds {}", fhir::type_name(type),
                              ids.empty() ? "nothing" : "more than one resource"));
  return references_.emplace(number, name_of({type, ids.front()})).first->second;
}

Result<void> TransactionPlan::find_own(fhir::ResourceType type) {
  if (!own_found_.insert(type).second) return {};
  std::vector<std::size_t> numbers;
  std::vector<search::Query> queries;
  for (std::size_t i = 0; i < matches_.queries().size(); ++i) {
    if (matches_.queries()[i].type() != type || !matches_.is_found(i)) continue;
    numbers.push_back(i);
    queries.push_back(matches_.resolved(i));
  }
  const query::BoundsCheck check(options_.bounds);
  search::QuerySet set(std::move(queries), [&] { return check.look(); });
  for (std::size_t i = 0; i < actions_.size(); ++i) {
    const Kind kind = actions_[i].kind;
    if (actions_[i].type != type || !planned_[i].is_written ||
        (kind != Kind::kCreate && kind != Kind::kUpdate))
      continue;
    SLUICE_RETURN_IF_ERROR(check.look());
    SLUICE_ASSIGN_OR_RETURN(const auto* const matching,
                            set.matching(bundle_.tokens().value(bundle_.entries()[i].resource)));
    for (const std::size_t match : *matching)
      own_ids_[numbers[match]].push_back(planned_[i].key.id);
  }
  return {};
}

// What a read will find is told before the writes, for a read that finds nothing undoes all.
Result<void> TransactionPlan::read_now(std::size_t entry) {
  const EntryAction& action = actions_[entry];
  PlannedEntry& planned = planned_[entry];
  if (action.is_write()) return {};
  planned.key = {action.type, action.id};
  if (action.kind == Kind::kReadVersion) {
    SLUICE_ASSIGN_OR_RETURN(planned.stored,
                            read_version(seen_by(entry), planned.key, action.version));
    SLUICE_RETURN_IF_ERROR(hold(planned.stored->json.size()));
    if (options_.may_touch_binary && planned.key.type == fhir::types::kBinary)
      return options_.may_touch_binary(action.kind, *planned.stored);
    return {};
  }
  if (action.kind != Kind::kRead) return {};
  // Also of one that this Bundle writes: a patch leaves of it what its writer may not read.
  SLUICE_RETURN_IF_ERROR(check_binary(entry));
  const auto writer = writers_.find(planned.key);
  if (writer != writers_.end() && planned_[writer->second].is_written) {
    if (actions_[writer->second].kind != Kind::kDelete) {
      SLUICE_RETURN_IF_ERROR(hold(planned_[writer->second].resource->content.size()));
      return reads_by_own_right(entry) ? Result<void>{} : check_readable(planned_[writer->second]);
    }
    return Error{ErrorKind::kGone, fmt::format("{} is deleted by Bundle.entry[{}]",
                                               name_of(planned.key), writer->second)};
  }
  SLUICE_ASSIGN_OR_RETURN(const auto stored, rest::read(seen_by(entry), planned.key));
  preconditions_.push_back({planned.key, stored.version});
  return is_known(action.known, stored.version, stored.last_updated) ? Result<void>{}
                                                                     : hold(stored.json.size());
}

Result<void> TransactionPlan::check_readable(const PlannedEntry& written) const {
  if (options_.view == nullptr) return {};
  std::string json;
  const auto newest = store_.last_commit();
  SLUICE_ASSIGN_OR_RETURN(const auto before, store_.read(written.key, newest.sequence));
  fhir::append_with_meta(json, *written.resource, before ? before->version + 1 : 1, newest.instant);
  SLUICE_ASSIGN_OR_RETURN(const bool readable, options_.view->may_read(written.key.type, json));
  if (!readable) return not_found(fmt::format("there is no {}", name_of(written.key)));
  return {};
}

}  // namespace sluice::rest
