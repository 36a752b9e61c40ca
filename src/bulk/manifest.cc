#include "bulk/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstring>

#include "base/instant.h"

namespace sluice::bulk {
namespace {

namespace json = boost::json;

constexpr std::size_t kPage = 200;

std::string quoted(std::string_view text) {
  return json::serialize(json::string(text.data(), text.size()));
}

std::string output_item(const OutputFile& file, const std::string& files_url) {
  return fmt::format(R"({{"type":{},"url":{},"count":{},"fileSize":{}}})", quoted(file.type),
                     quoted(files_url + file.name), file.count, file.size);
}

std::string outcome_items(const std::vector<OutputFile>& files, const std::string& files_url) {
  std::string items = "[";
  for (const auto& file : files) {
    if (items.size() > 1) items += ',';
    // Only what lenient handling skipped is reported here, each a warning.
    items += fmt::format(
        R"({{"type":"OperationOutcome","url":{},"count":{},"countSeverity":[{{"severity":"warning","count":{}}}]}})",
        quoted(files_url + file.name), file.count, file.count);
  }
  return items + "]";
}

}  // namespace

ManifestStream::ManifestStream(const job::Engine& engine, const job::Job& job,
                               const ExportRequest& request, std::string files_url,
                               bool requires_access_token)
    : engine_(engine), job_id_(job.id), files_url_(std::move(files_url)) {
  pending_ = fmt::format(
      R"({{"manifestType":"http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest","transactionTime":"{}","request":{},"requiresAccessToken":{},"outputFormat":"application/fhir+ndjson","output":[)",
      to_fhir_instant(job.snapshot.instant), quoted(request.url), requires_access_token);
}

Result<std::size_t> ManifestStream::read(std::span<char> buffer) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    if (offset_ == pending_.size()) {
      if (part_ == Part::kDone) break;
      pending_.clear();
      offset_ = 0;
      SLUICE_CHECK(produce());
      continue;
    }
    const std::size_t n = std::min(buffer.size() - done, pending_.size() - offset_);
    std::memcpy(buffer.data() + done, pending_.data() + offset_, n);
    offset_ += n;
    done += n;
  }
  return done;
}

Result<void> ManifestStream::produce() {
  if (part_ == Part::kOutput) return produce_page();
  produce_end();
  return {};
}

Result<void> ManifestStream::produce_page() {
  // Without this a job that is deleted in between would end in a short but valid manifest.
  SLUICE_CHECK(engine_.view(job_id_));
  SLUICE_TRY(const auto page, engine_.shards(job_id_, after_, kPage));
  if (page.empty()) {
    part_ = Part::kEnd;
    return {};
  }
  for (const auto& [key, shard] : page) {
    SLUICE_TRY(const auto result, parse_shard_result(shard.result));
    for (const auto& file : result.files) {
      if (file.is_outcome) {
        outcomes_.push_back(file);
        continue;
      }
      if (!first_) pending_ += ',';
      first_ = false;
      pending_ += output_item(file, files_url_);
    }
  }
  after_ = page.back().first;
  return {};
}

void ManifestStream::produce_end() {
  // STU1 to STU3 read `error`, STU4 reads `outcome`: the same list twice (M-02).
  const std::string outcomes = outcome_items(outcomes_, files_url_);
  pending_ =
      fmt::format(R"(],"deleted":[],"error":{},"outcome":{},"link":[]}})", outcomes, outcomes);
  part_ = Part::kDone;
}

}  // namespace sluice::bulk
