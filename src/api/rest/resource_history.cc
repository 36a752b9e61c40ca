#include "api/rest/resource_history.h"

#include <fmt/format.h>

#include <charconv>
#include <functional>
#include <iterator>

#include "api/core/access.h"
#include "api/core/audit.h"
#include "api/core/fhir_response.h"
#include "api/core/resource_headers.h"
#include "api/rest/binary_resource.h"
#include "base/percent.h"
#include "base/utf8.h"
#include "json/json_check.h"
#include "rest/history.h"
#include "search/date_range.h"

namespace sluice::api {
namespace {

constexpr std::size_t kCountMax = 1000;
constexpr std::string_view kPage = "_page";

// Where the history is asked for: "Patient/1", "Patient", or nothing for all.
struct HistoryOptions {
  std::string subject;
  rest::HistoryRange range;
  rest::HistoryLimits limits;
  http::NameValues parameters;  // for the links
};

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failed == std::errc() && end == text.data() + text.size();
}

Error bad_value(std::string_view name, std::string_view value, std::string_view rule) {
  return invalid(fmt::format("{} '{}' {}", name, shortened(value, 64), rule));
}

Result<void> read_since(const store::Store& store, std::string_view value,
                        rest::HistoryRange& range) {
  const auto since = parse_fhir_instant(value);
  if (!since) return bad_value("_since", value, "is not an instant");
  // At or after, so that the transaction of this very instant belongs to it.
  SLUICE_ASSIGN_OR_RETURN(const auto commit,
                          store.commit_at(*since + std::chrono::milliseconds(-1)));
  range.after = commit.sequence;
  return {};
}

// What was current at some moment from the range's beginning to its end.
Result<void> read_at(const store::Store& store, std::string_view value, rest::HistoryRange& range) {
  constexpr std::int64_t kMicroseconds = 1000;
  const auto at = search::parse_date_range(value);
  if (!at) return bad_value("_at", value, "is not a date, dateTime or instant");
  const auto floored = [](std::int64_t microseconds) {
    return Instant{microseconds / kMicroseconds - (microseconds % kMicroseconds < 0 ? 1 : 0)};
  };
  SLUICE_ASSIGN_OR_RETURN(const auto from, store.commit_at(floored(at->begin)));
  SLUICE_ASSIGN_OR_RETURN(const auto to, store.commit_at(floored(at->end - 1)));
  range.current_at = from.sequence;
  range.up_to = std::min(range.up_to, to.sequence);
  return {};
}

Result<void> read_page(std::string_view value, rest::HistoryRange& range) {
  const std::size_t dash = value.find('-');
  store::ChangeCursor before;
  if (dash == std::string_view::npos ||
      !read_number(value.substr(0, dash), before.sequence.value) ||
      !read_number(value.substr(dash + 1), before.number))
    return bad_value(kPage, value, "is not of a link that this server made");
  range.before = before;
  return {};
}

Result<void> read_count(std::string_view value, rest::HistoryLimits& limits) {
  if (!read_number(value, limits.count) || limits.count == 0)
    return bad_value("_count", value, "is not a number from 1 on");
  limits.count = std::min(limits.count, kCountMax);
  return {};
}

Result<HistoryOptions> read_history_options(const Service& service, const http::Request& request,
                                            std::string subject) {
  HistoryOptions options;
  options.subject = std::move(subject);
  options.range.up_to = service.store.last_commit().sequence;
  http::Request rest = request;  // other parameters: formats, and unknown ones
  rest.query.clear();
  for (const auto& [name, value] : request.query) {
    if (name == "_since") {
      SLUICE_RETURN_IF_ERROR(read_since(service.store, value, options.range));
    } else if (name == "_at") {
      SLUICE_RETURN_IF_ERROR(read_at(service.store, value, options.range));
    } else if (name == "_count") {
      SLUICE_RETURN_IF_ERROR(read_count(value, options.limits));
    } else if (name == kPage) {
      SLUICE_RETURN_IF_ERROR(read_page(value, options.range));
      continue;
    } else {
      rest.query.emplace_back(name, value);
    }
    for (const auto& [earlier, ignored] : options.parameters)
      if (earlier == name) return invalid(fmt::format("{} stands twice", shortened(name, 64)));
    options.parameters.emplace_back(name, value);
  }
  SLUICE_RETURN_IF_ERROR(check_formats(rest));
  return options;
}

std::string link_url(std::string_view base_url, const HistoryOptions& options,
                     std::string_view page) {
  std::string url =
      fmt::format("{}{}{}/_history", base_url, options.subject.empty() ? "" : "/", options.subject);
  char separator = '?';
  const auto add = [&](std::string_view name, std::string_view value) {
    url += fmt::format("{}{}={}", separator, name, percent_encoded(value));
    separator = '&';
  };
  for (const auto& [name, value] : options.parameters) add(name, value);
  if (!page.empty()) add(kPage, page);
  return url;
}

// `shows`: the client may see the content; that there is a version it may know anyway.
void append_entry(std::string& out, std::string_view base_url, const rest::HistoryEntry& entry,
                  bool shows) {
  const std::string name = fmt::format("{}/{}", fhir::type_name(entry.key.type), entry.key.id);
  const auto& version = entry.version;
  out += fmt::format(R"({{"fullUrl":"{}/{}")", fhir::escape(base_url), name);
  if (!version.deleted && shows) out.append(R"(,"resource":)").append(version.json);
  // Whether it was a POST, a PUT or a load is not kept; a PUT would have done the same.
  fmt::format_to(std::back_inserter(out),
                 R"(,"request":{{"method":"{}","url":"{}"}},"response":{{"status":"{}",)"
                 R"("etag":"W/\"{}\"","lastModified":"{}"}}}})",
                 version.deleted ? "DELETE" : "PUT", name,
                 version.deleted   ? "204"
                 : version.created ? "201"
                                   : "200",
                 version.version, to_fhir_instant(version.instant));
}

Result<http::Response> bundle(const Service& service, const http::Request& request,
                              const Principal& principal, const HistoryOptions& options,
                              const rest::HistoryPage& page) {
  std::size_t bytes = 0;
  for (const auto& entry : page.entries) bytes += entry.version.json.size();
  const auto share = std::make_shared<http::MemoryBudget::Share>(*service.answers);
  SLUICE_RETURN_IF_ERROR(share->hold(2 * bytes));  // What was read, and the Bundle of it.
  const std::string base_url = service.base_url(request);
  const auto link = [&](std::string_view relation, const std::string& place) {
    return fmt::format(R"({{"relation":"{}","url":"{}"}})", relation,
                       fhir::escape(link_url(base_url, options, place)));
  };
  const auto page_of = [](const std::optional<store::ChangeCursor>& place) {
    return place ? fmt::format("{}-{}", place->sequence.value, place->number) : std::string();
  };
  std::string out = R"({"resourceType":"Bundle","type":"history","link":[)";
  out += link("self", page_of(options.range.before));
  if (page.next) out += "," + link("next", page_of(page.next));
  out += "]";
  for (std::size_t i = 0; i < page.entries.size(); ++i) {
    out += i == 0 ? R"(,"entry":[)" : ",";
    const auto& entry = page.entries[i];
    const bool shows =
        entry.version.deleted || authorize_content(principal, entry.key.type, entry.version.json,
                                                   {smart::Permissions::kRead}, base_url);
    append_entry(out, base_url, entry, shows);
  }
  out += page.entries.empty() ? "}" : "]}";
  auto response = fhir_response(200, std::move(out));
  response.share = share;
  response.headers.set("Cache-Control", "private, no-cache");
  return response;
}

using ReadPage = std::function<Result<rest::HistoryPage>(const HistoryOptions&)>;

Result<http::Response> answer(const Service& service, const http::Request& request,
                              const Principal& principal, std::string subject,
                              const ReadPage& read) {
  SLUICE_ASSIGN_OR_RETURN(auto options, read_history_options(service, request, std::move(subject)));
  SLUICE_ASSIGN_OR_RETURN(const auto slot, take_slot(service, request));
  options.limits.bounds = search_bounds(service, request);
  auto page = read(options);
  // As for a search: the same request would take as long again.
  if (!page && page.error().kind == ErrorKind::kTimeout)
    page = Error{ErrorKind::kUnprocessable,
                 fmt::format("the history takes more than {} s: narrow it by _since or to one "
                             "resource",
                             service.options.search_timeout.count())};
  const auto outcome = page ? smart::AuditOutcome::kSuccess : smart::AuditOutcome::kMinor;
  SLUICE_RETURN_IF_ERROR(audit(service, request, principal,
                               {.kind = smart::AuditKind::kHistoryRead,
                                .outcome = outcome,
                                .description = page ? std::string() : page.error().message,
                                .subject = options.subject,
                                .request = request.target}));
  if (!page) return page.error();
  return bundle(service, request, principal, options, *page);
}

http::Response sent(const http::Request& request, Result<http::Response> response) {
  if (!response) return request_error(request, response.error());
  return std::move(*response);
}

}  // namespace

http::Response resource_history(Service& service, const http::Request& request,
                                const Principal& principal, fhir::ResourceType type) {
  const auto key = key_of(request, type);
  if (!key) return request_error(request, key.error());
  return sent(
      request,
      answer(service, request, principal, fmt::format("{}/{}", fhir::type_name(type), key->id),
             [&](const HistoryOptions& options) {
               return rest::history_of(service.store, *key, options.range, options.limits);
             }));
}

http::Response type_history(Service& service, const http::Request& request,
                            const Principal& principal, fhir::ResourceType type) {
  const std::vector<fhir::ResourceType> types{type};
  return sent(request, answer(service, request, principal, std::string(fhir::type_name(type)),
                              [&](const HistoryOptions& options) {
                                return rest::history_of_types(service.store, &types, options.range,
                                                              options.limits);
                              }));
}

http::Response system_history(Service& service, const http::Request& request,
                              const Principal& principal) {
  const auto types = authorize_all_types(principal, smart::kExportPermissions);
  if (!types) {
    const auto audited = audit(service, request, principal,
                               {.kind = smart::AuditKind::kAccessRefused,
                                .outcome = smart::AuditOutcome::kSerious,
                                .description = types.error().message});
    return request_error(request, audited ? types.error() : audited.error());
  }
  return sent(request, answer(service, request, principal, "", [&](const HistoryOptions& options) {
                return rest::history_of_types(service.store, *types ? &**types : nullptr,
                                              options.range, options.limits);
              }));
}

}  // namespace sluice::api
