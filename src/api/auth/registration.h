// Dynamic client registration (RFC 7591) with an initial access token. Off by default.
#pragma once

#include "api/core/service.h"
#include "http/message.h"

namespace sluice::api {

/// POST [base]/auth/register: 201 with the client's new id.
http::Response register_client(Service& service, const http::Request& request);

}  // namespace sluice::api
