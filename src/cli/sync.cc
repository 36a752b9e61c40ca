// `sluice sync`: brings a folder that was pulled up to date.
#include "client/sync/sync.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <stop_token>

#include "base/instant.h"
#include "base/json_text.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/pull_display.h"
#include "cli/pull_options.h"
#include "cli/signals.h"
#include "cli/store_target.h"
#include "client/http/shown_text.h"

namespace sluice::cli {
namespace {

struct SyncArguments {
  std::string folder;
  bool is_full = false;
  bool may_remove_many = false;
  std::string full_every;
  ServerArguments server;
  RunArguments run;
};

void print_report(const client::SyncReport& report, const SyncArguments& arguments) {
  namespace json = boost::json;
  if (arguments.run.log_json) {
    json::object types;
    for (const auto& [type, counts] : report.counts)
      types[type] = json::object{{"added", counts.added},
                                 {"updated", counts.updated},
                                 {"deleted", counts.deleted},
                                 {"total", counts.total}};
    const json::object line{
        {"event", "summary"},
        {"folder", arguments.folder},
        {"into", arguments.server.into},
        {"since", report.since},
        {"transactionTime", report.transaction_time},
        {"joined", report.joined},
        {"changed", std::move(types)},
        {"full", report.is_full},
        {"gone", report.gone},
        {"goneList", report.gone > 0 ? report.gone_list.string() : ""},
        {"nothingChanged", report.is_refused},
        {"incomplete", report.is_incomplete || report.joined_are_incomplete || report.asks_again},
        {"deletionsListed", !report.deletions_are_unknown},
        {"refused", report.refused}};
    fmt::print("{}\n", client::shown_text(json_text(line)));
    return;
  }
  if (report.counts.empty())
    fmt::print("nothing has changed\n");
  else
    fmt::print("{:<28}{:>12}{:>12}{:>12}{:>12}\n", "type", "added", "updated", "deleted", "total");
  for (const auto& [type, counts] : report.counts)
    fmt::print("{:<28.28}{:>12}{:>12}{:>12}{:>12}\n", type, human_count(counts.added),
               human_count(counts.updated), human_count(counts.deleted), human_count(counts.total));
  if (report.joined > 0) fmt::print("{} new members of the group\n", human_count(report.joined));
  fmt::print("from {} to {} in {}\n",
             report.since.empty() ? "the beginning" : client::shown_text(report.since),
             shown_time(report.transaction_time),
             arguments.server.into.empty() ? arguments.folder : arguments.server.into);
}

// "30d", "12h", "45m"; 0: never.
Result<std::chrono::milliseconds> parse_period(const std::string& text) {
  if (text.empty()) return std::chrono::milliseconds(0);
  std::uint64_t count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit(end, text.data() + text.size());
  const std::int64_t seconds = unit == "d" ? 86'400 : unit == "h" ? 3600 : unit == "m" ? 60 : 0;
  if (failed != std::errc() || seconds == 0 || count == 0 || count > 100'000)
    return invalid(fmt::format("--full-every '{}' is no time: 30d, 12h, 45m", text.substr(0, 40)));
  return std::chrono::milliseconds(static_cast<std::int64_t>(count) * seconds * 1000);
}

// What the user should know of what was removed, or was not.
void tell_of_removals(const client::SyncReport& report, const SyncArguments& arguments,
                      PullDisplay& display) {
  if (report.is_full && report.gone > 0)
    display.notice(fmt::format("{} of {} resources are not on the server any more: {}",
                               human_count(report.gone), human_count(report.old_total),
                               report.gone_list.string()));
  if (report.is_refused)
    display.notice(fmt::format(
        "that is more than a tenth: nothing was changed. `sluice sync --full --force` removes "
        "them{}",
        report.since.empty() ? "" : "; `sluice sync` goes on with changes alone"));
  if (report.deletions_are_unknown && arguments.full_every.empty())
    display.notice(
        "this server does not list what it deletes: that stays in the copy. `sluice sync --full` "
        "compares with all that there is, `--full-every 30d` does it now and then");
}

// What the server could not export, and what comes of that.
void tell_of_gaps(const client::SyncReport& report, const SyncArguments& arguments,
                  PullDisplay& display) {
  if (report.is_incomplete && report.is_full)
    display.notice(
        fmt::format("the server did not export all that it has: what came was taken, and nothing "
                    "was removed{}",
                    arguments.may_remove_many ? "" : ". A later sync asks again"));
  else if (report.is_incomplete)
    display.notice(
        fmt::format("the server did not export all that has changed: what came was taken, and the "
                    "next sync asks from {} on again",
                    client::shown_text(report.since)));
  if (report.asks_again)
    display.notice(
        "the server did not export all that was asked for again: the next sync asks for all once "
        "more; `sluice sync --full --force` goes on without");
  if (report.joined_are_incomplete)
    display.notice(
        "the server did not export all of the group's new members: the next sync asks for them "
        "again");
}

// The store is not what a sync is given, but the folder of its pull.
Error no_journal(std::string folder) {
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  const std::string pulled = folder + ".pull";
  const auto is_pulled = client::PullState::exists(pulled);
  if (is_pulled && *is_pulled)
    return invalid(
        fmt::format("'{}' has no journal; '{}' has: `sluice sync {}`", folder, pulled, pulled));
  return invalid(
      fmt::format("'{}' has no journal: `sluice pull --out {}` makes one", folder, folder));
}

Result<int> sync(SyncArguments& arguments, PullDisplay& display) {
  client::SyncOptions options{arguments.is_full, {}, arguments.may_remove_many};
  SLUICE_ASSIGN_OR_RETURN(options.full_every, parse_period(arguments.full_every));
  SLUICE_ASSIGN_OR_RETURN(const bool has_journal, client::PullState::exists(arguments.folder));
  if (!has_journal) return no_journal(arguments.folder);
  SignalWaiter signals({SIGINT, SIGTERM});
  std::stop_source stop;
  signals.on_signal([&stop](int) { stop.request_stop(); });
  SLUICE_ASSIGN_OR_RETURN(const auto state, client::PullState::open(arguments.folder));
  if (!state->has_round()) return invalid("nothing was pulled into the folder yet");
  const auto& first = state->rounds().front();
  if (first.request.base.empty())
    return invalid(
        "the folder was pulled by --status-url without a FHIR base: nothing says what "
        "to ask for next");
  if (first.is_adopted)
    return invalid("the folder was pulled by --status-url: what it was asked for is not known");
  if (!first.request.until.empty())
    return invalid("the folder was pulled with --until: it has an end");
  if (!first.request.organize_output_by.empty())
    return invalid(
        "the folder was pulled with --organize-output-by: its files are not by type, and cannot be "
        "brought up to date");
  if (first.request.is_parquet())
    return invalid("the folder was pulled with --output-format " + first.request.output_format +
                   ": Parquet files cannot be brought up to date");
  const bool has_target = first.settings.contains("into");
  if (!has_target && !arguments.server.into.empty())
    return invalid("the folder was pulled without --into and is a copy of its own");
  const std::string wanted = arguments.server.into;
  if (has_target) arguments.server.into.clear();
  fill_from(first.settings, arguments.server);
  if (has_target && !wanted.empty() &&
      std::filesystem::absolute(wanted) != std::filesystem::path(arguments.server.into))
    return invalid(fmt::format("the folder was pulled into '{}'", arguments.server.into));
  display.log_to(arguments.folder);
  SLUICE_ASSIGN_OR_RETURN(const auto settings,
                          make_settings(first.request.base, arguments.server, arguments.run));
  const SystemClock clock;
  const client::Waiter waiter(stop.get_token(), settings.time_limit);
  client::Puller puller(settings, display.events(), clock, waiter);
  std::unique_ptr<StoreTarget> target;
  if (has_target) {
    SLUICE_ASSIGN_OR_RETURN(target, StoreTarget::create(arguments.server.into, *state,
                                                        stop.get_token(), display.events().notice));
    SLUICE_RETURN_IF_ERROR(target->check());
  }
  client::Sync run(*state, puller, settings, display.events(), options, target.get());
  SLUICE_ASSIGN_OR_RETURN(const auto report, run.run());
  display.clear();
  // The first pull is told of as a pull.
  const bool is_cycle = !report.since.empty() || report.is_full;
  if (is_cycle && report.changes.failures.empty() && !report.is_refused)
    print_report(report, arguments);
  else
    display.summary(report.changes, arguments.folder, arguments.server.into);
  if (!report.changes.failures.empty() && is_cycle)
    display.notice(fmt::format(
        "the copy stays as it was: the next sync tries again what was not received{}",
        report.is_full ? "" : "; `sluice sync --full` does without, and makes all anew"));
  tell_of_removals(report, arguments, display);
  tell_of_gaps(report, arguments, display);
  for (const auto& text : report.changes.attachments.texts) display.notice(text);
  for (const auto& text : report.changes.outcome_texts)
    display.notice("the server reports: " + text);
  if (is_cycle)
    for (const auto& text : oddities_of(report.changes)) display.notice(text);
  if (report.refused > 0)
    display.notice(fmt::format("{} resources were not loaded", report.refused));
  return report.changes.is_partial() || report.refused > 0 || report.is_refused ? kExitPartial : 0;
}

}  // namespace

Command add_sync(CLI::App& app) {
  auto* command = app.add_subcommand("sync", "Update a pulled folder with what has changed");
  command->footer(std::string("Example:\n  sluice sync ./data\n") + kPullExitCodes);
  auto arguments = std::make_shared<SyncArguments>();
  command->add_option("DIR", arguments->folder, "The folder that `sluice pull --out` made")
      ->required();
  add_switch(
      *command, "full", arguments->is_full,
      "Compare with a full export of the same scope, and remove what the server no longer has");
  add_option(*command, "full-every", arguments->full_every,
             "Do so if the last one is so long ago: 30d, 12h; for servers that list no deletions");
  add_switch(*command, "force", arguments->may_remove_many,
             "Let --full remove more than a tenth of the copy");
  add_server_options(*command, arguments->server);
  add_run_options(*command, arguments->run);
  return {command, [arguments] {
            PullDisplay display(arguments->run.log_json);
            return end_pull(sync(*arguments, display), display);
          }};
}

}  // namespace sluice::cli
