#include "api/bundle_response.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <utility>

#include "api/fhir_response.h"
#include "base/json_text.h"
#include "http/message.h"

namespace sluice::api {
namespace {

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

BundleResponse::BundleResponse(std::string_view type)
    : json_(fmt::format(R"({{"resourceType":"Bundle","type":"{}")", type)) {}

void BundleResponse::add(const BundleResponseEntry& entry) {
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

std::string BundleResponse::finish() {
  json_.append(has_entries_ ? "]}" : "}");
  return std::move(json_);
}

}  // namespace sluice::api
