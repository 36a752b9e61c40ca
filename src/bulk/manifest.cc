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

std::string output_item(const OutputFile& file, const std::string& url) {
  return fmt::format(R"({{"type":{},"url":{},"count":{},"fileSize":{}}})", quoted(file.type),
                     quoted(url), file.count, file.size);
}

std::string outcome_item(const OutputFile& file, const std::string& url) {
  // Only what lenient handling skipped is reported here, each a warning.
  return fmt::format(
      R"({{"type":"OperationOutcome","url":{},"count":{},"countSeverity":[{{"severity":"warning","count":{}}}]}})",
      quoted(url), file.count, file.count);
}

}  // namespace

ManifestStream::ManifestStream(const job::Engine& engine, const job::Job& job,
                               const ExportRequest& request, std::string files_url,
                               bool requires_access_token, UrlSuffix suffix)
    : engine_(engine),
      job_id_(job.id),
      files_url_(std::move(files_url)),
      suffix_(std::move(suffix)) {
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
  return produce_end();
}

Result<std::string> ManifestStream::url_of(const OutputFile& file) const {
  std::string url = files_url_ + file.name;
  if (!suffix_) return url;
  SLUICE_TRY(const auto suffix, suffix_(file.name));
  return url + suffix;
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
      SLUICE_TRY(const auto url, url_of(file));
      pending_ += output_item(file, url);
    }
  }
  after_ = page.back().first;
  return {};
}

Result<void> ManifestStream::produce_end() {
  std::string outcomes;
  for (const auto& file : outcomes_) {
    SLUICE_TRY(const auto url, url_of(file));
    if (!outcomes.empty()) outcomes += ',';
    outcomes += outcome_item(file, url);
  }
  // STU1 to STU3 read `error`, STU4 reads `outcome`: the same list twice (M-02).
  pending_ =
      fmt::format(R"(],"deleted":[],"error":[{}],"outcome":[{}],"link":[]}})", outcomes, outcomes);
  part_ = Part::kDone;
  return {};
}

}  // namespace sluice::bulk
