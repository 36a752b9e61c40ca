#include "client/pull/export_log.h"

#include <fcntl.h>

#include <boost/json.hpp>

#include "base/bytes.h"
#include "base/json_text.h"
#include "base/shown_url.h"
#include "client/files/content_digest.h"
#include "client/http/shown_text.h"

namespace sluice::client {
namespace {

namespace json = boost::json;

constexpr std::size_t kIdSize = 20;

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

std::string_view item_type(const ManifestItem& item) {
  return item.kind == FileKind::kOutcome ? std::string_view("error") : to_string(item.kind);
}

struct FileCounts {
  std::uint64_t output = 0, deleted = 0, error = 0;
};
FileCounts count_files(const Round& round) {
  FileCounts counts;
  for (std::size_t i = 0; i < round.files->size(); ++i) {
    const FileKind kind = round.files->kind(i);
    if (kind == FileKind::kOutput) ++counts.output;
    if (kind == FileKind::kDeleted) ++counts.deleted;
    if (kind == FileKind::kOutcome) ++counts.error;
  }
  return counts;
}

}  // namespace

void ExportLog::begin(const std::string& status_url) {
  const std::lock_guard lock(mutex_);
  export_id_ = digest_of_text(status_url).substr(0, kIdSize);
}

void ExportLog::write(std::string_view event, json::object detail) {
  const std::lock_guard lock(mutex_);
  if (!file_)
    file_ = FileDescriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file_) return;
  if (export_id_.empty()) export_id_ = random_hex(kIdSize / 2);
  const json::object line{{"exportId", export_id_},
                          {"timestamp", to_fhir_instant(clock_.now())},
                          {"eventId", event},
                          {"eventDetail", std::move(detail)}};
  (void)write_all(file_.get(), shown_text(json_text(line)) + "\n", path_);
}

void ExportLog::kick_off(const std::string& url, const PullRequest& request,
                         const Discovered& server, const std::string& refusal) {
  began_ = clock_.now();
  json::object parameters = to_json(request);
  parameters.erase("base");
  write("kickoff", {{"exportUrl", shown_url(url)},
                    {"errorCode", refusal.empty() ? json::value(nullptr) : json::value(400)},
                    {"errorBody", text_or_null(refusal)},
                    {"softwareName", text_or_null(server.software_name)},
                    {"softwareVersion", text_or_null(server.software_version)},
                    {"softwareReleaseDate", text_or_null(server.software_release_date)},
                    {"fhirVersion", text_or_null(server.fhir_version)},
                    {"requestParameters", std::move(parameters)},
                    {"responseHeaders", nullptr},
                    {"logVersion", "2"}});
}

void ExportLog::status_error(const std::string& message) {
  write("status_error", {{"body", nullptr}, {"code", nullptr}, {"message", message}});
}

void ExportLog::manifest(const Round& round, std::uint64_t pages) {
  const FileCounts counts = count_files(round);
  write("status_page_complete", {{"transactionTime", round.transaction_time},
                                 {"outputFileCount", counts.output},
                                 {"deletedFileCount", counts.deleted},
                                 {"errorFileCount", counts.error}});
  write("manifest_complete", {{"transactionTime", round.transaction_time},
                              {"totalOutputFileCount", counts.output},
                              {"totalDeletedFileCount", counts.deleted},
                              {"totalErrorFileCount", counts.error},
                              {"totalManifests", pages}});
  write("status_complete", {{"transactionTime", round.transaction_time}});
}

void ExportLog::download_request(const ManifestItem& item) {
  write("download_request", {{"fileUrl", shown_url(item.url)},
                             {"itemType", item_type(item)},
                             {"resourceType", text_or_null(item.type)}});
}

void ExportLog::download_complete(const ManifestItem& item, const FileSummary& summary) {
  write("download_complete", {{"fileUrl", shown_url(item.url)},
                              {"fileSize", summary.size},
                              {"resourceCount", summary.lines}});
}

void ExportLog::download_error(const ManifestItem& item, const std::string& message) {
  write("download_error", {{"fileUrl", shown_url(item.url)},
                           {"body", nullptr},
                           {"code", nullptr},
                           {"message", message}});
}

void ExportLog::export_complete(const Round& round) {
  std::uint64_t files = 0, resources = 0, bytes = 0;
  // A file that cannot be read of again is left out of the log, no more.
  (void)round.files->each([&](std::size_t, const FileState& file) -> Result<void> {
    if (!file.is_done) return {};
    ++files;
    resources += file.summary.lines;
    bytes += file.summary.size;
    return {};
  });
  // A run that went on does not know when the first one began.
  const auto duration = began_.milliseconds == 0
                            ? json::value(nullptr)
                            : json::value(clock_.now().milliseconds - began_.milliseconds);
  write("export_complete", {{"files", files},
                            {"resources", resources},
                            {"bytes", bytes},
                            {"attachments", round.attachments.fetched.size()},
                            {"duration", duration}});
}

}  // namespace sluice::client
