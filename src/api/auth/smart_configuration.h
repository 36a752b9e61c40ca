// Discovery of the authorization: where the endpoints are, what they do.
#pragma once

#include <boost/json/object.hpp>

#include "api/core/service.h"
#include "http/message.h"

namespace sluice::api {

/// GET [base]/.well-known/smart-configuration.
http::Response smart_configuration(const Service& service, const http::Request& request);
/// The security part of the CapabilityStatement.
boost::json::object security_statement(const Service& service, const http::Request& request);

}  // namespace sluice::api
