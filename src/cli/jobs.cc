// `sluice jobs`: the operator's view of exports and imports, and of how each export reads.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <string_view>

#include "api/jobs/job_report.h"
#include "base/instant.h"
#include "base/json_text.h"
#include "cli/command.h"
#include "cli/control_server.h"
#include "cli/data_folder.h"
#include "cli/options.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

struct JobsArguments {
  std::string data;
  std::string id;
  bool as_json = false;
};

// By the server when one runs, from the store itself when not.
Result<json::object> ask(const JobsArguments& arguments) {
  const json::object request{{"do", "jobs"}, {"id", arguments.id}};
  if (auto answer = ask_control_server(arguments.data, request)) return std::move(*answer);
  const SystemClock clock;
  SLUICE_ASSIGN_OR_RETURN(const auto store, open_store(arguments.data, clock, StoreUse::kExisting));
  return api::report_jobs(*store, arguments.id);
}

std::string text_of(const json::object& object, const char* name) {
  const auto* member = object.if_contains(name);
  if (member == nullptr) return "";
  if (member->is_string()) return std::string(member->get_string());
  return json_text(*member);
}

std::string progress_of(const json::object& job) {
  const auto done = job.at("bytes_done").to_number<double>();
  const auto all = job.at("bytes_estimated").to_number<double>();
  return all > 0 ? fmt::format("{:.0f}%", 100 * done / all) : "";
}

void print(const json::object& job) {
  constexpr std::array kFirst = {"id", "kind", "client", "state", "failure", "unreadable"};
  constexpr std::array kLast = {"transactionTime", "finished",        "expires",
                                "phase",           "planned",         "shards",
                                "shards_done",     "bytes_estimated", "bytes_done"};
  const auto print_member = [&](const char* name) {
    if (job.contains(name)) fmt::print("{:<17}{}\n", name, text_of(job, name));
  };
  const auto is_among = [](const auto& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::for_each(kFirst.begin(), kFirst.end(), print_member);
  // What the kind tells of its request.
  for (const auto& member : job)
    if (const std::string name(member.key());
        name != "plan" && !is_among(kFirst, name) && !is_among(kLast, name))
      print_member(name.c_str());
  std::for_each(kLast.begin(), kLast.end(), print_member);
  for (const auto& value : job.at("plan").as_array()) {
    const auto& row = value.as_object();
    const std::string type = text_of(row, "type");
    const std::string estimates = text_of(row, "estimates");
    fmt::print("phase {}: {}{}{}, parts: {}{}{}\n", text_of(row, "phase"), text_of(row, "read"),
               type.empty() ? "" : " of ", type, text_of(row, "parts"),
               estimates.empty() ? "" : "; ", estimates);
  }
}

Result<int> run_jobs(const JobsArguments& arguments) {
  if (arguments.data.empty()) return invalid("jobs: --data DIR is missing");
  SLUICE_ASSIGN_OR_RETURN(const auto answer, ask(arguments));
  const auto& jobs = answer.at("jobs").as_array();
  if (arguments.as_json) {
    fmt::print("{}\n", json_text(answer));
  } else if (!arguments.id.empty()) {
    print(jobs.front().as_object());
  } else {
    fmt::print("{:<33}{:<8}{:<9}{:>5}  {:<25}{:<20}{}\n", "id", "kind", "state", "",
               "transactionTime", "level", "client");
    for (const auto& value : jobs) {
      const auto& job = value.as_object();
      fmt::print("{:<33}{:<8}{:<9}{:>5}  {:<25}{:<20}{}\n", text_of(job, "id"),
                 text_of(job, "kind"), text_of(job, "state"), progress_of(job),
                 text_of(job, "transactionTime"), text_of(job, "level"), text_of(job, "client"));
    }
  }
  return 0;
}

}  // namespace

Command add_jobs(CLI::App& app) {
  auto* command = app.add_subcommand("jobs", "List exports and imports, and show the plan of one");
  command->footer(
      std::string("Example:\n  sluice jobs --data ./data\n  sluice jobs --data ./data JOB") +
      kExitCodes);
  auto arguments = std::make_shared<JobsArguments>();
  add_option(*command, "data", arguments->data, "The data folder");
  command->add_option("job", arguments->id, "Show this job with its plan");
  add_switch(*command, "json", arguments->as_json, "Print a JSON object instead of a table");
  return {command, [arguments] { return run_jobs(*arguments); }};
}

}  // namespace sluice::cli
