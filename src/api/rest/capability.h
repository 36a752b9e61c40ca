// What the server states about itself: the CapabilityStatement and the OperationDefinitions (C-01,
// C-02).
#pragma once

#include <string_view>
#include <vector>

#include "api/core/service.h"
#include "base/result.h"
#include "fhir/resource_type.h"
#include "http/message.h"

namespace sluice::api {

/// GET [base]/metadata.
http::Response capability_statement(const Service& service, const http::Request& request);

/// The ids of the OperationDefinitions that are the server's own and not in the store: of its
/// operations.
std::vector<std::string_view> own_definition_ids();
bool is_own_definition(fhir::ResourceType type, std::string_view id);
/// The error for an attempt to write one of them.
Error own_definition_error(std::string_view id);
/// GET [base]/OperationDefinition/[id] for one of own_definition_ids().
http::Response operation_definition(const Service& service, const http::Request& request,
                                    std::string_view id);

}  // namespace sluice::api
