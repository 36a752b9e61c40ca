// What the endpoints share: the parts of the running server and the settings of its face.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "api/core/authorization.h"
#include "api/core/bundle_budget.h"
#include "api/core/long_searches.h"
#include "api/core/poll_limiter.h"
#include "api/core/search_slots.h"
#include "api/core/shared_answers.h"
#include "base/instant.h"
#include "bulk/import/import_request.h"
#include "http/memory_budget.h"
#include "http/message.h"
#include "job/engine.h"
#include "output/file_store.h"
#include "query/bounds.h"
#include "rest/member_changes.h"
#include "rest/validation.h"
#include "store/store.h"

namespace sluice::api {

class JobHandlers;

struct ServiceOptions {
  /// The public FHIR base ("https://ehr.example/fhir"); empty: "<origin of the request>/fhir".
  std::string base_url;
  bool require_respond_async = false;  ///< K-03: 400 without Prefer: respond-async
  std::chrono::seconds retry_after_max = std::chrono::seconds(30);  ///< S-01
  /// A Group export with `_since` sends all data of patients who joined since (P-13).
  bool history_of_new_members = true;
  /// G-03: the members of Groups with member-filter are stored and refreshed; else found at each
  /// export.
  bool stores_cohorts = true;
  unsigned poll_burst = 100;  ///< polls of one job before they are limited (S-04)
  /// How long superseded versions stay, and so the links of a search's pages.
  std::chrono::seconds history_retention = std::chrono::hours(1);
  std::chrono::seconds search_timeout = std::chrono::seconds(20);
  std::size_t searches_max = 4;                          ///< at once; others get 503
  std::size_t answers_size_max = http::kAnswersSizeMax;  ///< of all answers, in memory
  std::size_t bundle_answer_size_max = 64u << 20;        ///< of the answer to one Bundle
  bool conditional_delete_of_several = false;            ///< else 412 when more than one matches
  std::size_t cascade_max = 10'000;  ///< resources that go with one Patient, itself too
  rest::Leniency leniency = rest::Leniency::kStrict;  ///< of light validation of writes
  bulk::ImportRules import_rules = {};                ///< what $import accepts
};

/// Memory of answers that need no authentication.
inline constexpr std::size_t kPublicAnswersSizeMax = 8u << 20;

/// The path below which everything FHIR is.
inline constexpr std::string_view kFhirPath = "/fhir";

/// Lives as long as the server; the parts must outlive it. Thread-safe. A copy is the service for
/// one client: its store shows only what the client's scopes cover.
struct Service {
  store::Store& store;  ///< of a request: what the caller may see and change

  output::FileStore& files;
  job::Engine& engine;
  const Clock& clock;
  ServiceOptions options;
  std::shared_ptr<PollLimiter> polls;  ///< shared by what clients see of the service, as are
  std::shared_ptr<SharedAnswers> capabilities;  ///< CapabilityStatements
  std::shared_ptr<BundleBudget> bundles;
  /// What answers hold while they are made, and in the HTTP server until they are sent.
  std::shared_ptr<http::MemoryBudget> answers;
  std::shared_ptr<http::MemoryBudget> public_answers;  ///< the same, to unauthenticated clients
  std::shared_ptr<SearchSlots> searches;
  std::shared_ptr<SharedSlot> slot;  ///< of a request that has a service of its own, else nullptr
  std::shared_ptr<LongSearches> long_searches;
  std::shared_ptr<rest::MemberChanges> member_changes;
  /// Stopped before the server waits for the running requests. Shared by copies.
  std::stop_source stopping;
  /// Set before the first request; nullptr: the server runs open.
  Authorization* authorization = nullptr;
  /// Set before the first request; nullptr: the kinds of jobs that this server has.
  const JobHandlers* job_handlers = nullptr;

  Service(store::Store& s, output::FileStore& f, job::Engine& e, const Clock& c, ServiceOptions o)
      : store(s),
        files(f),
        engine(e),
        clock(c),
        options(std::move(o)),
        polls(std::make_shared<PollLimiter>(options.poll_burst)),
        capabilities(std::make_shared<SharedAnswers>()),
        bundles(std::make_shared<BundleBudget>()),
        answers(std::make_shared<http::MemoryBudget>(options.answers_size_max)),
        public_answers(std::make_shared<http::MemoryBudget>(kPublicAnswersSizeMax)),
        searches(std::make_shared<SearchSlots>(options.searches_max)),
        long_searches(std::make_shared<LongSearches>()),
        member_changes(std::make_shared<rest::MemberChanges>()) {}
  /// Whatever is bounded for all is shared; only the store is another.
  Service(const Service& service, store::Store& seen, std::shared_ptr<SharedSlot> own_slot)
      : store(seen),
        files(service.files),
        engine(service.engine),
        clock(service.clock),
        options(service.options),
        polls(service.polls),
        capabilities(service.capabilities),
        bundles(service.bundles),
        answers(service.answers),
        public_answers(service.public_answers),
        searches(service.searches),
        slot(std::move(own_slot)),
        long_searches(service.long_searches),
        member_changes(service.member_changes),
        stopping(service.stopping),
        authorization(service.authorization),
        job_handlers(service.job_handlers) {}

  /// The FHIR base for URLs in the answer to `request`, without a trailing slash.
  std::string base_url(const http::Request& request) const;
};

/// The slot that a request has, taken when it needs it; nullptr for a part of a request that has
/// one.
std::shared_ptr<SharedSlot> slot_of(const Service& service, const http::Request& request);
/// A slot for what can take long, taken; none for a part of a request that has one already.
/// kUnavailable as of SearchSlots::take.
Result<std::shared_ptr<SharedSlot>> take_slot(const Service& service, const http::Request& request);
/// When what begins now must end: after the time of a search, or with the request that it is a part
/// of.
query::Bounds search_bounds(const Service& service, const http::Request& request);

/// The URLs of a job.
std::string status_url(std::string_view base_url, std::string_view job_id);
std::string files_url(std::string_view base_url, std::string_view job_id);
std::string result_url(std::string_view base_url, std::string_view job_id);
/// What the pages of a manifest are below.
std::string pages_url(std::string_view base_url, std::string_view job_id);
std::string attachment_url(std::string_view base_url, std::string_view job_id,
                           std::string_view binary);

}  // namespace sluice::api
