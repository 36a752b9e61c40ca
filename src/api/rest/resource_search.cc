#include "api/rest/resource_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "api/core/access.h"
#include "api/core/audit.h"
#include "api/core/fhir_response.h"
#include "api/core/long_searches.h"
#include "api/core/request_headers.h"
#include "api/core/resource_headers.h"
#include "api/rest/binary_resource.h"
#include "api/rest/resource_answer.h"
#include "api/rest/search_bundle.h"
#include "api/rest/search_request.h"
#include "base/utf8.h"
#include "query/find.h"
#include "query/include.h"
#include "query/page.h"

namespace sluice::api {
namespace {

// What a page holds at most, beside its first match; and what is included with it.
constexpr std::size_t kPageBytesMax = 8u << 20;
constexpr std::size_t kFormSizeMax = 4u << 20;
constexpr query::IncludeLimits kIncludeLimits{.resources_max = 10'000, .bytes_max = 16u << 20};

Result<http::NameValues> read_parameters(const http::Request& request) {
  auto parameters = request.query;
  if (request.method != "POST") return parameters;
  const std::string type = content_type(request);
  if (type != "application/x-www-form-urlencoded")
    return Error{ErrorKind::kUnsupportedMediaType,
                 fmt::format("Content-Type '{}' is not supported: a search is sent as "
                             "application/x-www-form-urlencoded",
                             shortened(type, 64))};
  if (request.body.size() > kFormSizeMax)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("the form of a search has at most {} bytes", kFormSizeMax)};
  SLUICE_ASSIGN_OR_RETURN(const auto form, http::parse_query(request.body));
  parameters.insert(parameters.end(), form.begin(), form.end());
  return parameters;
}

// A link that names its search replaces all its parameters; others in the link are the page's.
Result<void> expand_search(const Service& service, const Principal& principal,
                           fhir::ResourceType type, http::NameValues& parameters) {
  const auto named = [](const auto& parameter) { return parameter.first == kSearchParameter; };
  const auto at = std::find_if(parameters.begin(), parameters.end(), named);
  if (at == parameters.end()) return {};
  SLUICE_ASSIGN_OR_RETURN(
      const std::string search,
      service.long_searches->find(principal.client_id, type, at->second, service.clock.now()));
  parameters.erase(at);
  if (std::any_of(parameters.begin(), parameters.end(), named))
    return invalid(fmt::format("the parameter '{}' is there more than once", kSearchParameter));
  SLUICE_ASSIGN_OR_RETURN(auto all, http::parse_query(search));
  all.insert(all.end(), parameters.begin(), parameters.end());
  parameters = std::move(all);
  return {};
}

Error history_gone() {
  return {ErrorKind::kGone, "the state that this page shows is kept no longer: search again"};
}

class Search {
 public:
  Search(Service& service, const http::Request& request, const Principal& principal,
         SearchRequest asked, std::optional<store::Commit> first_as_of)
      : service_(service),
        request_(request),
        principal_(principal),
        asked_(std::move(asked)),
        first_as_of_(first_as_of),
        base_url_(service.base_url(request)),
        share_(std::make_shared<http::MemoryBudget::Share>(*service.answers)) {}

  Result<std::string> run() {
    SLUICE_RETURN_IF_ERROR(choose_state());
    SLUICE_ASSIGN_OR_RETURN(
        auto query, search::Query::compile(asked_.type, asked_.filters,
                                           {.base_url = base_url_, .now = result_.as_of.instant}));
    SLUICE_RETURN_IF_ERROR(authorize(query));
    const auto bounds = search_bounds(service_, request_);
    SLUICE_ASSIGN_OR_RETURN(query, query::resolve(service_.store, query, as_of(), bounds));
    if (asked_.count_only || (asked_.wants_total.value_or(false) && !asked_.page)) {
      SLUICE_ASSIGN_OR_RETURN(result_.total, query::count(service_.store, query, as_of(), bounds));
    }
    if (!asked_.count_only) SLUICE_RETURN_IF_ERROR(read_matches(query, bounds));
    for (const auto* found : {&result_.matches, &result_.included})
      for (const auto& record : *found)
        SLUICE_RETURN_IF_ERROR(authorize_content(principal_, record.key.type, record.json,
                                                 {smart::Permissions::kSearch}, base_url_));
    // What was read is whole only if its history has been kept until now.
    if (service_.store.history_horizon() > as_of()) return history_gone();
    return search_bundle(asked_, result_, base_url_, [this](std::string_view kept) {
      return service_.long_searches->keep(principal_.client_id, asked_.type, kept, until_);
    });
  }

  const SearchRequest& asked() const { return asked_; }
  const SearchResult& result() const { return result_; }
  /// What the answer holds of the budget of answers.
  std::shared_ptr<http::MemoryBudget::Share> share() const { return share_; }

 private:
  store::Sequence as_of() const { return result_.as_of.sequence; }

  // A first page shows the newest state, the others what the first one showed.
  Result<void> choose_state() {
    const Instant now = service_.clock.now();
    if (!asked_.page) {
      result_.as_of = first_as_of_.value_or(service_.store.last_commit());
      until_ = now + service_.options.history_retention;
      return {};
    }
    const auto& page = *asked_.page;
    SLUICE_ASSIGN_OR_RETURN(const auto commit, service_.store.commit_of(page.as_of.sequence));
    if (!commit || commit->instant != page.as_of.instant)
      return invalid(fmt::format("{} is not of a link that this server made", kPageParameter));
    if (page.until < now || service_.store.history_horizon() > commit->sequence)
      return history_gone();
    result_.as_of = *commit;
    result_.total = page.total;
    until_ = page.until;
    return {};
  }

  Result<void> authorize(const search::Query& query) {
    SLUICE_RETURN_IF_ERROR(authorize_query(service_, request_, principal_, query));
    for (const auto& include : asked_.includes) {
      const auto types = include.types();
      for (const auto type : types.empty() ? fhir::all_resource_types() : types)
        SLUICE_RETURN_IF_ERROR(authorize_search(service_, request_, principal_, type));
    }
    return {};
  }

  Result<void> read_matches(const search::Query& query, const query::Bounds& bounds) {
    query::PageRequest wanted{.as_of = as_of(),
                              .order = asked_.order,
                              .count = asked_.count,
                              .after = std::nullopt,
                              .bytes_max = kPageBytesMax};
    if (asked_.page) wanted.after = asked_.page->cursor;
    SLUICE_ASSIGN_OR_RETURN(auto page, query::read_page(service_.store, query, wanted, bounds));
    if (!result_.total && asked_.wants_total.value_or(true)) result_.total = page.total;
    result_.matches = std::move(page.matches);
    SLUICE_RETURN_IF_ERROR(hold());
    SLUICE_RETURN_IF_ERROR(include(page.next, bounds));
    SLUICE_RETURN_IF_ERROR(hold());
    if (page.next)
      result_.next = PageLink{result_.as_of, until_, std::move(*page.next), result_.total};
    return {};
  }

  // What was found, and once more for the Bundle that is made of it.
  Result<void> hold() {
    std::size_t bytes = 0;
    for (const auto* found : {&result_.matches, &result_.included})
      for (const auto& record : *found) bytes += record.json.size();
    return share_->hold(2 * bytes);
  }

  // A page becomes shorter until what is included with it has room.
  Result<void> include(std::optional<query::PageCursor>& next, const query::Bounds& bounds) {
    while (!asked_.includes.empty() && !result_.matches.empty()) {
      SLUICE_ASSIGN_OR_RETURN(
          auto found, query::included(service_.store, as_of(), result_.matches, asked_.includes,
                                      base_url_, kIncludeLimits, bounds));
      if (found) {
        result_.included = std::move(*found);
        return {};
      }
      if (result_.matches.size() == 1)
        return Error{ErrorKind::kUnprocessable,
                     fmt::format("_include and _revinclude bring more than {} resources or {} MB "
                                 "for one match",
                                 kIncludeLimits.resources_max, kIncludeLimits.bytes_max >> 20)};
      result_.matches.resize(result_.matches.size() / 2);
      next = query::cursor_after(asked_.order, result_.matches.back());
    }
    return {};
  }

  Service& service_;
  const http::Request& request_;
  const Principal& principal_;
  const SearchRequest asked_;
  const std::optional<store::Commit> first_as_of_;  // nullopt: the newest state
  const std::string base_url_;
  Instant until_;
  SearchResult result_;
  const std::shared_ptr<http::MemoryBudget::Share> share_;  // the response goes on with it
};

Result<http::Response> search_now(Service& service, const http::Request& request,
                                  const Principal& principal, fhir::ResourceType type,
                                  std::optional<store::Commit> as_of) {
  SLUICE_ASSIGN_OR_RETURN(const auto preferences, read_preferences(request));
  SLUICE_ASSIGN_OR_RETURN(auto parameters, read_parameters(request));
  SLUICE_RETURN_IF_ERROR(expand_search(service, principal, type, parameters));
  SLUICE_ASSIGN_OR_RETURN(auto asked,
                          read_search_request(type, parameters, preferences.handling_lenient));
  SLUICE_RETURN_IF_ERROR(check_format(request, asked.format));
  SLUICE_ASSIGN_OR_RETURN(const auto slot, take_slot(service, request));
  Search search(service, request, principal, std::move(asked), as_of);
  auto bundle = search.run();
  // The values of a search can be PHI, and so can what an error says of them.
  const auto outcome = bundle ? smart::AuditOutcome::kSuccess : smart::AuditOutcome::kMinor;
  const std::string came_to =
      bundle ? fmt::format("{} matches, {} included", search.result().matches.size(),
                           search.result().included.size())
             : std::string(to_string(bundle.error().kind));
  SLUICE_RETURN_IF_ERROR(
      audit(service, request, principal,
            {.kind = smart::AuditKind::kResourceSearch,
             .outcome = outcome,
             .description = fmt::format("by {}: {}", names_of(search.asked().filters), came_to),
             .subject = std::string(fhir::type_name(type))}));
  if (!bundle) return search_error(service, bundle.error());
  auto response = fhir_response(200, std::move(*bundle));
  response.share = search.share();
  // As for single resources.
  response.headers.set("Cache-Control", "private, no-cache");
  return response;
}

}  // namespace

http::Response search_resources(Service& service, const http::Request& request,
                                const Principal& principal, fhir::ResourceType type) {
  return answer(request, search_now(service, request, principal, type, std::nullopt));
}

http::Response search_resources_as_of(Service& service, const http::Request& request,
                                      const Principal& principal, fhir::ResourceType type,
                                      store::Commit as_of) {
  return answer(request, search_now(service, request, principal, type, as_of));
}

Result<void> authorize_search(const Service& service, const http::Request& request,
                              const Principal& principal, fhir::ResourceType type) {
  const auto allowed = authorize_resource(principal, type, {smart::Permissions::kSearch});
  if (allowed) return {};
  SLUICE_RETURN_IF_ERROR(audit(service, request, principal,
                               {.kind = smart::AuditKind::kAccessRefused,
                                .outcome = smart::AuditOutcome::kSerious,
                                .description = allowed.error().message,
                                .subject = std::string(fhir::type_name(type))}));
  return allowed.error();
}

Result<void> authorize_query(const Service& service, const http::Request& request,
                             const Principal& principal, const search::Query& query) {
  for (const auto type : query.other_types())
    SLUICE_RETURN_IF_ERROR(authorize_search(service, request, principal, type));
  return {};
}

std::string names_of(const search::Parameters& parameters) {
  std::string names;
  for (const auto& [name, value] : parameters) {
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names.empty() ? "nothing" : names;
}

Error search_error(const Service& service, Error error) {
  if (error.kind != ErrorKind::kTimeout) return error;
  // 408 would blame the connection; and to try again would not help.
  return {ErrorKind::kUnprocessable,
          fmt::format("the search takes more than {} s: narrow it by a patient or _id, or leave "
                      "out _sort, _total and chains",
                      service.options.search_timeout.count())};
}

}  // namespace sluice::api
