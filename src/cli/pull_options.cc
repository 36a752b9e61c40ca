#include "cli/pull_options.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/utf8.h"
#include "cli/options.h"
#include "client/http/authority_file.h"
#include "client/http/url.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

constexpr std::pair<const char*, std::string ServerArguments::*> kTexts[] = {
    {"clientId", &ServerArguments::client_id},
    {"key", &ServerArguments::key_file},
    {"secretFile", &ServerArguments::secret_file},
    {"scope", &ServerArguments::scope},
    {"tokenUrl", &ServerArguments::token_url},
    {"tokenOrigins", &ServerArguments::token_origins},
    {"vendor", &ServerArguments::vendor},
    {"caFile", &ServerArguments::ca_file},
    {"into", &ServerArguments::into},
    {"attachments", &ServerArguments::attachments},
    {"attachmentTypes", &ServerArguments::attachment_types},
    {"attachmentSizeMax", &ServerArguments::attachment_size_max},
};
constexpr std::pair<const char*, bool ServerArguments::*> kFlags[] = {
    {"get", &ServerArguments::by_get},
    {"lenient", &ServerArguments::is_lenient},
    {"separateStatus", &ServerArguments::separate_status},
    {"plainHttp", &ServerArguments::is_plain_http_allowed},
    {"gzip", &ServerArguments::keeps_gzip},
};

constexpr unsigned kRetries = 10;
constexpr std::uint64_t kInlineSizeMax = 5'000'000;
constexpr std::uint64_t kFileSizeMax = 1'000'000'000;

std::string vendor_names() {
  std::string names;
  for (const auto& profile : client::vendor_profiles())
    names += (names.empty() ? "" : ", ") + std::string(profile.name);
  return names;
}

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

Result<client::AttachmentOptions> make_attachment_options(const ServerArguments& arguments) {
  using Mode = client::AttachmentOptions::Mode;
  client::AttachmentOptions options;
  if (arguments.attachments == "inline") options.mode = Mode::kInline;
  if (arguments.attachments == "files") options.mode = Mode::kFiles;
  const bool is_none = options.mode == Mode::kNone;
  if (is_none && !(arguments.attachment_types.empty() && arguments.attachment_size_max.empty()))
    return invalid("--attachment-types and --attachment-size-max need --attachments inline|files");
  if (options.mode == Mode::kFiles && !arguments.into.empty())
    return invalid("--attachments files keeps files beside a folder; --into needs inline");
  options.size_max = options.mode == Mode::kInline ? kInlineSizeMax : kFileSizeMax;
  if (const auto& text = arguments.attachment_size_max; !text.empty()) {
    const auto [end, failed] =
        std::from_chars(text.data(), text.data() + text.size(), options.size_max);
    if (failed != std::errc() || end != text.data() + text.size() || options.size_max == 0 ||
        options.size_max > kFileSizeMax * 100)
      return invalid(
          fmt::format("--attachment-size-max '{}' is not a number of bytes", shortened(text, 40)));
  }
  options.types = split_list(arguments.attachment_types);
  for (const auto& type : options.types)
    if (type.find('/') == std::string::npos)
      return invalid(fmt::format("--attachment-types '{}' is no media type", shortened(type, 80)));
  return options;
}

}  // namespace

void add_server_options(CLI::App& command, ServerArguments& arguments) {
  add_option(command, "client-id", arguments.client_id,
             "Our client id at the server; without it no token is requested");
  add_option(command, "key", arguments.key_file, "File with our private key: JWK, JWK Set or PEM");
  add_option(command, "secret-file", arguments.secret_file,
             "File with a client secret instead of a key, for servers that use HTTP Basic");
  add_option(command, "scope", arguments.scope,
             "Scopes to request; default: those that the server lists");
  add_option(command, "token-url", arguments.token_url, "Token endpoint, if discovery names none");
  add_option(command, "token-origin", arguments.token_origins,
             "Origins that receive tokens besides the FHIR base's, separated by commas: "
             "https://files.example");
  add_option(command, "vendor", arguments.vendor,
             "Profile of the server: " + vendor_names() + "; default: detected");
  add_option(command, "ca-file", arguments.ca_file,
             "PEM file with the authorities to trust instead of the system's");
  add_option(
      command, "into", arguments.into,
      "Data folder of a Sluice store to load everything into, even while a server has it open");
  add_option(command, "attachments", arguments.attachments,
             "What to do with attachments named by URL: none (leave them), inline, files")
      ->check(CLI::IsMember({"none", "inline", "files"}));
  add_option(command, "attachment-types", arguments.attachment_types,
             "Only of these media types, separated by commas: application/pdf,image/*");
  add_option(command, "attachment-size-max", arguments.attachment_size_max,
             "Leave larger ones, in bytes; default: 5000000 inline, 1000000000 as files");
  add_switch(command, "get", arguments.by_get, "Kick off with GET instead of POST");
  add_switch(command, "lenient", arguments.is_lenient,
             "Let the server skip parameters that it does not support");
  add_switch(command, "separate-export-status", arguments.separate_status,
             "Ask for Prefer: separate-export-status");
  add_switch(command, "plain-http", arguments.is_plain_http_allowed,
             "Send tokens over plain HTTP to other machines too");
  add_switch(command, "gzip", arguments.keeps_gzip, "Keep files gzipped as received: .ndjson.gz");
}

void add_run_options(CLI::App& command, RunArguments& arguments) {
  add_option(command, "parallel", arguments.parallel, "Files downloaded in parallel")
      ->check(CLI::Range(1, 64));
  add_option(command, "retries", arguments.retries,
             "Attempts at a request that brings nothing new");
  add_option(command, "timeout", arguments.time_limit_seconds,
             "Seconds for the whole run; 0: no limit");
  add_option(command, "poll-max", arguments.poll_max_seconds,
             "The longest Retry-After to honour, in seconds");
  add_switch(command, "keep-job", arguments.keeps_job, "Do not delete the export job at the end");
  add_switch(command, "log-json", arguments.log_json, "Log JSON lines on standard error");
}

json::object to_json(const ServerArguments& arguments) {
  json::object out;
  for (const auto& [name, field] : kTexts)
    if (!(arguments.*field).empty()) out[name] = arguments.*field;
  for (const auto& [name, field] : kFlags)
    if (arguments.*field) out[name] = true;
  return out;
}

void fill_from(const json::object& remembered, ServerArguments& arguments) {
  for (const auto& [name, field] : kTexts)
    if (const auto* value = remembered.if_contains(name);
        value != nullptr && value->is_string() && (arguments.*field).empty())
      arguments.*field = std::string(value->get_string());
  for (const auto& [name, field] : kFlags)
    if (const auto* value = remembered.if_contains(name); value != nullptr && value->is_bool())
      arguments.*field = arguments.*field || value->get_bool();
}

Result<jose::PrivateJwk> read_private_key(const std::string& file) {
  SLUICE_ASSIGN_OR_RETURN(const auto text, read_file(file));
  auto key = jose::PrivateJwk::parse(text);
  if (!key)
    return invalid(fmt::format("cannot use '{}' as a private key: {}", file, key.error().message));
  return key;
}

Result<client::PullSettings> make_settings(const std::string& base, ServerArguments arguments,
                                           const RunArguments& run) {
  namespace fs = std::filesystem;
  client::PullSettings settings;
  settings.base = base;
  if (!arguments.client_id.empty() && arguments.key_file.empty() && arguments.secret_file.empty())
    return invalid("--client-id needs --key (or --secret-file)");
  if (arguments.client_id.empty() &&
      (!arguments.key_file.empty() || !arguments.secret_file.empty()))
    return invalid("--key needs --client-id");
  if (!arguments.key_file.empty()) {
    SLUICE_ASSIGN_OR_RETURN(settings.key, read_private_key(arguments.key_file));
    arguments.key_file = fs::absolute(arguments.key_file).string();
  }
  if (!arguments.secret_file.empty()) {
    SLUICE_ASSIGN_OR_RETURN(settings.secret, read_file(arguments.secret_file));
    while (settings.secret.ends_with('\n') || settings.secret.ends_with('\r'))
      settings.secret.pop_back();
    arguments.secret_file = fs::absolute(arguments.secret_file).string();
  }
  if (!arguments.vendor.empty() && !client::find_vendor(arguments.vendor))
    return invalid(
        fmt::format("--vendor: there is no '{}'; there are {}", arguments.vendor, vendor_names()));
  SLUICE_ASSIGN_OR_RETURN(settings.attachments, make_attachment_options(arguments));
  if (!arguments.into.empty()) arguments.into = fs::absolute(arguments.into).string();
  settings.client_id = arguments.client_id;
  settings.scope = arguments.scope;
  settings.vendor = arguments.vendor;
  settings.token_endpoint = arguments.token_url;
  settings.token_origins = split_list(arguments.token_origins);
  for (const auto& origin : settings.token_origins)
    if (!client::resolve_url("", origin))
      return invalid(fmt::format("--token-origin '{}' is no URL", origin.substr(0, 80)));
  settings.connection.user_agent = std::string("Sluice/") + SLUICE_VERSION;
  SLUICE_RETURN_IF_ERROR(client::check_authority_file("--ca-file", arguments.ca_file));
  // A sync may be run from elsewhere.
  if (!arguments.ca_file.empty()) arguments.ca_file = fs::absolute(arguments.ca_file).string();
  settings.connection.authority_file = arguments.ca_file;
  settings.connection.is_plain_allowed = arguments.is_plain_http_allowed;
  const std::chrono::seconds poll_max(run.poll_max_seconds);
  settings.kick_off.by_get = arguments.by_get;
  settings.kick_off.is_lenient = arguments.is_lenient;
  settings.kick_off.wants_separate_status = arguments.separate_status;
  if (run.retries) {
    settings.kick_off.busy_retries = settings.download.busy_retries = *run.retries;
    settings.poll_failures_max = *run.retries;
  }
  settings.kick_off.retries = run.retries.value_or(kRetries);
  settings.kick_off.wait_max = poll_max;
  settings.download.parallel_max = run.parallel;
  settings.download.retries = run.retries.value_or(kRetries);
  settings.download.wait_max = poll_max;
  settings.keeps_gzip = arguments.keeps_gzip;
  settings.keeps_job = run.keeps_job;
  settings.time_limit = std::chrono::seconds(run.time_limit_seconds);
  settings.remembered = to_json(arguments);
  return settings;
}

int pull_exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
    case ErrorKind::kUnsupported:
    case ErrorKind::kNotFound:
      return 2;
    case ErrorKind::kUnauthenticated:
    case ErrorKind::kForbidden:
      return 4;
    case ErrorKind::kConflict:
    case ErrorKind::kCorrupt:
    case ErrorKind::kTooLarge:
    case ErrorKind::kInternal:
      return 5;
    default:
      return 6;
  }
}

int end_pull(const Result<int>& ended, PullDisplay& display) {
  if (ended) return *ended;
  display.clear();
  const auto& error = ended.error();
  const int code = pull_exit_code(error.kind);
  display.notice(fmt::format("sluice: {}{}", told(error),
                             code == 6 ? ". The same command goes on from here" : ""));
  return code;
}

}  // namespace sluice::cli
