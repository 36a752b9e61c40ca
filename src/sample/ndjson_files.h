// The output folder: one NDJSON file per resource type, plain or gzip, renamed when all are
// complete. Separate so that the writers of resources need not know about files.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sample/generate.h"
#include "sample/json_writer.h"

namespace sluice::sample {

/// The types that are generated, in alphabetical order.
enum class Type : std::uint8_t {
  kAllergyIntolerance,
  kAppointment,
  kBinary,
  kCarePlan,
  kCareTeam,
  kClaim,
  kCondition,
  kCoverage,
  kDevice,
  kDiagnosticReport,
  kDocumentReference,
  kEncounter,
  kExplanationOfBenefit,
  kGoal,
  kGroup,
  kImmunization,
  kLocation,
  kMedication,
  kMedicationRequest,
  kObservation,
  kOrganization,
  kPatient,
  kPractitioner,
  kPractitionerRole,
  kProcedure,
  kProvenance,
  kRelatedPerson,
};
inline constexpr std::size_t kTypeCount = 27;
std::string_view to_string(Type type);

class NdjsonFiles;

/// One resource being written: resourceType and id are written, the destructor ends the line.
class ResourceWriter : public JsonWriter {
 public:
  ResourceWriter(NdjsonFiles& files, Type type, std::string_view id);
  ~ResourceWriter();
  ResourceWriter(const ResourceWriter&) = delete;
  ResourceWriter& operator=(const ResourceWriter&) = delete;

  /// Lets a long line leave memory before it ends. Not between begin_text() and end_text().
  void spill();

 private:
  NdjsonFiles& files_;
  const Type type_;
};

/// Buffers, compresses and writes. The first error is kept and returned by status() and finish();
/// after it everything else is dropped. Without finish() nothing gets its name and nothing is left.
class NdjsonFiles {
 public:
  NdjsonFiles(std::filesystem::path folder, bool gzip);
  ~NdjsonFiles();
  NdjsonFiles(const NdjsonFiles&) = delete;
  NdjsonFiles& operator=(const NdjsonFiles&) = delete;

  /// Starts a line; the resource ends with the object. One resource of a type at a time.
  ResourceWriter resource(Type type, std::string_view id) { return {*this, type, id}; }
  Result<void> status() const;
  /// Gives the files their names and removes what an earlier run left of the same types in the
  /// other form, or of types that have no resources now: a folder never holds two runs.
  Result<GenerateSummary> finish();

 private:
  friend class ResourceWriter;
  struct File;

  std::string& buffer_of(Type type);
  void end_line(Type type);
  void spill(Type type);
  void write_out(File& file, bool last);
  std::filesystem::path path_of(Type type, std::string_view suffix) const;

  const std::filesystem::path folder_;
  const bool gzip_;
  std::array<std::unique_ptr<File>, kTypeCount> files_;
  std::optional<Error> error_;
};

}  // namespace sluice::sample
