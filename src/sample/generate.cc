#include "sample/generate.h"

#include "sample/chart.h"
#include "sample/groups.h"

namespace sluice::sample {
namespace {

/// An earlier patient who lives close by in the numbers, for one patient in five.
std::optional<Person> pick_relative(std::uint64_t seed, std::uint64_t index, Random& random) {
  const bool has_relative = random.chance(200);
  const std::uint64_t distance = 1 + random.below(20);
  if (!has_relative || distance > index) return std::nullopt;
  return make_person(seed, index - distance);
}

Body make_body(const Person& person, Random& random) {
  Body body;
  const int height = random.bell(1500, 1890);
  body.adult_height = height + (person.gender == Gender::kMale ? 110 : 0);
  body.body_mass_index = random.bell(1850, 3900);
  body.systolic = 96 + random.bell(0, 40) + person.age_on(kToday) / 6;
  body.heart_rate = random.bell(58, 88);
  const std::uint32_t smoking = random.below(100);
  body.smoking = smoking < 62 ? 0 : smoking < 85 ? 1 : 2;
  return body;
}

void write_record(NdjsonFiles& files, const Directory& directory, std::uint64_t seed,
                  std::uint64_t index) {
  Random random(seed, Stream::kChart, index);
  std::optional<Person> relative = pick_relative(seed, index, random);
  Chart chart{.files = files,
              .directory = directory,
              .person = make_person(seed, index),
              .relative = std::move(relative),
              .random = random};
  chart.doctor = &directory.family_doctor(index, chart.random);
  chart.payer = &chart.random.pick(directory.payers());
  chart.coverage = chart.random.id();
  chart.care_team = chart.random.id();
  chart.body = make_body(chart.person, chart.random);
  write_patient(chart, seed);
  write_related_person(chart);
  write_coverage(chart);
  write_allergies(chart);
  write_care_team(chart);
  write_visits(chart);
  write_device(chart);
  write_appointments(chart);
  write_provenance(chart);
}

}  // namespace

Result<GenerateSummary> generate(const GenerateOptions& options) {
  NdjsonFiles files(options.out, options.gzip);
  const Directory directory(options.seed, options.patients);
  directory.write(files);
  for (std::uint64_t i = 0; i < options.patients; ++i) {
    write_record(files, directory, options.seed, i);
    SLUICE_RETURN_IF_ERROR(files.status());
  }
  write_groups(files, options.seed, options.patients);
  return files.finish();
}

}  // namespace sluice::sample
