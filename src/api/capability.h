// What the server says of itself: the CapabilityStatement and the OperationDefinitions (C-01,
// C-02).
#pragma once

#include "api/service.h"
#include "http/message.h"

namespace sluice::api {

/// GET [base]/metadata.
http::Response capability_statement(const Service& service, const http::Request& request);
/// GET [base]/OperationDefinition/[id]: "export", "patient-export", "group-export".
http::Response operation_definition(const Service& service, const http::Request& request);

}  // namespace sluice::api
