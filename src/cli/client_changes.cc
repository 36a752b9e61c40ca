#include "cli/client_changes.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/instant.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/utf8.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

Result<std::string> text(const json::object& request, std::string_view name) {
  const auto* member = request.if_contains(name);
  if (member == nullptr || !member->is_string())
    return invalid(fmt::format("client: {} is missing", name));
  return std::string(member->get_string());
}

Result<unsigned> number(const json::value& value, std::string_view name) {
  boost::system::error_code failed;
  const auto number = value.to_number<std::uint32_t>(failed);
  if (failed) return invalid(fmt::format("client: {} is not a number", name));
  return number;
}

// The members of `request` that are there, into the client.
Result<void> apply(const json::object& request, smart::Client& client) {
  if (request.contains("name")) {
    SLUICE_ASSIGN_OR_RETURN(client.name, text(request, "name"));
  }
  if (const auto* keys = request.if_contains("jwks")) {
    SLUICE_ASSIGN_OR_RETURN(client.jwks, jose::JwkSet::parse(json_text(*keys)));
    client.jwks_url.clear();
  }
  if (request.contains("jwks_url")) {
    SLUICE_ASSIGN_OR_RETURN(client.jwks_url, text(request, "jwks_url"));
    client.jwks.reset();
  }
  if (request.contains("scope")) {
    SLUICE_ASSIGN_OR_RETURN(const auto scope, text(request, "scope"));
    SLUICE_ASSIGN_OR_RETURN(client.scopes, smart::ScopeSet::parse(scope));
  }
  if (const auto* groups = request.if_contains("groups")) {
    client.groups.reset();
    if (groups->is_array()) {
      client.groups.emplace();
      for (const auto& group : groups->get_array()) {
        if (!group.is_string()) return invalid("client: a group is not an id");
        client.groups->emplace_back(group.get_string());
      }
    }
  }
  if (const auto* limit = request.if_contains("running_jobs")) {
    SLUICE_ASSIGN_OR_RETURN(client.limits.running_jobs, number(*limit, "running_jobs"));
  }
  if (const auto* limit = request.if_contains("requests_per_minute")) {
    SLUICE_ASSIGN_OR_RETURN(client.limits.requests_per_minute,
                            number(*limit, "requests_per_minute"));
  }
  if (request.contains("file_access")) {
    SLUICE_ASSIGN_OR_RETURN(const auto name, text(request, "file_access"));
    const auto access = smart::find_file_access(name);
    if (!access)
      return invalid(fmt::format("client: file access '{}' is neither token nor capability", name));
    client.file_access = *access;
  }
  return {};
}

json::object described(const smart::Client& client) {
  json::object out{{"id", client.id},
                   {"name", client.name},
                   {"state", to_string(client.state)},
                   {"scope", client.scopes.to_string()},
                   {"file_access", to_string(client.file_access)},
                   {"running_jobs", client.limits.running_jobs},
                   {"requests_per_minute", client.limits.requests_per_minute},
                   {"created", to_fhir_instant(client.created)},
                   {"updated", to_fhir_instant(client.updated)}};
  if (client.groups) {
    json::array groups;
    for (const auto& group : *client.groups) groups.push_back(json::string(group));
    out["groups"] = std::move(groups);
  } else {
    out["groups"] = nullptr;
  }
  if (client.jwks)
    out["jwks"] = json::parse(client.jwks->to_json());
  else
    out["jwks_url"] = client.jwks_url;
  return out;
}

Result<smart::ClientRegistry::ClientPtr> add(smart::ClientRegistry& clients, const std::string& id,
                                             const json::object& request) {
  smart::Client client;
  client.id = id;
  SLUICE_RETURN_IF_ERROR(apply(request, client));
  return clients.add(std::move(client));
}

}  // namespace

Result<json::object> change_clients(smart::ClientRegistry& clients, smart::AuditLog& audit,
                                    const json::object& request) {
  SLUICE_ASSIGN_OR_RETURN(const auto what, text(request, "do"));
  if (what == "list") {
    json::array all;
    for (const auto& client : clients.list()) all.push_back(described(*client));
    return json::object{{"clients", std::move(all)}};
  }
  SLUICE_ASSIGN_OR_RETURN(const auto id, text(request, "id"));
  if (!smart::is_valid_client_id(id))
    return invalid(fmt::format("client: '{}' is not a client id", shortened(id, 128)));
  if (what == "show") {
    SLUICE_ASSIGN_OR_RETURN(const auto client, clients.get(id));
    return described(*client);
  }
  // A change that cannot be audited is not made.
  SLUICE_RETURN_IF_ERROR(audit.write(
      {.kind = smart::AuditKind::kClientChanged, .description = what, .subject = "client/" + id}));
  if (what == "remove") {
    SLUICE_RETURN_IF_ERROR(clients.remove(id));
    return json::object{{"id", id}, {"state", "removed"}};
  }
  const auto change = [&]() -> Result<smart::ClientRegistry::ClientPtr> {
    if (what == "add") return add(clients, id, request);
    if (what == "update")
      return clients.update(id, [&](smart::Client& client) { return apply(request, client); });
    if (what == "disable") return clients.set_state(id, smart::ClientState::kDisabled);
    if (what == "enable") return clients.set_state(id, smart::ClientState::kActive);
    if (what == "revoke-tokens") return clients.revoke_tokens(id);
    return invalid(fmt::format("client: there is no '{}'", what));
  };
  SLUICE_ASSIGN_OR_RETURN(const auto client, change());
  return described(*client);
}

void note_unknown_groups(const store::Store& store, json::object& answer) {
  const auto* groups = answer.if_contains("groups");
  if (groups == nullptr || !groups->is_array()) return;
  std::vector<std::string> ids;
  for (const auto& group : groups->get_array()) ids.emplace_back(group.as_string());
  // What cannot be looked up is not said to be missing.
  const auto exist = store.exist(fhir::types::kGroup, ids, store.last_commit().sequence);
  json::array unknown;
  for (std::size_t i = 0; exist && i < ids.size(); ++i)
    if (!(*exist)[i]) unknown.push_back(json::string(ids[i]));
  if (!unknown.empty()) answer["unknown_groups"] = std::move(unknown);
}

void end_jobs_of_removed(job::Engine& engine, const smart::ClientRegistry& clients) {
  const std::size_t ended = engine.remove_if([&](const job::Job& job) {
    // Without a registration they are not a client's.
    return !job.registration.empty() && !clients.may_have(job.client, job.registration);
  });
  if (ended > 0) spdlog::info("jobs of removed clients ended jobs={}", ended);
}

}  // namespace sluice::cli
