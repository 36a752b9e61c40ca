#include "sample/groups.h"

#include <algorithm>
#include <optional>

#include "sample/fhir_writer.h"
#include "sample/person.h"

namespace sluice::sample {
namespace {

using std::chrono::days;

constexpr std::uint64_t kFormerMembersMax = 200;
constexpr Moment kYearAgo{kToday - days(365)};
constexpr Moment kMonthAgo{kToday - days(30)};
constexpr Moment kFarAhead{kToday + days(365 * 70)};

struct Membership {
  std::optional<Moment> since = std::nullopt;
  std::optional<Moment> until = std::nullopt;
  std::optional<bool> inactive = std::nullopt;
};

void write_member(ResourceWriter& json, const Id& patient, const Membership& membership) {
  json.open_item();
  write_reference(json, "entity", {Type::kPatient, patient.view(), {}});
  if (membership.since || membership.until) {
    json.open("period");
    if (membership.since) write_date_time(json, "start", *membership.since);
    if (membership.until) write_date_time(json, "end", *membership.until);
    json.close();
  }
  if (membership.inactive) json.boolean("inactive", *membership.inactive);
  json.close();
  json.spill();  // A million members are tens of megabytes.
}

void write_group_head(JsonWriter& json, std::string_view id, std::string_view name) {
  json.open_array("identifier");
  write_identifier_item(json, "https://sluice.example/groups", id);
  json.close_array();
  json.boolean("active", true);
  json.text("type", "person");
  json.boolean("actual", true);
  json.text("name", name);
}

/// Every `step`th of the first `patients` patients.
void write_group(NdjsonFiles& files, std::string_view id, std::string_view name, std::uint64_t seed,
                 std::uint64_t patients, std::uint64_t step) {
  ResourceWriter json = files.resource(Type::kGroup, id);
  write_group_head(json, id, name);
  json.number("quantity", static_cast<std::int64_t>((patients + step - 1) / step));
  if (patients == 0) return;
  json.open_array("member");
  for (std::uint64_t i = 0; i < patients; i += step) write_member(json, person_id(seed, i), {});
  json.close_array();
}

void write_group_with_former_members(NdjsonFiles& files, std::uint64_t seed,
                                     std::uint64_t patients) {
  const auto kKinds = std::to_array<Membership>({
      {},
      {kYearAgo, std::nullopt, std::nullopt},
      {kYearAgo, kMonthAgo, std::nullopt},
      {std::nullopt, std::nullopt, true},
      {kYearAgo, kMonthAgo, true},
      {kYearAgo, kFarAhead, false},
  });
  constexpr std::string_view kId = "with-former-members";
  ResourceWriter json = files.resource(Type::kGroup, kId);
  write_group_head(json, kId, "People who joined, left and came back");
  if (patients == 0) return;
  const std::uint64_t count = std::min(patients, kFormerMembersMax);
  json.open_array("member");
  for (std::uint64_t i = 0; i < count; ++i) {
    const Id patient = person_id(seed, i);
    write_member(json, patient, kKinds[i % kKinds.size()]);
    // Every other one of those who left came back.
    if (i % 12 == 2) write_member(json, patient, {kMonthAgo, std::nullopt, std::nullopt});
  }
  json.close_array();
}

}  // namespace

void write_groups(NdjsonFiles& files, std::uint64_t seed, std::uint64_t patients) {
  write_group(files, "all-patients", "All patients", seed, patients, 1);
  write_group(files, "ten-percent", "One patient in ten", seed, patients, 10);
  write_group(files, "one-percent", "One patient in a hundred", seed, patients, 100);
  write_group(files, "first-five", "The first five patients", seed,
              std::min<std::uint64_t>(patients, 5), 1);
  write_group_with_former_members(files, seed, patients);
}

}  // namespace sluice::sample
