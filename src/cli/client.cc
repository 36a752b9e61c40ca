// `sluice client`: who may use the server.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <optional>

#include "base/file.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "cli/client_changes.h"
#include "cli/command.h"
#include "cli/control_server.h"
#include "cli/data_folder.h"
#include "cli/options.h"
#include "jose/json_web_key.h"
#include "smart/audit.h"
#include "smart/client_registry.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

struct ClientArguments {
  std::string data;
  std::string id;
  std::string name;
  std::string jwks_file;
  std::string jwks_url;
  std::string scope;
  std::vector<std::string> groups;
  bool all_groups = false;
  std::optional<unsigned> running_jobs;
  std::optional<unsigned> requests_per_minute;
  std::string file_access;
  bool as_json = false;
};

Result<json::object> to_request(const ClientArguments& arguments, const std::string& what) {
  json::object request{{"do", what}};
  for (const auto& [option, value] :
       {std::pair{"--name", &arguments.name}, std::pair{"--jwks-url", &arguments.jwks_url},
        std::pair{"--scope", &arguments.scope}})
    if (!is_valid_utf8(*value)) return invalid(fmt::format("client: {} is not UTF-8", option));
  const auto put = [&](const char* name, const std::string& value) {
    if (!value.empty()) request[name] = value;
  };
  put("id", arguments.id);
  put("name", arguments.name);
  put("jwks_url", arguments.jwks_url);
  put("scope", arguments.scope);
  put("file_access", arguments.file_access);
  if (!arguments.jwks_file.empty()) {
    if (!arguments.jwks_url.empty())
      return invalid("client: --jwks and --jwks-url exclude each other");
    SLUICE_ASSIGN_OR_RETURN(const auto text, read_file(arguments.jwks_file));
    if (text.size() > jose::kJwkSetSizeMax)
      return invalid(fmt::format("client: '{}' has more than {} bytes, too many for a set of keys",
                                 arguments.jwks_file, jose::kJwkSetSizeMax));
    boost::system::error_code failed;
    auto keys = json::parse(text, failed);
    if (failed || !keys.is_object())
      return invalid(fmt::format("client: '{}' is not a JSON object", arguments.jwks_file));
    // A single key is as good as a set of one.
    if (!keys.get_object().contains("keys"))
      keys = json::object{{"keys", json::array{std::move(keys)}}};
    request["jwks"] = std::move(keys);
  }
  if (what == "add" && arguments.jwks_file.empty() && arguments.jwks_url.empty())
    return invalid(
        "client: its public keys are missing: --jwks FILE or --jwks-url URL (`sluice keys "
        "generate` makes keys)");
  if (what == "add" && arguments.scope.empty())
    return invalid(
        "client: --scope is missing: what it may do, as 'system/*.rs' to export everything");
  if (!arguments.groups.empty() && arguments.all_groups)
    return invalid("client: --group and --all-groups exclude each other");
  if (arguments.all_groups) request["groups"] = nullptr;
  if (!arguments.groups.empty()) {
    json::array groups;
    for (const auto& group : arguments.groups) groups.push_back(json::string(group));
    request["groups"] = std::move(groups);
  }
  if (arguments.running_jobs) request["running_jobs"] = *arguments.running_jobs;
  if (arguments.requests_per_minute)
    request["requests_per_minute"] = *arguments.requests_per_minute;
  return request;
}

// By the server when one runs, to the store itself when not.
Result<json::object> ask(const std::string& data, const json::object& request, StoreUse use) {
  if (auto answer = ask_control_server(data, request)) return std::move(*answer);
  const SystemClock clock;
  SLUICE_ASSIGN_OR_RETURN(const auto store, open_store(data, clock, use));
  SLUICE_ASSIGN_OR_RETURN(const auto clients, smart::ClientRegistry::open(*store, clock));
  SLUICE_ASSIGN_OR_RETURN(const auto audit,
                          smart::AuditLog::open(std::filesystem::path(data) / "audit", clock));
  auto answer = change_clients(*clients, *audit, request);
  SLUICE_RETURN_IF_ERROR(audit->stop());
  if (answer) note_unknown_groups(*store, *answer);
  return answer;
}

std::string text_of(const json::object& client, const char* name) {
  const auto* member = client.if_contains(name);
  if (member == nullptr || member->is_null()) return "all";
  if (member->is_string()) return std::string(member->get_string());
  return json_text(*member);
}

void print(const json::object& client) {
  for (const char* name : {"id", "name", "state", "scope", "groups", "file_access", "running_jobs",
                           "requests_per_minute", "jwks_url", "jwks", "created", "updated"})
    if (client.contains(name)) fmt::print("{:<21}{}\n", name, text_of(client, name));
}

Result<int> run_client(const ClientArguments& arguments, const std::string& what) {
  if (arguments.data.empty()) return invalid("client: --data DIR is missing");
  SLUICE_ASSIGN_OR_RETURN(const auto request, to_request(arguments, what));
  SLUICE_ASSIGN_OR_RETURN(
      const auto answer,
      ask(arguments.data, request, what == "add" ? StoreUse::kCreate : StoreUse::kExisting));
  if (const auto* unknown = answer.if_contains("unknown_groups"))
    for (const auto& group : unknown->as_array())
      fmt::print(stderr, "warning: there is no Group '{}' in the store yet\n",
                 std::string_view(group.as_string()));
  if (arguments.as_json) {
    fmt::print("{}\n", json_text(answer));
  } else if (what == "list") {
    fmt::print("{:<28} {:<9} {:<30} {}\n", "id", "state", "scope", "name");
    for (const auto& client : answer.at("clients").as_array()) {
      const auto& object = client.as_object();
      fmt::print("{:<28} {:<9} {:<30} {}\n", text_of(object, "id"), text_of(object, "state"),
                 text_of(object, "scope"), text_of(object, "name"));
    }
  } else {
    print(answer);
  }
  return 0;
}

// The options of one of the verbs.
void add_options(CLI::App& verb, ClientArguments& arguments, bool has_id, bool has_settings) {
  add_option(verb, "data", arguments.data, "The data folder");
  add_switch(verb, "json", arguments.as_json, "Print JSON");
  if (has_id) verb.add_option("--id,id", arguments.id, "The client's id")->required();
  if (!has_settings) return;
  verb.add_option("--name", arguments.name, "A name for people");
  verb.add_option("--jwks", arguments.jwks_file, "File with the client's public keys (JWK Set)");
  verb.add_option("--jwks-url", arguments.jwks_url, "https URL of the client's public keys");
  verb.add_option("--scope", arguments.scope, "Scopes, separated by spaces: 'system/*.rs'");
  verb.add_option("--group", arguments.groups, "Group that it may export; may be repeated");
  verb.add_flag("--all-groups{true}", arguments.all_groups,
                "Everything again, not only some groups");
  verb.add_option("--running-jobs", arguments.running_jobs, "Most exports at once; 0: the default");
  verb.add_option("--requests-per-minute", arguments.requests_per_minute,
                  "Most kick-offs a minute; 0: the default");
  verb.add_option("--file-access", arguments.file_access,
                  "How it fetches files: token, or capability (signed URLs)")
      ->check(CLI::IsMember({"token", "capability"}));
}

}  // namespace

Command add_client(CLI::App& app) {
  auto* command = app.add_subcommand("client", "Manage the clients of the server");
  command->require_subcommand(1);
  command->footer(
      "Example:\n"
      "  sluice keys generate --alg ES384 --out key.jwk\n"
      "  sluice keys public key.jwk > jwks.json\n"
      "  sluice client add --data ./data --id research --jwks jwks.json --scope 'system/*.rs'" +
      std::string(kExitCodes));
  auto arguments = std::make_shared<ClientArguments>();
  const struct {
    const char* name;
    const char* help;
    bool has_id, has_settings;
  } verbs[] = {
      {"add", "Add a client", true, true},
      {"list", "List the clients", false, false},
      {"show", "Show one client", true, false},
      {"update", "Change a client", true, true},
      {"disable", "Issue no more tokens to a client and revoke those it has", true, false},
      {"enable", "Enable a disabled client", true, false},
      {"revoke-tokens", "Revoke all tokens and signed URLs of a client", true, false},
      {"remove", "Remove a client", true, false},
  };
  for (const auto& verb : verbs) {
    auto* sub = command->add_subcommand(verb.name, verb.help);
    sub->footer(fmt::format("Example:\n  sluice client {} --data ./data{}{}", verb.name,
                            verb.has_id ? " --id research" : "", kExitCodes));
    add_options(*sub, *arguments, verb.has_id, verb.has_settings);
  }
  return {command, [arguments, command] {
            return run_client(*arguments, command->get_subcommands().front()->get_name());
          }};
}

}  // namespace sluice::cli
