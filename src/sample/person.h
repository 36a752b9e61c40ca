// A generated patient: everything about patient number i follows from the seed and i, so that any
// other patient's record can name them without keeping patients in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sample/calendar.h"
#include "sample/names.h"
#include "sample/random.h"

namespace sluice::sample {

enum class Gender : std::uint8_t { kFemale, kMale, kOther, kUnknown };
std::string_view to_string(Gender gender);

struct Person {
  std::uint64_t index = 0;
  Id id;
  Gender gender = Gender::kUnknown;
  const NamePool* pool = nullptr;
  std::string_view family;
  std::string_view given;
  std::string_view middle;  ///< may be empty
  std::string display;      ///< the whole name as people write it
  const Place* place = nullptr;
  std::string street;
  std::string phone;
  LocalDay birth;
  std::optional<Moment> death;

  std::chrono::minutes offset() const { return std::chrono::minutes(place->offset_minutes); }
  int age_on(LocalDay day) const { return age_at(birth, day); }
};

/// Patient number `index`.
Person make_person(std::uint64_t seed, std::uint64_t index);
/// Only the id of make_person(), at a fraction of its cost.
Id person_id(std::uint64_t seed, std::uint64_t index);

/// A name from any pool, for people who are not patients.
const NamePool& pick_pool(Random& random);
std::string join_name(const NamePool& pool, std::string_view given, std::string_view family);
/// "555-" and seven digits: no such number exists.
std::string make_phone(Random& random);
std::string make_street(Random& random);

}  // namespace sluice::sample
