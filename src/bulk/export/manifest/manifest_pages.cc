#include "bulk/export/manifest/manifest_pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>

#include "base/json_text.h"
#include "base/utf8.h"
#include "job/job.h"

namespace sluice::bulk {
namespace {

namespace json = boost::json;

constexpr std::size_t kFirstPage = 8;
constexpr std::size_t kPageMax = 1000;
constexpr std::size_t kShards = 200;  // read from the store at once

std::optional<unsigned> number_of(std::string_view text) {
  unsigned value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string to_text(const ManifestCursor& position) {
  return fmt::format("{}-{}-{}-{}", position.page, position.phase, position.shard, position.file);
}

Result<ManifestCursor> parse_manifest_cursor(std::string_view text) {
  std::array<unsigned, 4> numbers{};
  std::string_view rest = text;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::size_t end = i + 1 < numbers.size() ? rest.find('-') : rest.size();
    const auto number = number_of(rest.substr(0, end));
    if (!number || end == std::string_view::npos)
      return not_found(fmt::format("there is no page '{}'", shortened(text, 64)));
    numbers[i] = *number;
    rest.remove_prefix(std::min(rest.size(), end + 1));
  }
  const ManifestCursor position{numbers[0], numbers[1], numbers[2], numbers[3]};
  // One text for each page.
  if (to_text(position) != text)
    return not_found(fmt::format("there is no page '{}'", shortened(text, 64)));
  return position;
}

std::size_t files_of_page(unsigned page) {
  return std::min(kPageMax, kFirstPage << std::min(page, 7u));
}

ManifestPages::ManifestPages(const job::Engine& engine, const job::Job& job,
                             const ExportRequest& request, std::string files_url,
                             std::string pages_url, bool requires_access_token,
                             ManifestStream::UrlSuffix suffix)
    : engine_(engine),
      job_(job),
      request_(request),
      files_url_(std::move(files_url)),
      pages_url_(std::move(pages_url)),
      requires_access_token_(requires_access_token),
      suffix_(std::move(suffix)) {}

// Reads on to the end of the next page, for whether there is a link depends on it.
Result<ManifestPages::Files> ManifestPages::collect(const ManifestCursor& position) const {
  const bool done = job_.state == job::JobState::kDone;
  const std::size_t wanted = files_of_page(position.page);
  const std::size_t wanted_next = files_of_page(position.page + 1);
  Files files;
  std::size_t of_next = 0;
  const job::ShardPosition first{position.phase, position.shard};
  job::ShardPosition from = first;
  bool at_end = false;
  while (!at_end && of_next < wanted_next) {
    SLUICE_ASSIGN_OR_RETURN(const auto page, engine_.shards(job_.id, from, kShards));
    if (page.empty()) break;
    from = {page.back().phase, page.back().number + 1};
    for (const auto& shard : page) {
      at_end = !shard.done;
      if (at_end) break;
      SLUICE_ASSIGN_OR_RETURN(auto result, parse_shard_result(shard.result));
      for (unsigned i = shard.position() == first ? position.file : 0; i < result.files.size();
           ++i) {
        if (files.of_page.size() < wanted) {
          files.of_page.push_back(std::move(result.files[i]));
          continue;
        }
        if (of_next++ == 0) files.next = {position.page + 1, shard.phase, shard.number, i};
      }
    }
  }
  files.is_shown = done || files.of_page.size() == wanted;
  if (!done && of_next < wanted_next) files.next.reset();
  return files;
}

Result<std::string> ManifestPages::url_of(const std::string& name) const {
  std::string url = files_url_ + name;
  if (!suffix_) return url;
  SLUICE_ASSIGN_OR_RETURN(const auto suffix, suffix_(name));
  return url + suffix;
}

Result<std::optional<std::string>> ManifestPages::read(const ManifestCursor& position) const {
  SLUICE_ASSIGN_OR_RETURN(const Files files, collect(position));
  // A job that was removed in between must not end in a short but valid manifest.
  SLUICE_RETURN_IF_ERROR(engine_.view(job_.id));
  if (!files.is_shown) return std::optional<std::string>();
  if (files.of_page.empty() && position != ManifestCursor{})
    return not_found(fmt::format("there is no page '{}'", to_text(position)));
  const ViewSources views = view_sources(request_);
  std::string text = manifest_start(job_, request_, requires_access_token_);
  for (const auto& array : kManifestArrays) {
    text += fmt::format(R"("{}":[)", array.name);
    bool first = true;
    for (const auto& file : files.of_page) {
      if (file.kind != array.kind) continue;
      SLUICE_ASSIGN_OR_RETURN(const auto url, url_of(file.name));
      std::string continuation_url;
      if (!file.continues_in.empty()) {
        SLUICE_ASSIGN_OR_RETURN(continuation_url, url_of(file.continues_in));
      }
      if (!first) text += ',';
      first = false;
      text += manifest_item(file, url, continuation_url, views);
    }
    text += "],";
  }
  text += R"("link":[)";
  if (files.next)
    text += fmt::format(R"({{"relation":"next","url":{}}})",
                        json_string(pages_url_ + to_text(*files.next)));
  return std::optional(text + "]}");
}

Result<bool> is_finished_file(const job::Engine& engine, std::string_view job_id,
                              std::string_view name) {
  // "<Type>-<phase>-<shard>-<number>.ndjson"
  std::array<std::string_view, 4> parts;
  std::string_view rest = name;
  for (auto& part : parts) {
    const std::size_t end = rest.find('-');
    part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  const auto phase = number_of(parts[1]);
  const auto number = number_of(parts[2]);
  if (!phase || !number) return false;
  const job::ShardPosition position{*phase, *number};
  SLUICE_ASSIGN_OR_RETURN(const auto shards, engine.shards(job_id, position, 1));
  if (shards.empty() || shards.front().position() != position || !shards.front().done) return false;
  SLUICE_ASSIGN_OR_RETURN(const auto result, parse_shard_result(shards.front().result));
  return std::any_of(result.files.begin(), result.files.end(),
                     [&](const auto& file) { return file.name == name; });
}

}  // namespace sluice::bulk
