#include "cli/store_report.h"

#include <boost/json.hpp>

#include "base/instant.h"
#include "cli/control_server.h"
#include "cli/data_folder.h"
#include "fhir/resource_type.h"

namespace sluice::cli {

namespace json = boost::json;

Result<json::object> ask_for_report(const std::filesystem::path& data) {
  if (auto answer = ask_control_server(data, {{"do", "stats"}})) return std::move(*answer);
  const SystemClock clock;
  SLUICE_ASSIGN_OR_RETURN(const auto store, open_store(data, clock, StoreUse::kExisting));
  return report_store(*store);
}

Result<json::object> report_store(const store::Store& store) {
  SLUICE_ASSIGN_OR_RETURN(const auto statistics, store.statistics());
  SLUICE_ASSIGN_OR_RETURN(const auto size_on_disk, store.size_on_disk());
  const store::Commit last = store.last_commit();
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
  }
  return json::object{
      {"types", std::move(types)},
      {"resources", resources},
      {"bytes", bytes},
      {"sequence", last.sequence.value},
      {"instant", last.sequence.value == 0 ? std::string() : to_fhir_instant(last.instant)},
      {"size_on_disk", size_on_disk}};
}

}  // namespace sluice::cli
