// `sluice stats`: what a store holds.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/instant.h"
#include "cli/command.h"
#include "cli/options.h"
#include "fhir/resource_type.h"
#include "store/rocksdb/rocksdb_store.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

Result<int> print_stats(const std::string& data, bool as_json) {
  if (data.empty()) return invalid("stats: --data DIR is missing");
  const SystemClock clock;
  store::RocksdbStoreOptions options;
  options.create_if_missing = false;
  SLUICE_TRY(const auto store, store::open_rocksdb_store(data, clock, options));
  SLUICE_TRY(const auto statistics, store->statistics());
  SLUICE_TRY(const auto size_on_disk, store->size_on_disk());
  const store::Commit last = store->last_commit();
  std::uint64_t resources = 0;
  std::uint64_t bytes = 0;
  json::array types;
  for (const auto& type : statistics) {
    if (type.resources == 0) continue;
    resources += type.resources;
    bytes += type.bytes;
    types.push_back({{"type", json::string(fhir::type_name(type.type))},
                     {"resources", type.resources},
                     {"bytes", type.bytes}});
    if (!as_json)
      fmt::print("{:<28}{:>14}{:>12}\n", fhir::type_name(type.type), human_count(type.resources),
                 human_size(static_cast<double>(type.bytes)));
  }
  const std::string instant =
      last.sequence.value == 0 ? std::string() : to_fhir_instant(last.instant);
  if (as_json) {
    const json::object all{{"types", std::move(types)},
                           {"resources", resources},
                           {"bytes", bytes},
                           {"sequence", last.sequence.value},
                           {"instant", instant},
                           {"size_on_disk", size_on_disk}};
    fmt::print("{}\n", json::serialize(all));
    return 0;
  }
  fmt::print("{:<28}{:>14}{:>12}\n", "total", human_count(resources),
             human_size(static_cast<double>(bytes)));
  fmt::print("{} on disk, {} transactions{}\n", human_size(static_cast<double>(size_on_disk)),
             human_count(last.sequence.value), instant.empty() ? "" : ", the last at " + instant);
  return 0;
}

}  // namespace

Command add_stats(CLI::App& app) {
  auto* command = app.add_subcommand("stats", "Show counts and bytes by resource type");
  command->footer("Example:\n  sluice stats --data ./data --json");
  auto data = std::make_shared<std::string>();
  auto as_json = std::make_shared<bool>(false);
  add_option(*command, "data", *data, "The data folder");
  add_switch(*command, "json", *as_json, "One JSON object instead of a table");
  return {command, [data, as_json] { return print_stats(*data, *as_json); }};
}

}  // namespace sluice::cli
