// What all patients share: organisations, payers, locations, practitioners with their roles, and
// medications. Number k of each is the same however many there are, and patient i only knows those
// that exist as soon as patient i does: growing a sample adds resources and changes none.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sample/names.h"
#include "sample/ndjson_files.h"
#include "sample/random.h"

namespace sluice::sample {

struct Organization {
  Id id;
  std::string name;
  const Place* place = nullptr;
  std::array<Id, 2> locations;  ///< the practice or clinic, the ward
};

struct Practitioner {
  Id id;
  Id role;
  std::size_t organization = 0;
  std::string display;  ///< "Dr. Given Family"
};

struct Payer {
  Id id;
  std::string_view name;
};

class Directory {
 public:
  /// One organisation for every 50 patients (at least 3), one practitioner for every 20 (at least
  /// 5).
  Directory(std::uint64_t seed, std::uint64_t patients);

  const Organization& organization_of(const Practitioner& practitioner) const {
    return organizations_[practitioner.organization];
  }
  /// The family doctor of patient number `patient`.
  const Practitioner& family_doctor(std::uint64_t patient, Random& random) const;
  /// Any practitioner whom patient number `patient` may see.
  const Practitioner& any_practitioner(std::uint64_t patient, Random& random) const;
  std::span<const Payer> payers() const { return payers_; }
  /// Medication resources, in the order of drugs().
  std::span<const Id> medications() const { return medications_; }

  /// Writes all of them.
  void write(NdjsonFiles& files) const;

 private:
  void write_organization(NdjsonFiles& files, const Organization& organization,
                          Random& random) const;
  void write_locations(NdjsonFiles& files, const Organization& organization) const;
  void write_practitioner(NdjsonFiles& files, std::size_t index) const;
  void write_role(NdjsonFiles& files, const Practitioner& practitioner, Random& random) const;
  void write_payer(NdjsonFiles& files, const Payer& payer, Random& random) const;
  void write_medication(NdjsonFiles& files, std::size_t drug) const;

  const std::uint64_t seed_;
  std::vector<Organization> organizations_;
  std::vector<Practitioner> practitioners_;
  std::vector<Payer> payers_;
  std::vector<Id> medications_;
};

}  // namespace sluice::sample
