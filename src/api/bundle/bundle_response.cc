#include "api/bundle/bundle_response.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <utility>

#include "api/core/fhir_response.h"
#include "base/json_text.h"
#include "http/message.h"

namespace sluice::api {
namespace {

// Of an entry beside its resource and its outcome, at most.
constexpr std::size_t kEntrySize = 1024;

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  fmt::format_to(std::back_inserter(out), R"(,"{}":{})", name, json_string(value));
}

}  // namespace

BundleResponseEntry error_entry(const Error& error) {
  auto response = error_response(error);
  BundleResponseEntry entry;
  entry.status = response.status;
  entry.outcome = std::move(std::get<std::string>(response.body));
  return entry;
}

Error too_large_answer(std::size_t size_max) {
  return {ErrorKind::kTooLarge,
          fmt::format("the answer to the Bundle would hold more than {} bytes: ask for less at a "
                      "time, or read large resources by themselves",
                      size_max)};
}

BundleResponse::BundleResponse(std::string_view type, std::size_t size_max,
                               http::MemoryBudget::Share share)
    : size_max_(size_max),
      share_(std::move(share)),
      json_(fmt::format(R"({{"resourceType":"Bundle","type":"{}")", type)) {}

Result<void> BundleResponse::hold(std::size_t bytes) {
  if (bytes > size_max_) return too_large_answer(size_max_);
  return share_.hold(bytes);
}

bool BundleResponse::has_room(std::size_t bytes) {
  const std::size_t size = json_.size() + bytes;
  if (size > size_max_) {
    full_ = too_large_answer(size_max_);
    return false;
  }
  if (size <= json_.capacity()) return true;
  const std::size_t wanted = std::max(size, std::min(2 * json_.capacity(), size_max_));
  const auto held = share_.hold(wanted);
  if (!held) {
    full_ = held.error();
    return false;
  }
  // A string that grows by itself takes twice what it had.
  std::string larger;
  larger.reserve(wanted);
  larger.append(json_);
  json_ = std::move(larger);
  return true;
}

bool BundleResponse::add(BundleResponseEntry entry, bool is_write) {
  const std::size_t size = kEntrySize + entry.resource.size() + entry.outcome.size();
  if (!full_ && has_room(size)) {
    append(entry);
    return true;
  }
  if (is_write && entry.status < 300) {
    entry.full_url.clear();
    entry.resource.clear();
    entry.outcome.clear();
    append(entry);
    return false;
  }
  add_undone();
  return false;
}

// The minimal entries are about as large as those of the request.
void BundleResponse::add_undone() {
  auto entry = error_entry(*full_);
  if (is_told_) entry.outcome.clear();
  is_told_ = true;
  append(entry);
}

void BundleResponse::append(const BundleResponseEntry& entry) {
  json_.append(has_entries_ ? "," : R"(,"entry":[)");
  has_entries_ = true;
  json_.push_back('{');
  if (!entry.full_url.empty())
    json_.append(R"("fullUrl":)").append(json_string(entry.full_url)).push_back(',');
  if (!entry.resource.empty()) json_.append(R"("resource":)").append(entry.resource).push_back(',');
  fmt::format_to(std::back_inserter(json_), R"("response":{{"status":"{} {}")", entry.status,
                 http::reason_phrase(entry.status));
  append_member(json_, "location", entry.location);
  append_member(json_, "etag", entry.etag);
  if (entry.last_modified)
    append_member(json_, "lastModified", to_fhir_instant(*entry.last_modified));
  if (!entry.outcome.empty()) json_.append(R"(,"outcome":)").append(entry.outcome);
  json_.append("}}");
}

http::Response BundleResponse::finish() {
  json_.append(has_entries_ ? "]}" : "}");
  share_.insist_on(json_.capacity());
  auto response = fhir_response(200, std::move(json_));
  response.share = std::make_shared<http::MemoryBudget::Share>(std::move(share_));
  return response;
}

}  // namespace sluice::api
