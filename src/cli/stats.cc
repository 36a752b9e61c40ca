// `sluice stats`: what a store holds.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/json_text.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/store_report.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

void print_row(std::string_view name, const json::object& row) {
  fmt::print("{:<28}{:>14}{:>12}\n", name,
             human_count(row.at("resources").to_number<std::uint64_t>()),
             human_size(row.at("bytes").to_number<double>()));
}

Result<int> print_stats(const std::string& data, bool as_json) {
  if (data.empty()) return invalid("stats: --data DIR is missing");
  SLUICE_ASSIGN_OR_RETURN(const auto report, ask_for_report(data));
  if (as_json) {
    fmt::print("{}\n", json_text(report));
    return 0;
  }
  for (const auto& value : report.at("types").as_array()) {
    const auto& row = value.as_object();
    print_row(std::string_view(row.at("type").as_string()), row);
  }
  print_row("total", report);
  const std::string_view instant = report.at("instant").as_string();
  fmt::print("{} on disk, {} transactions{}{}\n",
             human_size(report.at("size_on_disk").to_number<double>()),
             human_count(report.at("sequence").to_number<std::uint64_t>()),
             instant.empty() ? "" : ", the last at ", instant);
  return 0;
}

}  // namespace

Command add_stats(CLI::App& app) {
  auto* command = app.add_subcommand("stats", "Show counts and bytes by resource type");
  command->footer(std::string("Example:\n  sluice stats --data ./data --json") + kExitCodes);
  auto data = std::make_shared<std::string>();
  auto as_json = std::make_shared<bool>(false);
  add_option(*command, "data", *data, "The data folder");
  add_switch(*command, "json", *as_json, "Print a JSON object instead of a table");
  return {command, [data, as_json] { return print_stats(*data, *as_json); }};
}

}  // namespace sluice::cli
