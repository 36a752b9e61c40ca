// What a server states about itself before any request: its token endpoint, its kind.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "client/http/exchange.h"
#include "client/protocol/vendor.h"

namespace sluice::client {

struct Discovered {
  std::string token_endpoint = {};  ///< empty: none named, so the server is open
  std::vector<std::string> scopes = {};
  std::vector<std::string> capabilities = {};
  std::vector<std::string> algorithms = {};  ///< for assertions; empty when not stated
  VendorProfile vendor = {};
  std::string software_name = {}, software_version = {}, software_release_date = {};
  std::string fhir_version = {};
  /// The server states that it sends the history of new members of a group (P-13).
  bool sends_history_of_new_members = false;
  std::string trouble = {};  ///< why a document could not be had that may be there another time
};

/// Reads `base`/.well-known/smart-configuration if a token is needed, and /metadata for what is
/// missing there and for the vendor. Missing documents are no error; kUnavailable when the server
/// cannot be reached or is busy.
Result<Discovered> discover(Exchange& exchange, const std::string& base, bool wants_token);

/// The scope to ask for when the user does not say: what the server lists, v2 before v1.
std::string default_scope(const Discovered& discovered);

}  // namespace sluice::client
