#include "api/jobs/sql_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/core/audit.h"
#include "api/core/request_headers.h"
#include "api/jobs/export_access.h"
#include "base/log.h"
#include "base/utf8.h"
#include "bulk/export/answer/table_answer.h"
#include "bulk/export/request/stored_export.h"
#include "fhir/resource_type.h"

namespace sluice::api {
namespace {

// A table up to this size is sent with its length, and its faults have their status.
constexpr std::size_t kWholeTable = 256u << 10;
// What a table holds while it is made: rows on their way, and a row group of Parquet.
constexpr std::size_t kTextMemory = 2u << 20;
constexpr std::size_t kParquetMemory = 40u << 20;

// Axes 1 and 2 of the guide's content negotiation: which format, and that it is sent as it is.
SqlResult<table::Format> format_of(const http::Request& request, const SqlRequest& asked) {
  std::optional<table::Format> by_accept;
  const std::string accept = request.headers.combined("Accept");
  bool is_acceptable = accept.empty();
  for (std::string_view rest = accept; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    std::string_view type = rest.substr(0, comma);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    type = type.substr(0, type.find(';'));
    while (!type.empty() && type.front() == ' ') type.remove_prefix(1);
    while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
    const auto format = table::find_format(type);
    if (format && type.find('/') != std::string_view::npos && !by_accept) by_accept = format;
    is_acceptable |= format || type == "*/*" || type == "application/*" || type == "text/*" ||
                     type == "application/octet-stream";
  }
  if (!is_acceptable)
    return SqlError({ErrorKind::kNotAcceptable,
                     fmt::format("Accept '{}' is not supported: a table is sent as it is, not in a "
                                 "FHIR resource; name its media type or */*",
                                 shortened(accept, 64))});
  return asked.format.value_or(by_accept.value_or(table::Format::kNdjson));
}

/// What is asked for, and how it is answered. `by` says what of it, for the audit.
SqlResult<std::unique_ptr<bulk::TableAnswer>> open_stored(Service& service,
                                                          const http::Request& request,
                                                          const Principal& principal,
                                                          bulk::ExportRequest asked,
                                                          const bulk::TableAnswerLimits& limits) {
  smart::AuditEvent event{.kind = smart::AuditKind::kResourceSearch,
                          .description = "by $sql-run",
                          .subject = std::string(fhir::type_name(asked.types.front()))};
  if (const auto allowed = authorize_export(principal, asked); !allowed) {
    event.kind = smart::AuditKind::kAccessRefused;
    event.outcome = smart::AuditOutcome::kSerious;
    event.description = allowed.error().message;
    SLUICE_RETURN_IF_ERROR(audit(service, request, principal, std::move(event)));
    return SqlError(allowed.error());
  }
  const store::Commit snapshot = service.store.last_commit();
  SLUICE_RETURN_IF_ERROR(
      check_sql_filters(service, asked, snapshot, search_bounds(service, request)));
  // What cannot be audited is not read.
  SLUICE_RETURN_IF_ERROR(audit(service, request, principal, std::move(event)));
  SLUICE_ASSIGN_OR_RETURN(const auto prepared,
                          bulk::prepare_export(service.store,
                                               std::make_shared<const bulk::StoredExport>(
                                                   bulk::StoredExport{.request = std::move(asked)}),
                                               snapshot, search_bounds(service, request)));
  SLUICE_ASSIGN_OR_RETURN(auto answer,
                          bulk::TableAnswer::open(service.store, service.files, prepared, limits));
  return answer;
}

/// The rest of a table, while it is sent.
class TableBody {
 public:
  TableBody(std::unique_ptr<bulk::TableAnswer> answer, std::string begun, std::string request,
            http::MemoryBudget& budget)
      : answer_(std::move(answer)),
        pending_(std::move(begun)),
        request_(std::move(request)),
        share_(budget) {}

  Result<std::size_t> read(std::span<char> buffer) {
    while (at_ == pending_.size() && has_more_) {
      pending_.clear();
      at_ = 0;
      auto more = answer_->next(pending_);
      if (more) {
        if (auto held = share_.hold(pending_.capacity()); !held) more = held.error();
      }
      if (!more) {
        // The client sees a body without its end.
        spdlog::warn("table cut id={} kind={} rows={}", request_, to_string(more.error().kind),
                     answer_->rows());
        return more.error();
      }
      has_more_ = *more;
    }
    const std::size_t size = std::min(buffer.size(), pending_.size() - at_);
    std::copy_n(pending_.begin() + static_cast<std::ptrdiff_t>(at_), size, buffer.begin());
    at_ += size;
    return size;
  }

 private:
  const std::unique_ptr<bulk::TableAnswer> answer_;
  std::string pending_;
  std::size_t at_ = 0;  // in pending_
  bool has_more_ = true;
  const std::string request_;  // its id, for the log
  http::MemoryBudget::Share share_;
};

SqlResult<http::Response> run(Service& service, const http::Request& request,
                              const Principal& principal, SqlOperation operation) {
  SLUICE_ASSIGN_OR_RETURN(auto asked, read_sql_request(service, request, operation));
  SLUICE_ASSIGN_OR_RETURN(const auto format, format_of(request, asked));
  SLUICE_ASSIGN_OR_RETURN(auto wanted, export_of(service, request, principal, asked, format));
  // While the rows are found that come first; what follows is paced by the client, as a download.
  SLUICE_ASSIGN_OR_RETURN(const auto slot, take_slot(service, request));
  const query::Bounds bounds = search_bounds(service, request);
  const bulk::TableAnswerLimits limits{
      .rows_max = asked.rows_max,
      .work_max = std::chrono::duration_cast<std::chrono::milliseconds>(
          *bounds.deadline - std::chrono::steady_clock::now()),
      .stop = bounds.stop};
  std::unique_ptr<bulk::TableAnswer> answer;
  if (asked.resources.empty()) {
    SLUICE_ASSIGN_OR_RETURN(answer,
                            open_stored(service, request, principal, std::move(wanted), limits));
  } else {
    const auto& tables = *wanted.tables;
    SLUICE_ASSIGN_OR_RETURN(const auto view,
                            table::View::compile(tables.tables.front().definition));
    SLUICE_ASSIGN_OR_RETURN(
        answer, bulk::TableAnswer::open(std::move(asked.resources), tables, view, limits));
  }
  std::string begun;
  bool has_more = true;
  while (has_more && begun.size() < kWholeTable) {
    auto more = answer->next(begun);
    if (!more &&
        (more.error().kind == ErrorKind::kInvalid || more.error().kind == ErrorKind::kUnsupported))
      return SqlError({ErrorKind::kUnprocessable, more.error().message}, {.code = "invalid"});
    if (!more) return SqlError(more.error());
    has_more = *more;
  }
  http::Response response;
  response.headers.set("Content-Type", std::string(table::media_type_of(format)));
  response.headers.set("Cache-Control", "private, no-cache");
  response.headers.set("Vary", "Accept");
  if (!has_more) {
    response.share = std::make_shared<http::MemoryBudget::Share>(*service.answers);
    SLUICE_RETURN_IF_ERROR(response.share->hold(begun.capacity()));
    response.body = std::move(begun);
    return response;
  }
  const auto body = std::make_shared<TableBody>(std::move(answer), std::move(begun), request.id,
                                                *service.answers);
  http::StreamBody stream;
  stream.read = [body](std::span<char> buffer) { return body->read(buffer); };
  stream.memory = format == table::Format::kParquet ? kParquetMemory : kTextMemory;
  response.body = std::move(stream);
  return response;
}

}  // namespace

http::Response sql_run(Service& service, const http::Request& request, const Principal& principal,
                       SqlOperation operation) {
  auto response = run(service, request, principal, operation);
  if (!response) return sql_refusal(request, response.error());
  return std::move(*response);
}

}  // namespace sluice::api
