#include "cli/store_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <thread>
#include <utility>

#include "base/bytes.h"
#include "cli/command.h"
#include "cli/data_folder.h"
#include "cli/store_report.h"
#include "client/sync/attachment_links.h"
#include "client/sync/newest_lines.h"
#include "fhir/resource_type.h"

namespace sluice::cli {
namespace {

constexpr std::uint64_t kProblemsShown = 20;
constexpr std::size_t kNameSize = 16;  // bytes of the random name of a source

// Another process may hold the store for a moment: a load, say. The next run tries again.
Error later(Error error) {
  if (error.kind == ErrorKind::kConflict) error.kind = ErrorKind::kUnavailable;
  return error;
}

}  // namespace

StoreTarget::StoreTarget(std::string data, const client::PullState& state, std::string name,
                         std::stop_token stop, std::function<void(const std::string&)> notice)
    : data_(std::move(data)),
      base_url_(state.rounds().front().request.base),
      scratch_(state.folder() / ".sluice"),
      sources_(data_, std::move(name),
               std::filesystem::absolute(state.folder()).lexically_normal().string()),
      stop_(std::move(stop)),
      notice_(std::move(notice)) {}

Result<std::unique_ptr<StoreTarget>> StoreTarget::create(
    std::string data, client::PullState& state, std::stop_token stop,
    std::function<void(const std::string&)> notice) {
  const bool is_new = state.source().empty();
  const std::string name = is_new ? random_hex(kNameSize) : state.source();
  std::unique_ptr<StoreTarget> target(
      new StoreTarget(std::move(data), state, name, std::move(stop), std::move(notice)));
  if (is_new) {
    // In this order: a run that is killed in between finds the list by its folder again.
    SLUICE_RETURN_IF_ERROR(target->sources_.take_over());
    SLUICE_RETURN_IF_ERROR(state.set_source(name));
  }
  return target;
}

Result<void> StoreTarget::begin() {
  return sources_.begin();
}

Result<bool> StoreTarget::is_known() {
  if (!sources_.exists()) return false;
  if (sources_.is_empty()) return true;
  SLUICE_ASSIGN_OR_RETURN(const auto counts, totals());
  return std::any_of(counts.begin(), counts.end(), [](const auto& of) { return of.second > 0; });
}

Result<void> StoreTarget::check() const {
  bulk::LoadOptions nothing;
  nothing.parse_threads = 1;
  const auto loaded = load_into(data_, nothing, stop_);
  return loaded ? Result<void>() : Result<void>(later(loaded.error()));
}

Result<client::Delivered> StoreTarget::put(const std::vector<std::filesystem::path>& files) {
  bulk::LoadOptions options;
  for (const auto& file : files) options.paths.push_back(file.string());
  options.parse_threads = std::max(1u, std::thread::hardware_concurrency());
  options.base_url = base_url_;
  // What the other server has, it has: a copy that left some out would be none.
  options.leniency = fhir::Leniency::kLenient;
  std::uint64_t problems = 0;
  options.on_problem = [&](const bulk::LoadProblem& problem) {
    if (problem.is_loaded) return;
    if (++problems <= kProblemsShown)
      notice_(fmt::format("{}:{}: {}", problem.path, problem.place, problem.reason));
  };
  options.on_progress = [](const bulk::LoadProgress&) {};
  SLUICE_RETURN_IF_ERROR(client::drop_older_versions(files, scratch_));
  // Before the store has them: another source's deletion must not take what is just coming.
  SLUICE_RETURN_IF_ERROR(sources_.note_held(files));
  SLUICE_ASSIGN_OR_RETURN(const auto binaries, sources_.held_ids("Binary"));
  SLUICE_RETURN_IF_ERROR(
      client::link_attachments(files, scratch_ / "linked", base_url_, [&](std::string_view id) {
        return std::binary_search(binaries.begin(), binaries.end(), id);
      }));
  notice_(fmt::format("loading {} files into {}", files.size(), data_));
  const auto summary = load_into(data_, options, stop_);
  if (!summary) return later(summary.error());
  if (problems > kProblemsShown)
    notice_(fmt::format("and {} more that were not loaded", problems - kProblemsShown));
  if (summary->warnings > 0)
    notice_(
        fmt::format("{} resources are not of the shape that FHIR R4 has for their type; they were "
                    "taken as they are",
                    summary->warnings));
  client::Delivered delivered;
  for (const auto& [type, counts] : summary->types) {
    delivered.counts[type].added = counts.created;
    delivered.counts[type].updated = counts.updated;
  }
  delivered.refused = summary->problems;
  return delivered;
}

// What another source has stays. One that is gone, or was moved before it had a name, has it too.
void StoreTarget::tell_of_others(std::size_t count) const {
  notice_(fmt::format("{} resources stay in {}: another source has them too", count, data_));
  for (const auto& [folder, list] : sources_.lists_without_folder())
    notice_(
        fmt::format("the folder of a source, {}, is not there any more: if it does not come back, "
                    "remove {} to forget the source",
                    folder, list.string()));
}

Result<client::Delivered> StoreTarget::remove(
    const std::vector<std::pair<std::string, std::string>>& resources) {
  SLUICE_ASSIGN_OR_RETURN(auto free, sources_.held_by_nobody_else(resources));
  if (free.size() < resources.size()) tell_of_others(resources.size() - free.size());
  // A type or an id that no store can have: nothing of it is there.
  std::erase_if(free, [](const auto& key) {
    return !fhir::find_resource_type(key.first) || !fhir::is_valid_id(key.second);
  });
  notice_(fmt::format("deleting {} resources in {}", free.size(), data_));
  const auto removed = remove_from(data_, free, stop_);
  if (!removed) return later(removed.error());
  SLUICE_RETURN_IF_ERROR(sources_.note_gone(resources));
  client::Delivered delivered;
  for (const auto& [type, count] : *removed) delivered.counts[type].deleted = count;
  return delivered;
}

Result<std::map<std::string, std::uint64_t>> StoreTarget::totals() {
  const auto report = ask_for_report(data_);
  if (!report) return later(report.error());
  std::map<std::string, std::uint64_t> totals;
  for (const auto& value : report->at("types").as_array()) {
    const auto& row = value.as_object();
    totals[std::string(row.at("type").as_string())] =
        row.at("resources").to_number<std::uint64_t>();
  }
  return totals;
}

Result<client::Gone> StoreTarget::find_gone(const std::vector<std::filesystem::path>& files) {
  return sources_.find_gone(files);
}

}  // namespace sluice::cli
