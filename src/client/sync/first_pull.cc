#include "client/sync/first_pull.h"

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <string>

#include "client/pull/record_fields.h"
#include "client/sync/newest_lines.h"
#include "client/sync/sync_records.h"

namespace sluice::client {
namespace {

namespace json = boost::json;

bool has_lines_of_resources(const Round& round) {
  const std::string& format = round.request.output_format;
  return (format.empty() || format.find("ndjson") != std::string::npos) &&
         round.organized_by.empty() && round.request.organize_output_by.empty();
}

EachPath outputs_of(const PullState& state, const Round& round) {
  return [&state, files = files_of(round)](
             const std::function<Result<void>(const std::filesystem::path&)>& take) {
    return files([&](const CopyFile& file) {
      const bool has_lines = !file.is_deletions && !is_parquet_name(file.path.string());
      return has_lines ? take(state.folder() / file.path) : Result<void>();
    });
  };
}

void take_record(const json::object& record, PullReport& report) {
  const auto* types = record.if_contains("repeated");
  if (types == nullptr || !types->is_object()) return;
  for (const auto& [type, counts] : types->get_object()) {
    if (!counts.is_object()) continue;
    report.repeated[std::string(type)] = number_field(counts.get_object(), "resources").value_or(0);
    const auto lines = number_field(counts.get_object(), "lines").value_or(0);
    if (const auto of = report.types.find(std::string(type)); of != report.types.end())
      of->second.lines -= std::min(of->second.lines, lines);
  }
}

}  // namespace

Result<void> keep_one_of_each(PullState& state, const Waiter& waiter, PullReport& report) {
  const Round& first = state.rounds().front();
  if (!has_lines_of_resources(first)) return {};
  if (const auto* done = last_of(state, kSingleRecord)) {
    take_record(*done, report);
    return {};
  }
  SLUICE_ASSIGN_OR_RETURN(const auto repeated,
                          keep_newest_lines(outputs_of(state, first), state.folder() / ".sluice",
                                            [&waiter] { return waiter.check(); }));
  json::object types;
  for (const auto& [type, counts] : repeated)
    types[type] = json::object{{"resources", counts.resources}, {"lines", counts.lines}};
  const json::object record{{"what", kSingleRecord}, {"repeated", std::move(types)}};
  SLUICE_RETURN_IF_ERROR(state.note_sync(record));
  take_record(record, report);
  return {};
}

}  // namespace sluice::client
