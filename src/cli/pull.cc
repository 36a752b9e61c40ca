// `sluice pull`: a whole Bulk Data export of any server into a folder.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <csignal>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <utility>

#include "base/instant.h"
#include "base/json_text.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/pull_display.h"
#include "cli/pull_options.h"
#include "cli/signals.h"
#include "cli/store_target.h"
#include "client/http/url.h"
#include "client/pull/pull.h"
#include "client/sync/first_pull.h"
#include "client/sync/sync.h"

namespace sluice::cli {
namespace {

struct PullArguments {
  client::PullRequest request;
  std::string out;
  std::string status_url;
  bool is_dry_run = false;
  ServerArguments server;
  RunArguments run;
};

// What would be sent, without sending any of it.
Result<int> show_requests(const PullArguments& arguments, const client::PullSettings& settings) {
  const auto& request = arguments.request;
  const auto vendor = client::find_vendor(settings.vendor.empty() ? "plain" : settings.vendor);
  if (!settings.client_id.empty())
    fmt::print("GET {}/.well-known/smart-configuration\n", request.base);
  fmt::print("GET {}/metadata\n", request.base);
  if (!settings.client_id.empty())
    fmt::print("POST (the token endpoint) as client '{}'{}\n", settings.client_id,
               settings.scope.empty() ? "" : ", scope " + settings.scope);
  if (arguments.status_url.empty()) {
    const bool by_get = settings.kick_off.by_get || vendor->only_get;
    fmt::print("{} {}\n  Accept: application/fhir+json\n  Prefer: {}\n", by_get ? "GET" : "POST",
               by_get ? client::kick_off_query(request, *vendor) : client::kick_off_url(request),
               client::prefer_header(settings.kick_off));
    if (!by_get)
      fmt::print("  Content-Type: application/fhir+json\n  {}\n",
                 client::kick_off_body(request, *vendor, client::first_dialect(*vendor)));
  }
  fmt::print("GET {} until it is done\nGET each file, at most {} at a time\n",
             arguments.status_url.empty() ? "(the status URL)" : arguments.status_url,
             settings.download.parallel_max);
  if (settings.attachments.mode != client::AttachmentOptions::Mode::kNone)
    fmt::print("GET each attachment that resources name, of at most {} bytes\n",
               settings.attachments.size_max);
  if (!settings.keeps_job) fmt::print("DELETE (the status URL)\n");
  if (!arguments.server.into.empty()) fmt::print("then load {}\n", arguments.server.into);
  return 0;
}

// What is kept, and where, is the same from the first run to the last.
Result<void> check_keeping(const client::PullState& state, const boost::json::object& before,
                           const boost::json::object& now) {
  constexpr std::pair<const char*, const char*> kOptions[] = {
      {"into", "into"},
      {"attachments", "attachments"},
      {"attachmentTypes", "attachment-types"},
      {"attachmentSizeMax", "attachment-size-max"},
      {"gzip", "gzip"},
  };
  const auto shown = [](const boost::json::value* value) {
    return value == nullptr ? std::string() : json_text(*value);
  };
  for (const auto& [name, option] : kOptions) {
    const std::string was = shown(before.if_contains(name));
    if (was != shown(now.if_contains(name)))
      return invalid(fmt::format("'{}' holds a pull {} --{} {}; take another folder",
                                 state.folder().string(), was.empty() ? "without" : "with", option,
                                 was));
  }
  return {};
}

// Begins a round, or finds that the last one is the one asked for.
Result<void> enter_round(client::PullState& state, const PullArguments& arguments,
                         const client::PullSettings& settings) {
  const bool is_accepted = state.has_round() && state.rounds().front().had_job;
  if (!is_accepted) {
    SLUICE_RETURN_IF_ERROR(state.begin_round("pull", "", arguments.request, settings.remembered));
    if (!arguments.status_url.empty())
      SLUICE_RETURN_IF_ERROR(state.set_job(arguments.status_url, true));
    return {};
  }
  const auto& round = state.rounds().front();
  const bool is_same = arguments.status_url.empty()
                           ? round.request == arguments.request && !round.is_adopted
                           : round.is_adopted && round.status_url == arguments.status_url;
  if (!is_same)
    return invalid(
        fmt::format("'{}' holds a pull with other parameters; take another folder, or "
                    "`sluice sync` for what has changed since",
                    state.folder().string()));
  if (state.rounds().size() > 1)
    return invalid(fmt::format("'{}' has been synchronised already: use `sluice sync`",
                               state.folder().string()));
  return check_keeping(state, round.settings, settings.remembered);
}

// Of a pull that has ended before.
std::string told_of_complete(const PullArguments& arguments) {
  const auto& request = arguments.request;
  const bool can_sync =
      arguments.status_url.empty() && request.until.empty() && request.organize_output_by.empty();
  return fmt::format(
      "this pull was complete already, nothing was asked for{}",
      can_sync ? ": `sluice sync " + arguments.out + "` brings what has changed since" : "");
}

// Of an export that another program asked for, its files tell what they are.
Result<void> check_lines(const client::Round& round) {
  return round.files->each([](std::size_t, const client::FileState& file) -> Result<void> {
    if (!client::is_parquet_name(file.name)) return {};
    return invalid(fmt::format("--into cannot load {}, which is Parquet", file.name));
  });
}

// The whole of a pull after what is checked before.
Result<int> run_round(client::PullState& state, client::Puller& puller, StoreTarget* target,
                      PullDisplay& display, const PullArguments& arguments) {
  client::PullReport report;
  const bool was_complete =
      state.round().is_finished && (target == nullptr || state.round().is_delivered);
  if (state.round().is_finished) {
    SLUICE_ASSIGN_OR_RETURN(report, client::report_of(state, state.round()));
  } else {
    SLUICE_ASSIGN_OR_RETURN(report, puller.run_round(state));
  }
  std::uint64_t refused = state.round().refused;
  const bool is_whole = report.failures.empty();
  if (target == nullptr && is_whole)
    SLUICE_RETURN_IF_ERROR(client::keep_one_of_each(state, puller.waiter(), report));
  if (target != nullptr && is_whole && !state.round().is_delivered) {
    SLUICE_RETURN_IF_ERROR(check_lines(state.round()));
    SLUICE_ASSIGN_OR_RETURN(const auto delivered, client::deliver_first(state, *target));
    refused = delivered.refused;
  }
  if (was_complete && target != nullptr)
    SLUICE_RETURN_IF_ERROR(client::remove_delivered(state, state.round()));
  display.summary(report, arguments.out, arguments.server.into);
  if (was_complete) display.notice(told_of_complete(arguments));
  if (refused > 0) display.notice(fmt::format("{} resources were not loaded", refused));
  return report.is_partial() || refused > 0 ? kExitPartial : 0;
}

// What needs the lines of resources cannot be done with tables.
Result<void> check_parquet(const PullArguments& arguments) {
  const std::string& format = arguments.request.output_format;
  if (!arguments.request.is_parquet()) return {};
  if (!arguments.server.into.empty())
    return invalid(fmt::format("--into cannot load --output-format {}: leave one out", format));
  if (!arguments.server.attachments.empty() && arguments.server.attachments != "none")
    return invalid(
        fmt::format("--attachments cannot look into --output-format {}: leave one out", format));
  return {};
}

Result<int> pull(PullArguments& arguments, PullDisplay& display) {
  if (arguments.out.empty() && !arguments.server.into.empty()) {
    arguments.out = std::filesystem::path(arguments.server.into) / "";
    arguments.out = std::filesystem::path(arguments.out).parent_path().string() + ".pull";
  }
  if (arguments.out.empty() && !arguments.is_dry_run) return invalid("pull: --out DIR is missing");
  auto& request = arguments.request;
  while (request.base.ends_with('/')) request.base.pop_back();
  if (request.base.empty() && arguments.status_url.empty())
    return invalid("pull: the server's FHIR base URL is missing");
  if (!request.base.empty()) SLUICE_RETURN_IF_ERROR(client::check(request));
  SLUICE_RETURN_IF_ERROR(check_parquet(arguments));
  if (!arguments.status_url.empty())
    SLUICE_RETURN_IF_ERROR(client::resolve_url("", arguments.status_url));
  SLUICE_ASSIGN_OR_RETURN(auto settings,
                          make_settings(request.base, arguments.server, arguments.run));
  if (!arguments.status_url.empty()) settings.token_origins.push_back(arguments.status_url);
  if (arguments.is_dry_run) return show_requests(arguments, settings);
  SignalWaiter signals({SIGINT, SIGTERM});
  std::stop_source stop;
  signals.on_signal([&stop](int) { stop.request_stop(); });
  SLUICE_RETURN_IF_ERROR(client::PullState::check_names(arguments.out));
  SLUICE_ASSIGN_OR_RETURN(const auto state, client::PullState::open(arguments.out));
  SLUICE_RETURN_IF_ERROR(enter_round(*state, arguments, settings));
  display.log_to(arguments.out);
  const SystemClock clock;
  const client::Waiter waiter(stop.get_token(), settings.time_limit);
  client::Puller puller(settings, display.events(), clock, waiter);
  std::unique_ptr<StoreTarget> target;
  if (!arguments.server.into.empty()) {
    SLUICE_ASSIGN_OR_RETURN(target, StoreTarget::create(arguments.server.into, *state,
                                                        stop.get_token(), display.events().notice));
    if (!state->round().is_delivered) SLUICE_RETURN_IF_ERROR(target->check());
  }
  return run_round(*state, puller, target.get(), display, arguments);
}

Result<int> run_pull(PullArguments& arguments) {
  PullDisplay display(arguments.run.log_json);
  return end_pull(pull(arguments, display), display);
}

void add_request_options(CLI::App& command, client::PullRequest& request) {
  add_option(command, "group", request.group, "Export the patients of this Group");
  add_switch(command, "all-patients", request.is_patient_level,
             "Export all patients; without --group and --all-patients: the whole system");
  add_option(command, "patient", request.patients,
             "Only these patients of the group; may be repeated")
      ->delimiter(',');
  add_option(command, "type", request.types, "Resource types, separated by commas")->delimiter(',');
  add_option(
      command, "type-filter", request.type_filters,
      "A search that limits one type, such as Observation?category=laboratory; may be repeated");
  add_option(command, "elements", request.elements, "Elements, separated by commas")
      ->delimiter(',');
  add_option(command, "since", request.since, "Only what changed after this instant");
  add_option(command, "until", request.until, "Only what changed before this instant");
  add_option(command, "include-associated-data", request.associated_data,
             "LatestProvenanceResources or RelevantProvenanceResources")
      ->delimiter(',');
  add_option(command, "organize-output-by", request.organize_output_by, "A type: Patient ...");
  add_option(command, "output-format", request.output_format, "Default: the server's, NDJSON");
  add_switch(command, "partial-manifests", request.allows_partial_manifests,
             "Download files while the export is still running");
  add_option(command, "minimum-file-size", request.file_size_min, "Bytes of NDJSON");
  add_option(command, "maximum-file-size", request.file_size_max, "Bytes of NDJSON");
}

}  // namespace

Command add_pull(CLI::App& app) {
  auto* command =
      app.add_subcommand("pull", "Export from any Bulk Data server and download the files");
  command->footer(std::string("Example:\n  sluice pull https://ehr.example/fhir --client-id c1 "
                              "--key key.jwk --group G1 \\\n    --type Patient,Observation "
                              "--since 2026-01-01T00:00:00Z --out ./data\n") +
                  kPullExitCodes);
  auto arguments = std::make_shared<PullArguments>();
  command->add_option("BASE", arguments->request.base, "The server's FHIR base URL");
  add_option(
      *command, "out", arguments->out,
      "Folder for the files; its journal makes it resumable; default with --into: DATA.pull");
  add_request_options(*command, arguments->request);
  add_server_options(*command, arguments->server);
  add_option(*command, "status-url", arguments->status_url,
             "Take over an export that was kicked off elsewhere");
  add_switch(*command, "dry-run", arguments->is_dry_run, "Print the requests and send none");
  add_run_options(*command, arguments->run);
  return {command, [arguments] { return run_pull(*arguments); }};
}

}  // namespace sluice::cli
