#include "api/routes/routes.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <variant>

#include "api/auth/registration.h"
#include "api/auth/smart_configuration.h"
#include "api/auth/token_endpoints.h"
#include "api/bundle/bundle_interactions.h"
#include "api/core/access.h"
#include "api/core/audit.h"
#include "api/core/authentication.h"
#include "api/core/fhir_response.h"
#include "api/core/principal.h"
#include "api/core/request_headers.h"
#include "api/core/resource_headers.h"
#include "api/jobs/cohort_requests.h"
#include "api/jobs/export_file.h"
#include "api/jobs/job_handlers.h"
#include "api/jobs/job_status.h"
#include "api/jobs/sql_run.h"
#include "api/rest/attached_binary.h"
#include "api/rest/capability.h"
#include "api/rest/conditional_interactions.h"
#include "api/rest/member_operations.h"
#include "api/rest/resource_history.h"
#include "api/rest/resource_interactions.h"
#include "api/rest/resource_search.h"

namespace sluice::api {
namespace {

using ResourceHandler = http::Response (*)(Service&, const http::Request&, const Principal&,
                                           fhir::ResourceType);
using PrincipalHandler =
    std::function<http::Response(Service&, const http::Request&, const Principal&)>;

// Calls the handler with the service as the principal may see it. Handlers are given no other, so
// that no route, whatever it does with the store, shows or changes more than the scopes cover.
http::Response call(Service& service, const http::Request& request, const Principal& principal,
                    const std::optional<Interaction>& interaction,
                    const PrincipalHandler& handler) {
  const auto slot = slot_of(service, request);
  const auto seen = scoped_store(service, request, principal, interaction, slot);
  if (seen == nullptr) return handler(service, request, principal);
  const auto limited = std::make_shared<Service>(service, *seen, slot);
  auto response = handler(*limited, request, principal);
  if (slot != nullptr) slot->give_back();
  // A body that is made while it is sent reads on after the call.
  if (auto* stream = std::get_if<http::StreamBody>(&response.body))
    stream->read = [seen, limited, read = std::move(stream->read)](std::span<char> buffer) {
      return read(buffer);
    };
  return response;
}

// Whether what an interaction writes is found by a search: there is no id in its address.
bool is_by_search(const http::Request& request, smart::Permissions permissions) {
  using smart::Permissions;
  if (permissions.all_of({Permissions::kCreate})) return request.headers.count("If-None-Exist") > 0;
  const bool changes =
      permissions.all_of({Permissions::kUpdate}) || permissions.all_of({Permissions::kDelete});
  return changes && request.parameter("id").empty();
}

// Whether anybody may send a body as large as the request says: forms and registrations.
bool is_for_everybody(const http::Request& request) {
  constexpr std::uint64_t kMost = 128u << 10;
  const std::string_view length = request.headers.get("Content-Length").value_or("");
  std::uint64_t size = 0;
  const auto [end, failed] = std::from_chars(length.data(), length.data() + length.size(), size);
  return failed == std::errc() && end == length.data() + length.size() && size <= kMost;
}

// As the endpoint itself would say it.
http::Response too_large(const http::Request& request) {
  if (request.path.starts_with(fmt::format("{}/auth/", kFhirPath)))
    return oauth_error({smart::OAuthCode::kInvalidRequest, "the request body is too large"});
  return request_error(request, {ErrorKind::kTooLarge, "the request body is too large"});
}

// Every route says what it needs; there is no way to add one that does not.
class Routes {
 public:
  Routes(http::Router& router, Service& service) : router_(router), service_(service) {}

  void add(std::string_view method, std::string_view pattern, std::string_view name, Access access,
           PrincipalHandler handler) {
    http::HeadCheck check = [access, &service = service_](const http::Request& request) {
      std::optional<http::Response> refused;
      if (access == Access::kPublic) {
        if (!is_for_everybody(request)) refused = too_large(request);
      } else if (const auto principal = principal_of(service, request, access); !principal) {
        refused = refuse(service, request, principal.error());
      }
      return refused;
    };
    router_.add(
        method, pattern, name,
        [access, &service = service_, handler = std::move(handler)](const http::Request& request) {
          if (const auto text = check_header_text(request); !text)
            return request_error(request, text.error());
          if (access == Access::kPublic) return handler(service, request, Principal{});
          const auto principal = principal_of(service, request, access);
          if (!principal) return refuse(service, request, principal.error());
          auto response = access == Access::kClient
                              ? call(service, request, *principal, std::nullopt, handler)
                              : handler(service, request, *principal);
          if (response.status == 403) response.headers.set("WWW-Authenticate", kTooLittle);
          return response;
        },
        std::move(check));
  }

  /// A route of resources of one type: needs a client whose scopes give `permissions` for it.
  void add(std::string_view method, std::string_view pattern, std::string_view name,
           fhir::ResourceType type, smart::Permissions permissions, ResourceHandler handler) {
    add(method, pattern, name, Access::kJob,
        [type, permissions, handler](Service& service, const auto& request, const auto& principal) {
          // What a Binary is shown for is checked; its own type is not among the scopes.
          if (type == fhir::types::kBinary &&
              (handler == read_resource || handler == read_resource_version)) {
            const auto attached = reads_as_attachment(service, request, principal);
            if (!attached) return request_error(request, attached.error());
            if (*attached) return read_attached(service, request, principal);
          }
          const auto allowed = authorize_and_audit(service, request, principal, type, permissions);
          if (!allowed) return request_error(request, allowed.error());
          const auto refused = refuse_headers(request);
          if (!refused) return request_error(request, refused.error());
          const Interaction interaction{type, permissions, is_by_search(request, permissions)};
          return call(service, request, principal, interaction,
                      [type, handler](Service& seen, const auto& asked, const auto& who) {
                        return handler(seen, asked, who, type);
                      });
        });
  }

 private:
  static constexpr const char* kTooLittle = R"(Bearer realm="sluice", error="insufficient_scope")";

  // A-08. The challenge names an error only to who showed something (RFC 6750 section 3.1).
  static http::Response refuse(const Service& service, const http::Request& request,
                               const Error& error) {
    if (service.authorization != nullptr) {
      const auto allowed = service.authorization->take_refusal(request.peer_address);
      if (!allowed) return request_error(request, allowed.error());
    }
    const bool showed_something = request.headers.get("Authorization") || !request.query.empty();
    const auto audited = audit(service, request, {},
                               {.kind = smart::AuditKind::kAccessRefused,
                                .outcome = smart::AuditOutcome::kSerious,
                                .description = error.message});
    if (!audited) return request_error(request, audited.error());
    auto response = request_error(request, error);
    if (response.status == 401)
      response.headers.set("WWW-Authenticate",
                           showed_something
                               ? fmt::format(R"(Bearer realm="sluice", error="invalid_token", )"
                                             R"(error_description="{}")",
                                             error.message)
                               : R"(Bearer realm="sluice")");
    return response;
  }

  http::Router& router_;
  Service& service_;
};

http::Response plain(int status, std::string text) {
  http::Response response;
  response.status = status;
  response.headers.set("Content-Type", "text/plain; charset=utf-8");
  response.body = std::move(text);
  return response;
}

// Each kind of job brings its kick-offs; what comes after them is the same for all.
void add_job_routes(Routes& routes, const JobHandlers& kinds) {
  for (const JobHandler* kind : kinds.all())
    for (const JobRoute& route : kind->routes())
      routes.add(route.method, route.pattern, route.name, route.access, route.handler);
  routes.add("GET", "/fhir/jobs/{id}", "export_status", Access::kJob, job_status);
  routes.add("GET", "/fhir/jobs/{id}/result", "export_result", Access::kJob, job_result);
  routes.add("DELETE", "/fhir/jobs/{id}", "export_delete", Access::kJob, job_delete);
  routes.add("GET", "/fhir/jobs/{id}/files/{name}", "export_file", Access::kFile, export_file);
}

// E3: by the name of the guide, and by the one that it had before, which had levels of types too.
// What may be shown is limited as an export is, so the store is the whole one.
void add_table_routes(Routes& routes) {
  const auto add = [&](std::string_view pattern, SqlOperation operation) {
    for (const std::string_view method : {"GET", "POST"})
      routes.add(method, pattern, "sql_run", Access::kJob,
                 [operation](Service& service, const auto& request, const auto& principal) {
                   return sql_run(service, request, principal, operation);
                 });
  };
  add("/fhir/$sql-run", {});
  add("/fhir/$viewdefinition-run", {.is_former = true});
  add("/fhir/ViewDefinition/$viewdefinition-run", {.is_former = true});
  add("/fhir/ViewDefinition/{id}/$viewdefinition-run", {.is_former = true, .names_view = true});
}

// The definitions of the server's own operations stand among those that are stored, for everybody
// to read. Their ids are taken: what is stored under one is in exports and searches only.
void add_definition_routes(Routes& routes) {
  for (const auto id : own_definition_ids()) {
    const auto path = fmt::format("{}/OperationDefinition/{}", kFhirPath, id);
    routes.add("GET", path, "operation_definition", Access::kPublic,
               [id](Service& service, const auto& request, const auto&) {
                 return operation_definition(service, request, id);
               });
    for (const std::string_view method : {"PUT", "PATCH", "DELETE"})
      routes.add(method, path, "operation_definition", Access::kClient,
                 [id](Service&, const auto& request, const auto&) {
                   auto response = request_error(request, own_definition_error(id));
                   response.headers.set("Allow", "GET, HEAD, OPTIONS");
                   return response;
                 });
  }
}

// A route a type, so that what R4 does not know has no address, as everything else unknown.
void add_resource_routes(Routes& routes) {
  using smart::Permissions;
  const struct {
    std::string_view method;
    std::string_view path;
    std::string_view name;
    Permissions permissions;
    ResourceHandler handler;
  } interactions[] = {
      {"GET", "/{id}", "read", {Permissions::kRead}, read_resource},
      {"GET", "/{id}/_history/{version}", "vread", {Permissions::kRead}, read_resource_version},
      {"GET", "/{id}/_history", "history_instance", {Permissions::kRead}, resource_history},
      {"GET", "/_history", "history_type", smart::kExportPermissions, type_history},
      {"GET", "", "search", {Permissions::kSearch}, search_resources},
      {"POST", "/_search", "search", {Permissions::kSearch}, search_resources},
      {"POST", "", "create", {Permissions::kCreate}, create_resource},
      {"PUT", "/{id}", "update", {Permissions::kUpdate}, update_resource},
      {"PUT", "", "update", {Permissions::kUpdate}, update_found_resource},
      {"PATCH", "/{id}", "patch", {Permissions::kUpdate}, patch_resource},
      {"PATCH", "", "patch", {Permissions::kUpdate}, patch_found_resource},
      {"DELETE", "/{id}", "delete", {Permissions::kDelete}, delete_resource},
      {"DELETE", "", "delete", {Permissions::kDelete}, delete_found_resources},
  };
  // A Group may be made asynchronously, when it is defined by filters.
  const auto handler_of = [](ResourceHandler handler, fhir::ResourceType type) {
    if (type == fhir::types::kGroup && handler == create_resource) return create_group;
    if (type == fhir::types::kGroup && handler == update_resource) return update_group;
    return handler;
  };
  for (const auto type : fhir::all_resource_types()) {
    for (const auto& interaction : interactions)
      routes.add(interaction.method,
                 fmt::format("{}/{}{}", kFhirPath, fhir::type_name(type), interaction.path),
                 interaction.name, type, interaction.permissions,
                 handler_of(interaction.handler, type));
  }
  routes.add("POST", "/fhir/Group/{id}/$add", "add_members", fhir::types::kGroup,
             {Permissions::kUpdate}, add_members);
  routes.add("POST", "/fhir/Group/{id}/$remove", "remove_members", fhir::types::kGroup,
             {Permissions::kUpdate}, remove_members);
  routes.add("GET", "/fhir/_history", "history_system", Access::kClient, system_history);
}

/// A handler that needs no principal.
template <class Handler>
PrincipalHandler open_to_all(Handler handler) {
  return [handler](Service& service, const http::Request& request, const Principal&) {
    return handler(service, request);
  };
}

void add_bundle_route(Routes& routes, const http::Router& router) {
  // Entries are authorised, and limited to what the scopes cover, one by one.
  routes.add("POST", kFhirPath, "bundle", Access::kJob,
             [&router](Service& service, const auto& request, const auto& principal) {
               return post_bundle(service, router, request, principal);
             });
}

void add_authorization_routes(Routes& routes, const AuthorizationOptions& options) {
  routes.add("GET", "/fhir/.well-known/smart-configuration", "smart_configuration", Access::kPublic,
             open_to_all(smart_configuration));
  // These authenticate by what is in the body.
  routes.add("POST", "/fhir/auth/token", "token", Access::kPublic, open_to_all(token));
  routes.add("POST", "/fhir/auth/revoke", "revoke", Access::kPublic, open_to_all(revoke));
  routes.add("POST", "/fhir/auth/introspect", "introspect", Access::kClient, introspect);
  routes.add("GET", "/fhir/auth/jwks", "jwks", Access::kPublic,
             [](Service& service, const auto&, const auto&) { return jwks(service); });
  if (!options.registration_token.empty())
    routes.add("POST", "/fhir/auth/register", "register", Access::kPublic,
               open_to_all(register_client));
}

}  // namespace

http::ErrorResponder error_responder() {
  return [](const http::Request& request, const Error& error) {
    return request_error(request, error);
  };
}

// Still ready: everything works, but instants are not the clock's, and someone should look at it.
std::string clock_notice(const store::Store& store, const Clock& clock) {
  const auto ahead = store.last_commit().instant - clock.now();
  if (ahead <= store::kAheadOfClockMax) return {};
  return fmt::format("clock behind: the newest commit is {} s ahead of it\n",
                     std::chrono::duration_cast<std::chrono::seconds>(ahead).count());
}

// Of the server's health everybody may know, whatever limits are reached and whoever is at work.
void add_health_routes(http::Router& router, const store::Store& store, const Clock& clock,
                       const Readiness& readiness) {
  router.add_immediate("/healthz", "healthz", [](const auto&) { return plain(200, "ok\n"); });
  router.add_immediate("/readyz", "readyz", [&readiness, &store, &clock](const auto&) {
    const std::string wrong = readiness.trouble();
    if (!wrong.empty()) return plain(503, wrong + "\n");
    return plain(200, "ready\n" + clock_notice(store, clock));
  });
}

void add_routes(http::Router& router, Service& service, const ServerMetrics& metrics,
                const Readiness& readiness) {
  Routes routes(router, service);
  add_job_routes(routes, job_handlers_of(service));
  add_table_routes(routes);
  add_resource_routes(routes);
  add_bundle_route(routes, router);
  if (service.authorization != nullptr)
    add_authorization_routes(routes, service.authorization->options());
  routes.add("GET", "/fhir/metadata", "metadata", Access::kPublic,
             open_to_all(capability_statement));
  add_definition_routes(routes);
  add_health_routes(router, service.store, service.clock, readiness);
  routes.add("GET", "/metrics", "metrics", Access::kPublic,
             [&metrics](const Service& asked, const auto&, const auto&) {
               const bool is_open = asked.authorization == nullptr;
               auto response = plain(200, is_open ? metrics.text() : metrics.of_server->text());
               response.headers.set("Content-Type", std::string(kMetricsContentType));
               return response;
             });
}

}  // namespace sluice::api
