// `sluice load`: NDJSON and Bundles into the store.
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <stop_token>
#include <thread>

#include "bulk/load/load.h"
#include "cli/command.h"
#include "cli/data_folder.h"
#include "cli/options.h"
#include "cli/progress_line.h"
#include "cli/pulled_folder.h"
#include "cli/signals.h"

namespace sluice::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kPlainInterval = std::chrono::seconds(5);

// In place on a terminal, every few seconds in a pipe.
class ProgressDisplay {
 public:
  void show(const bulk::LoadProgress& progress) {
    const auto now = SteadyClock::now();
    if (!line_.is_terminal() && now - last_ < kPlainInterval) return;
    last_ = now;
    const double rate = static_cast<double>(progress.resources) / line_.seconds();
    line_.show(fmt::format(
        "loading{} {} resources, {}/s{}", share_of(progress.bytes_read, progress.bytes_total),
        human_count(progress.resources), human_count(static_cast<std::uint64_t>(rate)),
        progress.problems == 0 ? "" : fmt::format(", {} problems", progress.problems)));
  }
  void clear() { line_.clear(); }

 private:
  ProgressLine line_;
  SteadyClock::time_point last_ = SteadyClock::now();
};

void print_summary(const bulk::LoadSummary& summary, double seconds) {
  fmt::print("{:<28}{:>12}{:>12}{:>12}\n", "type", "created", "updated", "unchanged");
  for (const auto& [type, counts] : summary.types)
    if (counts.created + counts.updated + counts.unchanged > 0)
      fmt::print("{:<28}{:>12}{:>12}{:>12}\n", type, human_count(counts.created),
                 human_count(counts.updated), human_count(counts.unchanged));
  const double bytes = static_cast<double>(summary.bytes);
  fmt::print("{} resources, {} in {:.2f} s: {} resources/s, {:.1f} MB/s\n",
             human_count(summary.resources), human_size(bytes), seconds,
             human_count(static_cast<std::uint64_t>(static_cast<double>(summary.resources) /
                                                    std::max(seconds, 0.001))),
             bytes / 1e6 / std::max(seconds, 0.001));
  std::uint64_t deleted = 0;
  for (const auto& [type, counts] : summary.types) deleted += counts.deleted;
  if (deleted > 0) fmt::print("{} deleted\n", human_count(deleted));
  if (summary.references > 0)
    fmt::print("{} conditional references resolved, types looked through for them: {}\n",
               human_count(summary.references), summary.passes);
  if (summary.superseded > 0)
    fmt::print("{} duplicates within the input: the last of each counts\n",
               human_count(summary.superseded));
  if (summary.warnings > 0)
    fmt::print("{} loaded with faults, {}see above\n", human_count(summary.warnings),
               summary.warnings > bulk::kWarningsTold
                   ? fmt::format("of {} of which ", human_count(bulk::kWarningsTold))
                   : "");
  if (summary.problems > 0) fmt::print("{} not loaded, see above\n", human_count(summary.problems));
}

struct LoadArguments {
  std::string data;
  bool lenient = false;
  bulk::LoadOptions options;
};

// What a pull with --since was told of as deleted.
Result<void> apply_deletions(const std::string& data, const std::filesystem::path& folder,
                             const std::stop_token& stop) {
  SLUICE_ASSIGN_OR_RETURN(const auto deletions, read_pulled_deletions(folder));
  if (deletions.empty()) return {};
  SLUICE_ASSIGN_OR_RETURN(const auto removed, remove_from(data, deletions, stop));
  std::uint64_t count = 0;
  for (const auto& [type, of_type] : removed) count += of_type;
  fmt::print("{} deleted of {} that {} names\n", human_count(count), human_count(deletions.size()),
             (folder / "deleted").string());
  return {};
}

Result<int> run_load(LoadArguments& arguments) {
  if (arguments.data.empty()) return invalid("load: --data DIR is missing");
  if (arguments.options.paths.empty()) return invalid("load: nothing to load was named");
  if (arguments.lenient) arguments.options.leniency = fhir::Leniency::kLenient;
  SignalWaiter signals({SIGINT, SIGTERM});
  std::stop_source stop;
  signals.on_signal([&stop](int) { stop.request_stop(); });
  ProgressDisplay display;
  arguments.options.on_problem = [&display](const bulk::LoadProblem& problem) {
    display.clear();
    fmt::print(stderr, "{}:{}{}: {}{}\n", problem.path, problem.is_bundle_entry ? "entry " : "",
               problem.place, problem.is_loaded ? "warning: " : "", problem.reason);
  };
  arguments.options.on_passed_over = [&display](const std::string& path) {
    display.clear();
    tell_passed_over(path);
  };
  arguments.options.on_progress = [&display](const auto& progress) { display.show(progress); };
  const auto notice = [](const std::string& text) { fmt::print(stderr, "{}\n", text); };
  SLUICE_ASSIGN_OR_RETURN(const auto folders, take_pulled_folders(arguments.options.paths, notice));
  const auto start = SteadyClock::now();
  const auto summary = load_into(arguments.data, arguments.options, stop.get_token());
  display.clear();
  if (!summary) return summary.error();
  print_summary(*summary, std::chrono::duration<double>(SteadyClock::now() - start).count());
  if (summary->stopped_by_problem) return 1;
  for (const auto& folder : folders)
    SLUICE_RETURN_IF_ERROR(apply_deletions(arguments.data, folder, stop.get_token()));
  return summary->problems > 0 ? 1 : 0;
}

}  // namespace

Command add_load(CLI::App& app) {
  auto* command =
      app.add_subcommand("load", "Load NDJSON and Bundles (files, folders, - for stdin)");
  command->footer(
      "Example:\n  sluice load --data ./data ./export/*.ndjson.gz\n"
      "Exit codes: 0 all loaded, 1 some lines were not, 2 wrong use, 3 store in use, 4 disk,\n"
      "5 the server that has the store open stopped or is gone, 130 interrupted");
  auto arguments = std::make_shared<LoadArguments>();
  auto& options = arguments->options;
  options.parse_threads = std::max(1u, std::thread::hardware_concurrency());
  add_option(*command, "data", arguments->data, "The data folder; created when missing");
  command->add_option("PATH", options.paths, "Files, folders, - for standard input");
  add_switch(*command, "strict", options.strict,
             "Stop at the first problem and load nothing of its file");
  add_switch(*command, "lenient", arguments->lenient,
             "Load resources that fail light validation, and warn about them");
  add_option(*command, "problems-max", options.problems_max,
             "Stop reading an input after so many problems; 0: no limit");
  add_option(*command, "parse-threads", options.parse_threads, "Threads that parse resources")
      ->check(CLI::Range(1, 256));
  add_option(*command, "base-url", options.base_url,
             "FHIR base URL of the source: absolute references below it become local");
  return {command, [arguments] { return run_load(*arguments); }};
}

}  // namespace sluice::cli
