#include "smart/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/json_text.h"
#include "base/utf8.h"

namespace sluice::smart {
namespace {

namespace json = boost::json;

constexpr std::size_t kIdSizeMax = 128;
constexpr std::size_t kNameSizeMax = 256;
constexpr std::size_t kUrlSizeMax = 2048;
constexpr std::size_t kGroupsMax = 10'000;

bool is_id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

bool is_loopback(std::string_view authority) {
  const std::size_t host_end =
      authority.starts_with('[') ? authority.find(']') + 1 : authority.find(':');
  const std::string_view host = authority.substr(0, host_end);
  return host == "127.0.0.1" || host == "[::1]" || host == "localhost";
}

// Enough to refuse what cannot be meant; the fetcher decides where it really goes (A-04), and goes
// to loopback only where the operator allows it.
bool is_keys_url(std::string_view url) {
  const bool is_plain = url.starts_with("http://");
  if ((!is_plain && !url.starts_with("https://")) || url.size() > kUrlSizeMax) return false;
  const std::string_view rest = url.substr(url.find("//") + 2);
  if (rest.empty() || rest.front() == '/' || rest.front() == '?' || rest.front() == '#')
    return false;
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  return (!is_plain || is_loopback(authority)) && authority.find('@') == std::string_view::npos &&
         std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<void> check_keys(const Client& client) {
  if (client.jwks.has_value() == !client.jwks_url.empty())
    return invalid("a client has either jwks or jwks_url");
  if (!client.jwks) {
    if (!is_keys_url(client.jwks_url))
      return invalid("jwks_url is not an https URL without user name");
    return {};
  }
  bool usable = false;
  for (const jose::Jwk& key : client.jwks->keys()) {
    if (key.kid().empty()) return invalid("jwks: each key needs a \"kid\"");
    for (const auto algorithm :
         {jose::Algorithm::kRs256, jose::Algorithm::kRs384, jose::Algorithm::kPs384,
          jose::Algorithm::kEs256, jose::Algorithm::kEs384})
      usable = usable || key.fits(algorithm);
  }
  if (!usable) return invalid("jwks: no key could check a signature of the algorithms we take");
  return {};
}

std::string text_of(const json::object& object, json::string_view name) {
  return json::value_to<std::string>(object.at(name));
}

Client read(const json::object& object) {
  Client client;
  client.name = text_of(object, "name");
  client.jwks_url = text_of(object, "jwks_url");
  if (const json::value* keys = object.if_contains("jwks"))
    client.jwks = jose::JwkSet::parse(json_text(*keys)).value();
  client.scopes = ScopeSet::parse(text_of(object, "scope")).value();
  if (const json::value* groups = object.if_contains("groups"))
    client.groups = json::value_to<std::vector<std::string>>(*groups);
  client.limits.running_jobs = object.at("running_jobs").to_number<unsigned>();
  client.limits.requests_per_minute = object.at("requests_per_minute").to_number<unsigned>();
  const auto access = find_file_access(text_of(object, "file_access"));
  if (!access) throw std::out_of_range("unknown file_access");
  client.file_access = *access;
  const std::string state = text_of(object, "state");
  if (state == to_string(ClientState::kDisabled))
    client.state = ClientState::kDisabled;
  else if (state != to_string(ClientState::kActive))
    throw std::out_of_range("unknown state");
  client.created = stored_instant(object.at("created"));
  client.updated = stored_instant(object.at("updated"));
  client.generation = text_of(object, "generation");
  if (object.contains("registration")) client.registration = text_of(object, "registration");
  return client;
}

}  // namespace

std::string_view to_string(ClientState state) {
  return state == ClientState::kActive ? "active" : "disabled";
}

std::string_view to_string(FileAccess access) {
  return access == FileAccess::kToken ? "token" : "capability";
}

std::optional<FileAccess> find_file_access(std::string_view name) {
  for (const FileAccess access : {FileAccess::kToken, FileAccess::kCapability}) {
    if (name == to_string(access)) return access;
  }
  return std::nullopt;
}

bool Client::may_see_group(std::string_view group_id) const {
  return !groups || std::find(groups->begin(), groups->end(), group_id) != groups->end();
}

bool is_valid_client_id(std::string_view id) {
  return !id.empty() && id.size() <= kIdSizeMax &&
         std::all_of(id.begin(), id.end(), is_id_character);
}

Result<void> check_client(const Client& client) {
  if (!is_valid_client_id(client.id))
    return invalid("the client id is not 1 to 128 of A-Z a-z 0-9 . _ -");
  if (client.name.size() > kNameSizeMax ||
      std::any_of(client.name.begin(), client.name.end(),
                  [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }))
    return invalid("the name is longer than 256 bytes or holds control characters");
  if (!is_valid_utf8(client.name)) return invalid("the name is not valid UTF-8");
  SLUICE_RETURN_IF_ERROR(check_keys(client));
  if (client.scopes.empty()) return invalid("the client has no scopes");
  if (client.groups && client.groups->size() > kGroupsMax)
    return invalid("the client has more than 10,000 groups");
  for (const std::string& group : client.groups.value_or(std::vector<std::string>())) {
    if (!fhir::is_valid_id(group))
      return invalid("groups: each is a Group's id, 1 to 64 of A-Z a-z 0-9 . -");
  }
  // A document that cannot be read is a client that is gone with the next start: keys may grow when
  // they are written.
  if (const auto kept = parse_client(client.id, serialize(client)); !kept)
    return Error{ErrorKind::kInvalid, "the client cannot be kept as it is", kept.error().detail};
  return {};
}

std::string client_key(std::string_view id) {
  return fmt::format("client/{}", id);
}

std::string serialize(const Client& client) {
  json::object object;
  object["name"] = client.name;
  object["jwks_url"] = client.jwks_url;
  if (client.jwks) object["jwks"] = json::parse(client.jwks->to_json());
  object["scope"] = client.scopes.to_string();
  if (client.groups) object["groups"] = json::value_from(*client.groups);
  object["running_jobs"] = client.limits.running_jobs;
  object["requests_per_minute"] = client.limits.requests_per_minute;
  object["file_access"] = json::string_view(to_string(client.file_access));
  object["state"] = json::string_view(to_string(client.state));
  object["created"] = client.created.milliseconds;
  object["updated"] = client.updated.milliseconds;
  object["generation"] = client.generation;
  if (!client.registration.empty()) object["registration"] = client.registration;
  return json_text(object);
}

Result<Client> parse_client(std::string_view id, std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return corrupt("a stored client cannot be read", fmt::format("{}: {}", client_key(id), why));
  };
  try {
    Client client = read(stored_object(text));
    client.id = id;
    return client;
  } catch (const std::exception& e) {
    return bad(e.what());
  }
}

}  // namespace sluice::smart
