// What belongs to an export, however it is found: the compartments it covers and the time it asks
// for.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "bulk/export/request/export_filter.h"
#include "bulk/export/request/export_request.h"
#include "bulk/export/request/stored_export.h"
#include "bulk/group/patient_set.h"
#include "fhir/elements.h"
#include "store/store.h"
#include "table/view.h"

namespace sluice::bulk {

/// What the shards of a job share. Immutable, thread-safe.
struct PreparedExport {
  explicit PreparedExport(
      std::shared_ptr<const StoredExport> s = std::make_shared<const StoredExport>())
      : stored(std::move(s)), request(stored->request) {}

  const std::shared_ptr<const StoredExport> stored;
  const ExportRequest& request;  ///< of `stored`
  store::Commit snapshot;
  std::shared_ptr<const PatientSet> patient_set;  ///< nullptr: not limited to patients
  std::optional<fhir::ElementsSelection> elements;
  std::vector<table::View> views;  ///< of the request's tables, in their order
  ExportFilters filters;
};

/// What a request needs as of a snapshot: its patients, filters and views. May read whole types;
/// `bounds` end that. Errors as read_patient_set() and ExportFilters::prepare(); kCorrupt for a
/// view that does not compile.
Result<std::shared_ptr<const PreparedExport>> prepare_export(
    const store::Store& store, std::shared_ptr<const StoredExport> stored,
    const store::Commit& snapshot, const query::Bounds& bounds);

/// Thread-safe. `prepared` must outlive it.
class ExportScope {
 public:
  explicit ExportScope(const PreparedExport& prepared)
      : prepared_(prepared), request_(prepared.request) {}

  /// Whether a version of that time is requested. `whatever_age`: ignore `_since`.
  bool in_time(Instant last_updated, bool whatever_age) const;
  /// P-13: whether one of the patients joined the group after `_since`.
  bool is_of_new_member(std::string_view owners) const;
  /// A record of several compartments is exported with the first of its owners that the export
  /// covers, so that it is exported once. `only_new`: only among owners who joined later.
  bool is_first_covered(std::string_view owners, std::string_view owner, bool only_new) const;
  /// Whether the export covers a resource because of its compartments; filters apart.
  Result<bool> covers(const store::Record& record) const;
  Result<bool> covers_group(std::string_view json) const;
  /// Whether one of the owners is a patient of the export.
  bool covers_owner(std::string_view owners) const;

 private:
  const PreparedExport& prepared_;
  const ExportRequest& request_;
};

}  // namespace sluice::bulk
