#include "cli/import_service.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace sluice::cli {
namespace {

constexpr int kParseNice = 10;  // as for a shard: requests go first

bulk::FetchedPart to_part(const client::PartialFile& file) {
  return {file.received, file.validator, file.total};
}

bulk::FetchInput fetch_with(const client::DownloadLimits& limits) {
  return [&limits](const std::string& url, int fd, bulk::FetchedPart& part,
                   const std::stop_token& stop,
                   const std::function<Result<void>(const bulk::FetchedPart&)>& on_progress) {
    client::PartialFile file{part.received, part.validator, part.total};
    auto done = client::download_input(
        url, fd, file, limits, stop,
        [&](const client::PartialFile& now) { return on_progress(to_part(now)); });
    part = to_part(file);
    return done;
  };
}

}  // namespace

ImportService::ImportService(const ImportArguments& arguments, const std::filesystem::path& data,
                             bulk::ImportFolders folders, store::Store& store,
                             output::FileStore& files)
    : download_(arguments.download),
      folders_(std::move(folders)),
      fetch_(fetch_with(download_)),
      // Others have the rest of the threads, unless there is one only.
      long_turns_(static_cast<std::ptrdiff_t>(std::max<std::size_t>(1, arguments.workers / 2))),
      parse_pool_({.threads = std::max(1u, std::thread::hardware_concurrency()),
                   .queue_max = 4096,
                   .name = "import-parse",
                   .nice = kParseNice}),
      jobs_(bulk::ImportParts{.store = store,
                              .files = files,
                              .folders = folders_,
                              .spool = data / "imports",
                              .fetch = fetch_,
                              .parse_pool = parse_pool_,
                              .problems_max = arguments.problems_max,
                              .large = &large_,
                              .long_turns = &long_turns_}) {}

Result<std::unique_ptr<ImportService>> ImportService::open(const ImportArguments& arguments,
                                                           const std::filesystem::path& data,
                                                           store::Store& store,
                                                           output::FileStore& files) {
  SLUICE_ASSIGN_OR_RETURN(auto folders, bulk::ImportFolders::open(arguments.folders));
  return std::unique_ptr<ImportService>(
      new ImportService(arguments, data, std::move(folders), store, files));
}

bulk::ImportRules ImportService::rules() const {
  bulk::ImportRules rules;
  rules.folders = &folders_;
  rules.allow_plain_http = download_.allow_private;
  return rules;
}

}  // namespace sluice::cli
