#include "api/rest/search_bundle.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <map>
#include <utility>

#include "api/core/long_searches.h"
#include "base/bytes.h"
#include "base/json_text.h"
#include "base/percent.h"
#include "fhir/operation_outcome.h"

namespace sluice::api {
namespace {

// For what has no address: every entry of a search wants a fullUrl.
std::string new_urn() {
  std::string hex = random_hex(16);
  hex[12] = '4';
  hex[16] = 'a';
  const std::string_view uuid = hex;
  return fmt::format("urn:uuid:{}-{}-{}-{}-{}", uuid.substr(0, 8), uuid.substr(8, 4),
                     uuid.substr(12, 4), uuid.substr(16, 4), uuid.substr(20));
}

std::string query_of(const http::NameValues& parameters) {
  std::string query;
  for (const auto& [name, value] : parameters)
    query += fmt::format("{}{}={}", query.empty() ? "" : "&", percent_encoded(name),
                         percent_encoded(value));
  return query;
}

/// The links of one answer.
class Links {
 public:
  Links(const SearchRequest& request, std::string_view base_url, const KeepSearch& keep)
      : type_url_(fmt::format("{}/{}", base_url, fhir::type_name(request.type))),
        query_(query_of(request.understood)) {
    if (type_url_.size() + query_.size() <= kLinkSizeMax) return;
    query_ = fmt::format("{}={}", kSearchParameter, keep(query_));
  }

  std::string to(const std::optional<PageLink>& page) const {
    std::string query = query_;
    if (page)
      query += fmt::format("{}{}={}", query.empty() ? "" : "&", kPageParameter, to_text(*page));
    return query.empty() ? type_url_ : fmt::format("{}?{}", type_url_, query);
  }

 private:
  const std::string type_url_;
  std::string query_;
};

class Entries {
 public:
  Entries(std::string& out, std::string_view base_url) : out_(out), base_url_(base_url) {}

  void add(const store::Record& record, std::string_view json, std::string_view mode) {
    out_ += is_first_ ? R"(,"entry":[)" : ",";
    is_first_ = false;
    out_ += fmt::format(R"({{"fullUrl":{},"resource":)",
                        json_string(fmt::format("{}/{}/{}", base_url_,
                                                fhir::type_name(record.key.type), record.key.id)));
    out_ += json;
    out_ += fmt::format(R"(,"search":{{"mode":"{}"}}}})", mode);
  }
  void add_outcome(std::string_view json) {
    out_ += is_first_ ? R"(,"entry":[)" : ",";
    is_first_ = false;
    out_ += fmt::format(R"({{"fullUrl":"{}","resource":{},"search":{{"mode":"outcome"}}}})",
                        new_urn(), json);
  }
  // There are no empty arrays in FHIR.
  void finish() { out_ += is_first_ ? "}" : "]}"; }

 private:
  std::string& out_;
  const std::string_view base_url_;
  bool is_first_ = true;
};

// Shows resources of any type, each as the view has it.
class Projectors {
 public:
  explicit Projectors(const ResourceView& view) : view_(view) {}

  Result<void> show(const store::Record& record, ResourceView::Role role, Entries& entries) {
    const auto mode = role == ResourceView::Role::kMatch ? "match" : "include";
    auto [at, is_new] = projectors_.try_emplace({record.key.type, role});
    if (is_new) at->second = view_.projector(record.key.type, role);
    if (!at->second) {
      entries.add(record, record.json, mode);
      return {};
    }
    projected_.clear();
    SLUICE_RETURN_IF_ERROR(at->second->project(record.json, projected_));
    entries.add(record, projected_, mode);
    return {};
  }

 private:
  const ResourceView& view_;
  std::map<std::pair<fhir::ResourceType, ResourceView::Role>,
           std::optional<fhir::ElementsProjector>>
      projectors_;
  std::string projected_;
};

}  // namespace

Result<std::string> search_bundle(const SearchRequest& request, const SearchResult& result,
                                  std::string_view base_url, const KeepSearch& keep) {
  const Links links(request, base_url, keep);
  std::string out = R"({"resourceType":"Bundle")";
  if (result.as_of.sequence.value > 0)
    out += fmt::format(R"(,"meta":{{"lastUpdated":"{}"}})", to_fhir_instant(result.as_of.instant));
  out += R"(,"type":"searchset")";
  if (result.total) out += fmt::format(R"(,"total":{})", *result.total);
  out += fmt::format(R"(,"link":[{{"relation":"self","url":{}}})",
                     json_string(links.to(request.page)));
  if (result.next)
    out += fmt::format(R"(,{{"relation":"next","url":{}}})", json_string(links.to(result.next)));
  out += "]";

  Entries entries(out, base_url);
  Projectors projectors(request.view);
  for (const auto& match : result.matches)
    SLUICE_RETURN_IF_ERROR(projectors.show(match, ResourceView::Role::kMatch, entries));
  for (const auto& record : result.included)
    SLUICE_RETURN_IF_ERROR(projectors.show(record, ResourceView::Role::kIncluded, entries));
  if (!request.skipped.empty()) {
    std::string names;
    for (const auto& name : request.skipped)
      names += fmt::format("{}'{}'", names.empty() ? "" : ", ", name);
    entries.add_outcome(fhir::operation_outcome(
        "warning", "not-supported",
        fmt::format("these parameters are not supported and were left out: {}", names)));
  }
  entries.finish();
  return request.view.laid_out(std::move(out));
}

}  // namespace sluice::api
