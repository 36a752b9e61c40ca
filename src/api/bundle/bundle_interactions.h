// The endpoint of posted Bundles: transaction and batch (I-02).
#pragma once

#include "api/core/principal.h"
#include "api/core/service.h"
#include "http/message.h"
#include "http/router.h"

namespace sluice::api {

/// POST [base]. `router` finds the interactions of a batch's entries.
http::Response post_bundle(Service& service, const http::Router& router,
                           const http::Request& request, const Principal& principal);

}  // namespace sluice::api
