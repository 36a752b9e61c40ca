// The endpoint of searches on one type (I-02, Q-01 to Q-06).
#pragma once

#include <string>

#include "api/core/principal.h"
#include "api/core/service.h"
#include "fhir/resource_type.h"
#include "http/message.h"
#include "search/query.h"
#include "store/store.h"

namespace sluice::api {

/// GET [base]/[type]?..., POST [base]/[type]/_search
http::Response search_resources(Service& service, const http::Request& request,
                                const Principal& principal, fhir::ResourceType type);
/// The same of an older state, which the caller knows to be kept; `request` is no page's link.
http::Response search_resources_as_of(Service& service, const http::Request& request,
                                      const Principal& principal, fhir::ResourceType type,
                                      store::Commit as_of);

// ---- what conditional interactions share with it ----

/// Whether the principal may search the type; a refusal is audited.
Result<void> authorize_search(const Service& service, const http::Request& request,
                              const Principal& principal, fhir::ResourceType type);
/// Whether the principal may search the other types that decide whether the query matches; audits a
/// refusal.
Result<void> authorize_query(const Service& service, const http::Request& request,
                             const Principal& principal, const search::Query& query);
/// "code, patient:Patient.birthdate": what a search is by, for the audit log, without the values.
std::string names_of(const search::Parameters& parameters);
/// What a search that takes too long is answered with; other errors as they are.
Error search_error(const Service& service, Error error);

}  // namespace sluice::api
