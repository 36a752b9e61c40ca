#include "api/bundle_interactions.h"

#include <fmt/format.h>

#include <memory>
#include <utility>
#include <vector>

#include "api/binary_resource.h"
#include "api/bundle_request.h"
#include "api/bundle_response.h"
#include "api/capability.h"
#include "api/cascade_delete.h"
#include "api/fhir_response.h"
#include "api/resource_answer.h"
#include "api/resource_headers.h"
#include "api/resource_search.h"
#include "api/scoped_transaction.h"
#include "fhir/json_walk.h"
#include "fhir/operation_outcome.h"
#include "rest/transaction.h"

namespace sluice::api {
namespace {

using Kind = rest::EntryAction::Kind;
using Return = Preferences::Return;

// Searches of conditions and references: what a client waits for anyway.
constexpr std::chrono::seconds kSearchTimeMax{60};

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
        view_(ScopedTransaction::of(service, request, principal)) {}

  Result<http::Response> run() {
    rest::TransactionOptions options{
        .base_url = base_url_,
        // Of what is let pass, the stored resources tell.
        .with_resources = preferences_.returned == Return::kRepresentation ||
                          service_.options.leniency == rest::Leniency::kLenient,
        .bounds = {.deadline = std::chrono::steady_clock::now() + kSearchTimeMax},
        .leniency = service_.options.leniency,
        .view = view_.get()};
    if (service_.authorization != nullptr)
      options.may_touch_binary = [this](Kind kind, const rest::Stored& stored) {
        return authorize_content(principal_, fhir::types::kBinary, stored.json,
                                 permissions_of(kind), base_url_);
      };
    SLUICE_TRY(auto transaction,
               rest::Transaction::read(service_.store, bundle_, std::move(options)));
    SLUICE_CHECK(authorize(transaction));
    for (std::size_t i = 0; i < transaction.actions().size(); ++i)
      if (transaction.actions()[i].kind == Kind::kSearch)
        if (auto refused = try_search(i)) return std::move(*refused);
    auto outcome = transaction.run([&](const auto& writes) { return audit_writes(writes); });
    if (!outcome) {
      // The lines before said what was to be done.
      if (audited_)
        SLUICE_CHECK(audit(service_, request_, principal_,
                           {.kind = smart::AuditKind::kTransaction,
                            .outcome = smart::AuditOutcome::kMinor,
                            .description = fmt::format("transaction {}: {}", request_.id,
                                                       outcome.error().message)}));
      return std::move(outcome).error();
    }
    return answer(transaction.actions(), std::move(*outcome));
  }

 private:
  Result<void> authorize_entry(std::size_t index, fhir::ResourceType type,
                               smart::Permissions permissions) {
    auto allowed = authorize_and_audit(service_, request_, principal_, type, permissions);
    if (!allowed) return fhir::about_entry(index, std::move(allowed).error());
    return {};
  }

  Result<void> authorize(const rest::Transaction& transaction) {
    for (std::size_t i = 0; i < transaction.actions().size(); ++i) {
      const auto& action = transaction.actions()[i];
      SLUICE_CHECK(refuse_own_definition(i, action));
      SLUICE_CHECK(authorize_entry(i, action.type, permissions_of(action.kind)));
    }
    for (const auto& [entry, type] : transaction.searched())
      SLUICE_CHECK(authorize_entry(entry, type, {smart::Permissions::kSearch}));
    return {};
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

  Result<BundleResponseEntry> search(std::size_t index) {
    SLUICE_TRY(auto request,
               entry_request(request_, base_url_, preferences_, bundle_, bundle_.entries()[index]));
    return dispatch_entry(router_, std::move(request), base_url_);
  }

  // A search that is refused undoes all, so it is tried before anything is done.
  std::optional<http::Response> try_search(std::size_t index) {
    const auto found = search(index);
    if (!found) return error_response(fhir::about_entry(index, found.error()));
    if (found->status < 400) return std::nullopt;
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
    BundleResponse response("transaction-response");
    for (std::size_t i = 0; i < actions.size(); ++i) {
      const auto& action = actions[i];
      if (action.kind == Kind::kSearch) {
        SLUICE_TRY(auto request,
                   entry_request(request_, base_url_, preferences_, bundle_, bundle_.entries()[i]));
        response.add(entry_of_response(request, search_as_of(request, action.type, outcome.commit),
                                       base_url_));
        continue;
      }
      if (!action.is_write())
        reads.push_back({.kind = smart::AuditKind::kResourceRead,
                         .description = "transaction " + request_.id,
                         .subject = name_of(outcome.entries[i].key)});
      SLUICE_TRY(const auto done, entry_of(action, std::move(outcome.entries[i])));
      response.add(done);
    }
    SLUICE_CHECK(audit_all(service_, request_, principal_, std::move(reads)));
    return fhir_response(200, response.finish());
  }

  http::Response search_as_of(const http::Request& request, fhir::ResourceType type,
                              const store::Commit& commit) {
    const auto seen = limited_store(service_, request_, principal_,
                                    Interaction{type, {smart::Permissions::kSearch}});
    if (seen == nullptr) return search_resources_as_of(service_, request, principal_, type, commit);
    Service limited(service_, *seen);
    return search_resources_as_of(limited, request, principal_, type, commit);
  }

  Result<BundleResponseEntry> entry_of(const rest::EntryAction& action,
                                       rest::EntryOutcome done) const {
    // What a create found may be nothing that its client may read.
    if (action.kind == Kind::kCreate && done.status == 200 && !done.json.empty()) {
      SLUICE_TRY(const bool readable, covers(service_, request_, principal_, action.type,
                                             {smart::Permissions::kRead}, done.json));
      if (!readable) done.json.clear();
    }
    std::vector<std::string> faults;
    if (action.is_write() && action.kind != Kind::kDelete && !done.json.empty())
      faults = passed_faults(service_, request_, done.key, done.json);
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
  const std::unique_ptr<ScopedTransaction> view_;  // nullptr: the scopes have no queries
  bool audited_ = false;
};

http::Response run_batch(Service& service, const http::Router& router, const http::Request& request,
                         const Preferences& preferences, const fhir::BundleRequest& bundle) {
  const std::string base_url = service.base_url(request);
  BundleResponse response("batch-response");
  for (const auto& entry : bundle.entries()) {
    auto single = entry_request(request, base_url, preferences, bundle, entry);
    response.add(single ? dispatch_entry(router, std::move(*single), base_url)
                        : error_entry(single.error()));
  }
  return fhir_response(200, response.finish());
}

Result<http::Response> post_now(Service& service, const http::Router& router,
                                const http::Request& request, const Principal& principal) {
  SLUICE_CHECK(check_formats(request));
  SLUICE_CHECK(refuse_cascade_header(request));
  SLUICE_CHECK(refuse_headers(request));
  SLUICE_CHECK(check_body_type(request));
  SLUICE_TRY(auto preferences, read_preferences(request));
  // Nobody wants a Bundle back that was just sent, unless they say so.
  if (!preferences.states_return) preferences.returned = Return::kMinimal;
  SLUICE_TRY(const auto share, service.bundles->take(request.body.size()));
  SLUICE_TRY(const auto bundle, fhir::BundleRequest::read(request.body));
  if (bundle.kind() == fhir::BundleRequest::Kind::kBatch)
    return run_batch(service, router, request, preferences, bundle);
  return TransactionRequest(service, router, request, principal, preferences, bundle).run();
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
