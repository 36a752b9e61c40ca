// The requests of `sluice client` as JSON: the same whether the server handles them or the command
// changes the store itself.
#pragma once

#include <boost/json/object.hpp>

#include "base/result.h"
#include "job/engine.h"
#include "smart/audit.h"
#include "smart/client_registry.h"
#include "store/store.h"

namespace sluice::cli {

/// Runs one request and returns its answer. `{"do":"add"|"show"|"list"|"update"|"disable"|"enable"|
/// "remove"|"revoke-tokens","id":...,...}`; add and update take "name", "jwks" (a JWK Set),
/// "jwks_url", "scope", "groups" (an array, or null for all), "running_jobs",
/// "requests_per_minute", "file_access". The answer is the client, `{"clients":[...]}` for a list.
/// Every change is audited before it is made.
Result<boost::json::object> change_clients(smart::ClientRegistry& clients, smart::AuditLog& audit,
                                           const boost::json::object& request);

/// Adds "unknown_groups" to the answer about a client: those of its groups that are not in the
/// store. They may be created later, so this is not an error.
void note_unknown_groups(const store::Store& store, boost::json::object& answer);

/// Ends the running jobs of removed clients and deletes the files of all their jobs, also of
/// clients that were removed while no server ran.
void end_jobs_of_removed(job::Engine& engine, const smart::ClientRegistry& clients);

}  // namespace sluice::cli
