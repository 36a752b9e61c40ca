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

constexpr const char* kFound = "repeated";  // the record of what there was more than once

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
  const auto* types = record.if_contains("types");
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
  if (last_of(state, kSingleRecord) == nullptr) {
    NewestLinesEvents events;
    events.check = [&waiter] { return waiter.check(); };
    // What is found while some files were changed already, by a run that was killed, is not all.
    if (last_of(state, kFound) == nullptr)
      events.on_found = [&state](const RepeatedByType& repeated) {
        json::object types;
        for (const auto& [type, counts] : repeated)
          types[type] = json::object{{"resources", counts.resources}, {"lines", counts.lines}};
        return state.note_sync({{"what", kFound}, {"types", std::move(types)}});
      };
    SLUICE_RETURN_IF_ERROR(
        keep_newest_lines(outputs_of(state, first), state.folder() / ".sluice", events));
    SLUICE_RETURN_IF_ERROR(state.note_sync({{"what", kSingleRecord}}));
  }
  if (const auto* found = last_of(state, kFound)) take_record(*found, report);
  return {};
}

}  // namespace sluice::client
