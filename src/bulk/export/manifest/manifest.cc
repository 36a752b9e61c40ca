#include "bulk/export/manifest/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstring>

#include "base/instant.h"
#include "base/json_text.h"

namespace sluice::bulk {
namespace {

namespace json = boost::json;

constexpr std::size_t kPage = 200;

/// The extension by which an item names the view that its file has the rows of.
constexpr std::string_view kViewExtension = "urn:sluice:view-definition";

std::string view_reference(const std::string& table, const ViewSources& views) {
  const auto source = views.find(table);
  const bool is_stored = source != views.end() && !source->second.empty();
  return fmt::format(
      R"({{{}"display":{}}})",
      is_stored ? fmt::format(R"("reference":{},)", json_string(source->second)) : "",
      json_string(table));
}

}  // namespace

ViewSources view_sources(const ExportRequest& request) {
  ViewSources sources;
  if (request.tables)
    for (const auto& table : request.tables->tables) sources.emplace(table.name, table.source);
  return sources;
}

std::string manifest_item(const OutputFile& file, const std::string& url,
                          const std::string& continuation_url, const ViewSources& views) {
  std::string item = "{";
  // A file of blocks has no one type (M-03).
  if (!file.type.empty()) item += fmt::format(R"("type":{},)", json_string(file.type));
  item +=
      fmt::format(R"("url":{},"count":{},"fileSize":{})", json_string(url), file.count, file.size);
  if (!continuation_url.empty())
    item += fmt::format(R"(,"continuesInFile":{})", json_string(continuation_url));
  if (!file.table.empty())
    item += fmt::format(R"(,"extension":[{{"url":"{}","valueReference":{}}}])", kViewExtension,
                        view_reference(file.table, views));
  // Lines about what was skipped or left out, each a warning (M-06).
  if (file.kind == FileKind::kOutcome)
    item += fmt::format(R"(,"countSeverity":[{{"code":"warning","count":{}}}])", file.count);
  return item + "}";
}

std::string manifest_start(const job::Job& job, const ExportRequest& request,
                           bool requires_access_token) {
  return fmt::format(
      R"({{"manifestType":"http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest","transactionTime":"{}","request":{},"requiresAccessToken":{},"outputFormat":"{}",{})",
      to_fhir_instant(job.snapshot.instant), json_string(request.url), requires_access_token,
      media_type(request.output_format),
      request.organize_by
          ? fmt::format(R"("outputOrganizedBy":"{}",)", fhir::type_name(*request.organize_by))
          : "");
}

ManifestStream::ManifestStream(const job::Engine& engine, const job::Job& job,
                               const ExportRequest& request, std::string files_url,
                               bool requires_access_token, UrlSuffix suffix)
    : engine_(engine),
      job_id_(job.id),
      files_url_(std::move(files_url)),
      suffix_(std::move(suffix)),
      views_(view_sources(request)) {
  pending_ = manifest_start(job, request, requires_access_token) + R"("output":[)";
}

Result<std::size_t> ManifestStream::read(std::span<char> buffer) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    if (offset_ == pending_.size()) {
      if (done_) break;
      pending_.clear();
      offset_ = 0;
      SLUICE_RETURN_IF_ERROR(produce_page());
      continue;
    }
    const std::size_t n = std::min(buffer.size() - done, pending_.size() - offset_);
    std::memcpy(buffer.data() + done, pending_.data() + offset_, n);
    offset_ += n;
    done += n;
  }
  return done;
}

Result<std::string> ManifestStream::url_of(const std::string& name) const {
  std::string url = files_url_ + name;
  if (!suffix_) return url;
  SLUICE_ASSIGN_OR_RETURN(const auto suffix, suffix_(name));
  return url + suffix;
}

Result<void> ManifestStream::produce_page() {
  // Without this a job that is deleted in between would end in a short but valid manifest.
  SLUICE_RETURN_IF_ERROR(engine_.view(job_id_));
  SLUICE_ASSIGN_OR_RETURN(const auto page, engine_.shards(job_id_, next_, kPage));
  if (page.empty() || (array_ > 0 && !has_others_)) {
    // The next array takes another walk over the shards: that costs little, and memory nothing.
    next_ = {};
    first_ = true;
    done_ = ++array_ == std::size(kManifestArrays);
    pending_ +=
        done_ ? R"(],"link":[]})" : fmt::format(R"(],"{}":[)", kManifestArrays[array_].name);
    return {};
  }
  for (const auto& shard : page) {
    SLUICE_ASSIGN_OR_RETURN(const auto result, parse_shard_result(shard.result));
    for (const auto& file : result.files) SLUICE_RETURN_IF_ERROR(produce_item(file));
  }
  next_ = {page.back().phase, page.back().number + 1};
  return {};
}

Result<void> ManifestStream::produce_item(const OutputFile& file) {
  has_others_ |= file.kind != FileKind::kOutput;
  if (file.kind != kManifestArrays[array_].kind) return {};
  if (!first_) pending_ += ',';
  first_ = false;
  SLUICE_ASSIGN_OR_RETURN(const auto url, url_of(file.name));
  std::string continuation_url;
  if (!file.continues_in.empty()) {
    SLUICE_ASSIGN_OR_RETURN(continuation_url, url_of(file.continues_in));
  }
  pending_ += manifest_item(file, url, continuation_url, views_);
  return {};
}

}  // namespace sluice::bulk
