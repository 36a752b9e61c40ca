#include "cli/pulled_folder.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "client/sync/pull_target.h"
#include "fhir/resource_type.h"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLog = "log.ndjson";

bool is_pulled(const fs::path& folder) {
  std::error_code unknown;
  return fs::exists(folder / ".sluice" / "journal", unknown);
}

bool has_ending(const fs::path& path, const std::string& ending) {
  const std::string name = path.filename().string();
  return name.ends_with(ending) || name.ends_with(ending + ".gz");
}

// The files of a folder itself, sorted; none when it is not there.
Result<std::vector<fs::path>> files_in(const fs::path& folder, const std::string& ending) {
  std::vector<fs::path> files;
  std::error_code failed;
  if (!fs::exists(folder, failed)) return files;
  fs::directory_iterator entries(folder, failed);
  for (; !failed && entries != fs::directory_iterator(); entries.increment(failed)) {
    std::error_code gone;  // a link to nothing is no file
    if (has_ending(entries->path(), ending) && entries->path().filename() != kLog &&
        entries->is_regular_file(gone))
      files.push_back(entries->path());
  }
  if (failed) return errno_error("cannot read folder", folder, failed.value());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<std::vector<fs::path>> take_pulled_folders(
    std::vector<std::string>& paths, const std::function<void(const std::string&)>& notice) {
  std::vector<fs::path> folders;
  std::vector<std::string> taken;
  for (const auto& path : paths) {
    std::error_code unknown;
    if (path != "-" && !fs::exists(path, unknown))
      return not_found(fmt::format("there is no file or folder '{}'", path));
    if (fs::is_directory(path, unknown) && is_pulled(path)) {
      notice(
          fmt::format("{}: a folder of `sluice pull`: its resources and deletions are taken; "
                      "{}, error/, attachments/ and .sluice/ are passed over",
                      path, kLog));
      SLUICE_ASSIGN_OR_RETURN(const auto files, files_in(path, ".ndjson"));
      SLUICE_ASSIGN_OR_RETURN(const auto tables, files_in(path, ".parquet"));
      if (!tables.empty())
        return Error{ErrorKind::kUnsupported,
                     fmt::format("'{}' is Parquet, which is not read", tables.front().string())};
      for (const auto& file : files) taken.push_back(file.string());
      folders.emplace_back(path);
    } else if (fs::path(path).filename() == kLog && is_pulled(fs::path(path).parent_path())) {
      notice(fmt::format("{}: passed over: it is the log of `sluice pull`", path));
    } else {
      taken.push_back(path);
    }
  }
  paths = std::move(taken);
  return folders;
}

void tell_passed_over(const std::string& path) {
  fmt::print(stderr,
             "{}: passed over: its name ends in none of .ndjson, .jsonl, .json, or these with .gz, "
             "or it is no file\n",
             path);
}

Result<std::vector<std::pair<std::string, std::string>>> read_pulled_deletions(
    const fs::path& folder) {
  SLUICE_ASSIGN_OR_RETURN(const auto resources, files_in(folder, ".ndjson"));
  SLUICE_ASSIGN_OR_RETURN(const auto deletions, files_in(folder / "deleted", ".jsonl"));
  return client::read_lasting_deletions({}, [&](const auto& take) -> Result<void> {
    for (const auto& path : deletions)
      SLUICE_RETURN_IF_ERROR(take(client::CopyFile{"Bundle", fs::absolute(path), true}));
    for (const auto& path : resources) {
      const std::string name = path.filename().string();
      const std::string type = name.substr(0, name.find('.'));
      SLUICE_RETURN_IF_ERROR(take(client::CopyFile{
          fhir::find_resource_type(type) ? type : std::string(), fs::absolute(path)}));
    }
    return {};
  });
}

}  // namespace sluice::cli
