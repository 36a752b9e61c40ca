#include "api/bundle/bundle_interactions.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/bundle/bundle_request.h"
#include "api/bundle/bundle_response.h"
#include "api/bundle/scoped_transaction.h"
#include "api/core/access.h"
#include "api/core/audit.h"
#include "api/core/fhir_response.h"
#include "api/core/request_headers.h"
#include "api/core/request_slot.h"
#include "api/core/resource_headers.h"
#include "api/rest/attached_binary.h"
#include "api/rest/binary_resource.h"
#include "api/rest/capability.h"
#include "api/rest/cascade_delete.h"
#include "api/rest/resource_answer.h"
#include "api/rest/resource_search.h"
#include "fhir/operation_outcome.h"
#include "json/json_walk.h"
#include "rest/transaction.h"

namespace sluice::api {
namespace {

using Kind = rest::EntryAction::Kind;
using Return = Preferences::Return;

smart::Permissions permissions_of(Kind kind) {
  using smart::Permissions;
  switch (kind) {
    case Kind::kDelete:
      return {Permissions::kDelete};
    case Kind::kCreate:
      return {Permissions::kCreate};
    case Kind::kUpdate:
    case Kind::kPatch:
      return {Permissions::kUpdate};
    case Kind::kSearch:
      return {Permissions::kSearch};
    case Kind::kRead:
    case Kind::kReadVersion:
      break;
  }
  return {Permissions::kRead};
}

smart::AuditKind audit_kind_of(Kind kind) {
  switch (kind) {
    case Kind::kDelete:
      return smart::AuditKind::kResourceDeleted;
    case Kind::kCreate:
      return smart::AuditKind::kResourceCreated;
    case Kind::kUpdate:
    case Kind::kPatch:
      return smart::AuditKind::kResourceUpdated;
    default:
      return smart::AuditKind::kResourceRead;
  }
}

class TransactionRequest {
 public:
  TransactionRequest(Service& service, const http::Router& router, const http::Request& request,
                     const Principal& principal, const Preferences& preferences,
                     const fhir::BundleRequest& bundle)
      : service_(service),
        router_(router),
        request_(request),
        principal_(principal),
        preferences_(preferences),
        bundle_(bundle),
        base_url_(service.base_url(request)),
        bounds_(search_bounds(service, request)),
        slot_(service, request),
        view_(ScopedTransaction::of(service, request, principal)),
        response_("transaction-response", service.options.bundle_answer_size_max,
                  http::MemoryBudget::Share(*service.answers)) {}

  Result<http::Response> run() {
    auto response = run_now();
    if (response || response.error().kind != ErrorKind::kTimeout) return response;
    // As a search that takes too long: to send the same again would not help.
    return Error{ErrorKind::kUnprocessable,
                 fmt::format("the searches and patches of the transaction take more than {} s, so "
                             "nothing of it is done: send it in parts",
                             service_.options.search_timeout.count())};
  }

 private:
  Result<http::Response> run_now() {
    rest::TransactionOptions options{
        .base_url = base_url_,
        // Of what is let pass, the stored resources tell.
        .with_resources = preferences_.returned == Return::kRepresentation ||
                          service_.options.leniency == rest::Leniency::kLenient,
        .bounds = bounds_,
        .leniency = service_.options.leniency,
        .may_hold = [this](std::size_t bytes) { return response_.hold(searched_bytes_ + bytes); },
        .view = view_.get(),
        .reads_by_own_right =
            [this](std::size_t entry) { return reads_attached_.contains(entry); }};
    if (service_.authorization != nullptr)
      options.may_touch_binary = [this](Kind kind, const rest::Stored& stored) {
        return authorize_content(principal_, fhir::types::kBinary, stored.json,
                                 permissions_of(kind), base_url_);
      };
    SLUICE_ASSIGN_OR_RETURN(auto transaction,
                            rest::Transaction::read(service_.store, bundle_, std::move(options)));
    SLUICE_RETURN_IF_ERROR(authorize(transaction));
    if (transaction.may_take_long()) SLUICE_RETURN_IF_ERROR(slot_.take());
    for (std::size_t i = 0; i < transaction.actions().size(); ++i)
      if (transaction.actions()[i].kind == Kind::kSearch)
        if (auto refused = try_search(i)) return std::move(*refused);
    auto outcome = transaction.run([&](const auto& writes) { return audit_writes(writes); });
    if (!outcome) {
      // The lines before said what was to be done.
      if (audited_)
        SLUICE_RETURN_IF_ERROR(audit(service_, request_, principal_,
                                     {.kind = smart::AuditKind::kTransaction,
                                      .outcome = smart::AuditOutcome::kMinor,
                                      .description = fmt::format("transaction {}: {}", request_.id,
                                                                 outcome.error().message)}));
      return std::move(outcome).error();
    }
    return answer(transaction.actions(), std::move(*outcome));
  }

  Result<void> authorize_entry(std::size_t index, fhir::ResourceType type,
                               smart::Permissions permissions) {
    auto allowed = authorize_and_audit(service_, request_, principal_, type, permissions);
    if (!allowed) return fhir::about_entry(index, std::move(allowed).error());
    return {};
  }

  Result<void> authorize(const rest::Transaction& transaction) {
    for (std::size_t i = 0; i < transaction.actions().size(); ++i) {
      const auto& action = transaction.actions()[i];
      SLUICE_RETURN_IF_ERROR(refuse_own_definition(i, action));
      SLUICE_ASSIGN_OR_RETURN(const bool attached, reads_as_attachment(i, action));
      if (attached) continue;
      SLUICE_RETURN_IF_ERROR(authorize_entry(i, action.type, permissions_of(action.kind)));
    }
    for (const auto& [entry, type] : transaction.searched())
      SLUICE_RETURN_IF_ERROR(authorize_entry(entry, type, {smart::Permissions::kSearch}));
    return {};
  }

  // As the same read would be by itself. What the Bundle writes opens nothing yet.
  Result<bool> reads_as_attachment(std::size_t index, const rest::EntryAction& action) {
    const bool reads = action.kind == Kind::kRead || action.kind == Kind::kReadVersion;
    if (!reads || action.type != fhir::types::kBinary ||
        authorize_resource(principal_, action.type, {smart::Permissions::kRead}))
      return false;
    const std::string version =
        action.kind == Kind::kReadVersion ? std::to_string(action.version) : std::string();
    if (!attached_) attached_.emplace(service_, request_, principal_, slot_, bounds_);
    auto attached = attached_->may_read(action.id, version);
    if (!attached) return fhir::about_entry(index, std::move(attached).error());
    if (*attached) reads_attached_.insert(index);
    return *attached;
  }

  // They are not in the store, which is all that a transaction sees.
  Result<void> refuse_own_definition(std::size_t index, const rest::EntryAction& action) const {
    std::string id = action.id;
    if (action.kind == Kind::kUpdate && action.search)
      id = fhir::string_member(bundle_.tokens(), bundle_.entries()[index].resource, "id")
               .value_or("");
    if (!is_own_definition(action.type, id)) return {};
    if (action.is_write()) return fhir::about_entry(index, own_definition_error(id));
    return fhir::about_entry(
        index, {ErrorKind::kUnsupported,
                fmt::format("OperationDefinition/{} defines an operation of this server: read it "
                            "by itself or in a batch",
                            id)});
  }

  // It has the slot and the time of the whole.
  Result<http::Request> search_request(std::size_t index) const {
    SLUICE_ASSIGN_OR_RETURN(auto request, entry_request(request_, base_url_, preferences_, bundle_,
                                                        bundle_.entries()[index]));
    request.deadline = bounds_.deadline;
    return request;
  }

  Result<BundleResponseEntry> search(std::size_t index) {
    SLUICE_ASSIGN_OR_RETURN(auto request, search_request(index));
    return dispatch_entry(router_, std::move(request), base_url_);
  }

  // A search that is refused undoes all, so it is tried before anything is done.
  std::optional<http::Response> try_search(std::size_t index) {
    const auto found = search(index);
    if (!found) return error_response(fhir::about_entry(index, found.error()));
    if (found->status < 400) {
      // As much as it finds now will be in the answer, about.
      searched_bytes_ += found->resource.size();
      if (const auto held = response_.hold(searched_bytes_); !held)
        return error_response(fhir::about_entry(index, held.error()));
      return std::nullopt;
    }
    return fhir_response(
        found->status,
        fhir::operation_outcome("error", found->status == 404 ? "not-found" : "invalid",
                                fmt::format("Bundle.entry[{}]: its search is refused: {}", index,
                                            fhir::diagnostics_of(found->outcome))));
  }

  // What cannot be audited must not be done.
  Result<void> audit_writes(const std::vector<std::pair<Kind, fhir::ResourceId>>& writes) {
    audited_ = true;
    if (service_.authorization == nullptr) return {};
    std::vector<smart::AuditEvent> events;
    events.reserve(writes.size());
    for (const auto& [kind, key] : writes)
      events.push_back({.kind = audit_kind_of(kind),
                        .description = "transaction " + request_.id,
                        .subject = name_of(key)});
    return audit_all(service_, request_, principal_, std::move(events));
  }

  Result<http::Response> answer(const std::vector<rest::EntryAction>& actions,
                                rest::TransactionOutcome outcome) {
    std::vector<smart::AuditEvent> reads;
    for (std::size_t i = 0; i < actions.size(); ++i) {
      const auto& action = actions[i];
      if (action.kind == Kind::kSearch) {
        if (response_.full()) {
          response_.add_undone();
          continue;
        }
        SLUICE_ASSIGN_OR_RETURN(const auto request, search_request(i));
        response_.add(entry_of_response(request, search_as_of(request, action.type, outcome.commit),
                                        base_url_),
                      false);
        continue;
      }
      if (!action.is_write())
        reads.push_back({.kind = smart::AuditKind::kResourceRead,
                         .description = "transaction " + request_.id,
                         .subject = name_of(outcome.entries[i].key)});
      SLUICE_ASSIGN_OR_RETURN(auto done, entry_of(action, std::move(outcome.entries[i])));
      response_.add(std::move(done), action.is_write());
    }
    SLUICE_RETURN_IF_ERROR(audit_all(service_, request_, principal_, std::move(reads)));
    return response_.finish();
  }

  http::Response search_as_of(const http::Request& request, fhir::ResourceType type,
                              const store::Commit& commit) {
    const auto seen = scoped_store(service_, request_, principal_,
                                   Interaction{type, {smart::Permissions::kSearch}}, service_.slot);
    if (seen == nullptr) return search_resources_as_of(service_, request, principal_, type, commit);
    Service limited(service_, *seen, service_.slot);
    return search_resources_as_of(limited, request, principal_, type, commit);
  }

  Result<BundleResponseEntry> entry_of(const rest::EntryAction& action,
                                       rest::EntryOutcome done) const {
    // What a create found, and what a patch left, may be nothing that its client may read.
    const bool is_found = action.kind == Kind::kCreate && done.status == 200;
    if ((is_found || action.kind == Kind::kPatch) && !done.json.empty()) {
      SLUICE_ASSIGN_OR_RETURN(const bool readable,
                              covers(service_, request_, principal_, action.type,
                                     {smart::Permissions::kRead}, done.json));
      if (!readable) done.json.clear();
    }
    std::vector<std::string> faults;
    if (action.is_write() && action.kind != Kind::kDelete && !done.json.empty())
      faults = passed_faults(service_, request_, done.key, done.json, done.token_offsets);
    if (action.is_write() && preferences_.returned != Return::kRepresentation) done.json.clear();
    BundleResponseEntry entry{.status = done.status, .resource = std::move(done.json)};
    const std::string name = done.key.id.empty() ? std::string() : name_of(done.key);
    if (!entry.resource.empty()) entry.full_url = fmt::format("{}/{}", base_url_, name);
    if (done.version != 0) {
      entry.etag = entity_tag(done.version);
      entry.last_modified = done.last_updated;
      if (action.is_write() && action.kind != Kind::kDelete)
        entry.location = fmt::format("{}/_history/{}", name, done.version);
    }
    if (action.is_write() && preferences_.returned == Return::kOperationOutcome)
      entry.outcome = outcome_of_write(
          done.version == 0              ? std::string("there was nothing to delete")
          : action.kind == Kind::kDelete ? fmt::format("{} is deleted", name)
                                         : fmt::format("{} is version {} now", name, done.version),
          faults);
    return entry;
  }

  Service& service_;
  const http::Router& router_;
  const http::Request& request_;
  const Principal& principal_;
  const Preferences& preferences_;
  const fhir::BundleRequest& bundle_;
  const std::string base_url_;
  const query::Bounds bounds_;
  RequestSlot slot_;
  std::optional<AttachedBinaries> attached_;
  std::set<std::size_t> reads_attached_;           // entries that read what a resource names
  const std::unique_ptr<ScopedTransaction> view_;  // nullptr: the scopes have no queries
  BundleResponse response_;
  std::size_t searched_bytes_ = 0;  // of the answers to its searches
  bool audited_ = false;
};

/// "Patient", "Patient/1" or "Patient/1/_history/2" of an entry's URL.
std::string_view path_of(const fhir::BundleRequestEntry& entry, std::string_view base_url) {
  std::string_view path = entry.url;
  if (path.starts_with(base_url)) path.remove_prefix(base_url.size());
  if (path.starts_with('/')) path.remove_prefix(1);
  return path.substr(0, path.find('?'));
}

// Whether an entry may take long for its size: all but what names one resource by its id, and plain
// creates. What is overlooked here takes a slot of its own.
bool may_take_long(const fhir::BundleRequestEntry& entry, std::string_view base_url) {
  if (entry.if_none_exist || entry.method == "PATCH") return true;
  const std::string_view path = path_of(entry, base_url);
  const bool names_one = path.find('/') != std::string_view::npos && !path.ends_with("/_history") &&
                         !path.ends_with("/_search");
  if (entry.method == "DELETE" && entry.url.find('?') != std::string::npos) return true;
  return entry.method != "POST" && !names_one;
}

/// A read can take long too where a scope's query decides about it.
Result<http::Response> run_batch(Service& service, const http::Router& router,
                                 const http::Request& request, const Principal& principal,
                                 const Preferences& preferences,
                                 const fhir::BundleRequest& bundle) {
  const std::string base_url = service.base_url(request);
  std::shared_ptr<SharedSlot> slot;
  std::optional<std::chrono::steady_clock::time_point> deadline;
  if ((principal.claims != nullptr && principal.claims->scopes.has_queries()) ||
      std::any_of(bundle.entries().begin(), bundle.entries().end(),
                  [&](const auto& entry) { return may_take_long(entry, base_url); })) {
    SLUICE_ASSIGN_OR_RETURN(slot, take_slot(service, request));
    deadline = search_bounds(service, request).deadline;
  }
  BundleResponse response("batch-response", service.options.bundle_answer_size_max,
                          http::MemoryBudget::Share(*service.answers));
  for (const auto& entry : bundle.entries()) {
    const bool is_write = entry.method != "GET" && entry.method != "HEAD";
    if (response.full() && !is_write) {
      response.add_undone();
      continue;
    }
    // What was done before stays done, so that the answer tells of each.
    if (deadline && std::chrono::steady_clock::now() > *deadline) {
      response.add(
          error_entry(
              {ErrorKind::kUnavailable,
               fmt::format("the batch takes more than {} s: this entry was not done, send it again",
                           service.options.search_timeout.count())}),
          is_write);
      continue;
    }
    auto single = entry_request(request, base_url, preferences, bundle, entry);
    if (single) single->deadline = deadline;
    response.add(
        single ? dispatch_entry(router, std::move(*single), base_url) : error_entry(single.error()),
        is_write);
  }
  return response.finish();
}

Result<http::Response> post_now(Service& service, const http::Router& router,
                                const http::Request& request, const Principal& principal) {
  SLUICE_RETURN_IF_ERROR(check_formats(request));
  SLUICE_RETURN_IF_ERROR(refuse_cascade_header(request));
  SLUICE_RETURN_IF_ERROR(refuse_headers(request));
  SLUICE_RETURN_IF_ERROR(check_body_type(request));
  SLUICE_ASSIGN_OR_RETURN(auto preferences, read_preferences(request));
  // Nobody wants a Bundle back that was just sent, unless they say so.
  if (!preferences.states_return) preferences.returned = Return::kMinimal;
  Service own(service, service.store, slot_of(service, request));
  SLUICE_ASSIGN_OR_RETURN(const auto share, service.bundles->take(request.body.size()));
  SLUICE_ASSIGN_OR_RETURN(const auto bundle, fhir::BundleRequest::read(json_body(request)));
  if (bundle.kind() == fhir::BundleRequest::Kind::kBatch)
    return run_batch(own, router, request, principal, preferences, bundle);
  return TransactionRequest(own, router, request, principal, preferences, bundle).run();
}

}  // namespace

http::Response post_bundle(Service& service, const http::Router& router,
                           const http::Request& request, const Principal& principal) {
  auto response = post_now(service, router, request, principal);
  if (!response) return request_error(request, response.error());
  response->headers.set("Cache-Control", "private, no-cache");
  return std::move(*response);
}

}  // namespace sluice::api
