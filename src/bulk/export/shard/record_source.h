// The start of an export's pipeline: a source finds records in one way and passes them to a
// visitor. record_sources.cc maps read modes to sources.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "store/store.h"

namespace sluice::bulk {

/// Whether `_since` applies to a record of a source. The widest rule comes first.
enum class AgeRule : std::uint8_t {
  kOfNewMember,  ///< no, nor to what it refers to (P-13)
  kWhatever,     ///< no: exported because of another resource
  kOwn,          ///< yes, by its own time
};

inline AgeRule age_rule(bool of_new_member) {
  return of_new_member ? AgeRule::kOfNewMember : AgeRule::kOwn;
}

/// Takes the records of a source. Not thread-safe.
class RecordVisitor {
 public:
  RecordVisitor() = default;
  RecordVisitor(const RecordVisitor&) = delete;
  RecordVisitor& operator=(const RecordVisitor&) = delete;
  virtual ~RecordVisitor() = default;

  /// `record` is not a link. Its views end with the call.
  virtual Result<void> visit(const store::RecordView& record, AgeRule age) = 0;
  /// Called by a source in the order of patients: the next records are in this one's compartment.
  virtual Result<void> begin_patient(std::string_view) { return {}; }
};

/// Not thread-safe.
class RecordSource {
 public:
  RecordSource() = default;
  RecordSource(const RecordSource&) = delete;
  RecordSource& operator=(const RecordSource&) = delete;
  virtual ~RecordSource() = default;

  /// Passes every record that it finds, until the first error.
  virtual Result<void> read(RecordVisitor& visitor) = 0;
};

}  // namespace sluice::bulk
