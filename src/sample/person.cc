#include "sample/person.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::sample {
namespace {

using std::chrono::days;
using std::chrono::hours;

Gender pick_gender(Random& random) {
  const std::uint32_t kind = random.below(1000);
  if (kind < 505) return Gender::kFemale;
  if (kind < 990) return Gender::kMale;
  return kind < 996 ? Gender::kOther : Gender::kUnknown;
}

}  // namespace

std::string_view to_string(Gender gender) {
  switch (gender) {
    case Gender::kFemale:
      return "female";
    case Gender::kMale:
      return "male";
    case Gender::kOther:
      return "other";
    case Gender::kUnknown:
      break;
  }
  return "unknown";
}

const NamePool& pick_pool(Random& random) {
  int left = random.between(0, 999);
  for (const NamePool& pool : name_pools()) {
    if (left < pool.weight) return pool;
    left -= pool.weight;
  }
  return name_pools().front();
}

std::string join_name(const NamePool& pool, std::string_view given, std::string_view family) {
  return pool.family_first ? fmt::format("{}{}{}", family, pool.separator, given)
                           : fmt::format("{}{}{}", given, pool.separator, family);
}

std::string make_phone(Random& random) {
  const std::uint32_t middle = random.below(1000);
  const std::uint32_t last = random.below(10000);
  return fmt::format("555-{:03}-{:04}", middle, last);
}

std::string make_street(Random& random) {
  const int number = random.between(1, 1899);
  return fmt::format("{} {}", number, random.pick(street_names()));
}

Id person_id(std::uint64_t seed, std::uint64_t index) {
  return Random(seed, Stream::kPerson, index).id();
}

Person make_person(std::uint64_t seed, std::uint64_t index) {
  Random random(seed, Stream::kPerson, index);
  Person person;
  person.index = index;
  person.id = random.id();
  person.gender = pick_gender(random);
  person.pool = &pick_pool(random);
  const bool female = person.gender == Gender::kFemale || random.chance(10);
  const auto& given_names = female ? person.pool->female : person.pool->male;
  person.given = random.pick(given_names);
  person.family = random.pick(person.pool->family);
  if (random.chance(350)) person.middle = random.pick(given_names);
  person.display = join_name(*person.pool, person.given, person.family);
  person.place = &random.pick(places());
  person.street = make_street(random);
  person.phone = make_phone(random);
  // As many of each age up to 64, then ever fewer.
  int age = random.between(0, 84);
  if (age >= 65) age = 65 + (age - 65) * random.between(0, 20) / 12;
  person.birth = kToday - days(age * 365 + random.between(20, 380));
  if (age >= 50 ? random.chance(90) : random.chance(8)) {
    const int lived =
        std::max(1, static_cast<int>((kToday - person.birth).count()) - random.between(10, 3000));
    person.death = Moment{person.birth + days(lived) + hours(random.between(0, 23)),
                          std::chrono::minutes(person.place->offset_minutes)};
  }
  return person;
}

}  // namespace sluice::sample
