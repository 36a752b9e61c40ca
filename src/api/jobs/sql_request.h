// The parameters of $sql-run and $sql-export, and of $viewdefinition-run and $viewdefinition-export
// as they were called before (E-20): read, and their views found and compiled.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/core/fhir_response.h"
#include "api/core/principal.h"
#include "api/core/service.h"
#include "base/result.h"
#include "bulk/export/request/export_request.h"
#include "fhir/parameters.h"
#include "http/message.h"
#include "table/table_sink.h"
#include "table/view.h"

namespace sluice::api {

/// What is wrong with a request, as the guide has it told: with the parameter at fault, and a
/// status and a code that are not always those of the kind.
struct SqlError {
  SqlError() = default;
  SqlError(Error e) : error(std::move(e)) {}  // NOLINT(google-explicit-constructor)
  SqlError(Error e, IssueShape s) : error(std::move(e)), shape(std::move(s)) {}
  Error error;
  IssueShape shape;
};
template <class T>
using SqlResult = boost::system::result<T, SqlError>;

/// The answer to such a request.
http::Response sql_refusal(const http::Request& request, const SqlError& error);

struct SqlOperation {
  bool is_export = false;
  /// By their former names views are named by viewReference, viewResource and viewCanonical, and
  /// those of an export by `view`.
  bool is_former = false;
  bool names_view = false;  ///< its path does: {id}
};

/// A view that is to be a table.
struct SqlSubject {
  std::string name = {};  ///< as asked for; empty: that of the view
  // One of them is given.
  std::string canonical = {};
  std::string reference = {};
  std::string resource = {};  ///< JSON
};

struct SqlRequest {
  std::vector<SqlSubject> subjects;
  std::vector<std::string> resources;     ///< of a run: JSON, instead of what is stored
  std::optional<std::uint64_t> rows_max;  ///< of a run: _limit
  std::string tracking_id;                ///< of an export
  std::optional<table::Format> format;
  bool csv_header = true;
  std::vector<std::string> patients;  ///< ids, sorted, unique
  std::vector<std::string> groups;    ///< ids, unique
  std::optional<Instant> since;
};

/// Reads the query and the body.
SqlResult<SqlRequest> read_sql_request(const Service& service, const http::Request& request,
                                       SqlOperation operation);

/// The subjects' views, found, compiled and named, and what they are made of. Stored views are
/// those of the snapshot that the principal may read.
SqlResult<bulk::ExportRequest> export_of(const Service& service, const http::Request& request,
                                         const Principal& principal, const SqlRequest& asked,
                                         table::Format format);

/// That groups and patients are there for the client, as of a snapshot; that can take long.
SqlResult<void> check_sql_filters(const Service& service, const bulk::ExportRequest& request,
                                  const store::Commit& snapshot, const query::Bounds& bounds);

}  // namespace sluice::api
