// The start of an export's pipeline: a source finds records in one way and gives them to a visitor.
// record_sources.cc says which way of reading is which source.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "store/store.h"

namespace sluice::bulk {

/// Whether `_since` counts for a record that a source gives. The widest comes first.
enum class AgeRule : std::uint8_t {
  kOfNewMember,  ///< not, nor for what it refers to (P-13)
  kWhatever,     ///< not: it goes out because of another resource
  kOwn,          ///< by its own time
};

inline AgeRule age_rule(bool of_new_member) {
  return of_new_member ? AgeRule::kOfNewMember : AgeRule::kOwn;
}

/// Takes the records that a source gives. Not thread-safe.
class RecordVisitor {
 public:
  RecordVisitor() = default;
  RecordVisitor(const RecordVisitor&) = delete;
  RecordVisitor& operator=(const RecordVisitor&) = delete;
  virtual ~RecordVisitor() = default;

  /// `record` is no link. Its views end with the call.
  virtual Result<void> visit(const store::RecordView& record, AgeRule age) = 0;
  /// Of a source in the order of patients: what comes next is in this one's compartment.
  virtual Result<void> begin_patient(std::string_view) { return {}; }
};

/// Not thread-safe.
class RecordSource {
 public:
  RecordSource() = default;
  RecordSource(const RecordSource&) = delete;
  RecordSource& operator=(const RecordSource&) = delete;
  virtual ~RecordSource() = default;

  /// Gives every record that it finds, until the first error.
  virtual Result<void> read(RecordVisitor& visitor) = 0;
};

}  // namespace sluice::bulk
