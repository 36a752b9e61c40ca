#include "sample/directory.h"

#include <fmt/format.h>

#include <algorithm>

#include "sample/fhir_writer.h"
#include "sample/person.h"

namespace sluice::sample {
namespace {

constexpr std::uint64_t kPatientsPerOrganization = 50;
constexpr std::uint64_t kPatientsPerPractitioner = 20;
constexpr std::uint64_t kOrganizationsMin = 3;
constexpr std::uint64_t kPractitionersMin = 5;
// The doctor's organisation has to exist as soon as the doctor does.
static_assert((kPractitionersMin - 1) * kPatientsPerPractitioner / kPatientsPerOrganization <
              kOrganizationsMin);

// Payers are organisations too; their random numbers come from the far end of the same stream.
constexpr std::uint64_t kPayerIndex = std::uint64_t{1} << 40;

constexpr std::string_view kOrganizationTypes =
    "http://terminology.hl7.org/CodeSystem/organization-type";
constexpr std::string_view kNpi = "http://hl7.org/fhir/sid/us-npi";
constexpr Moment kDirectoryChanged{kToday - std::chrono::days(90)};

std::uint64_t count_for(std::uint64_t patients, std::uint64_t per, std::uint64_t least) {
  return std::max(least, (patients + per - 1) / per);
}

/// Real provider numbers begin with 1 or 2. The last digit is that of Luhn over 80840 and the
/// number.
std::string make_npi(Random& random) {
  std::string npi = fmt::format("9999{:05}", random.below(100000));
  int sum = 24;  // of 80840
  for (std::size_t i = 0; i < npi.size(); ++i) {
    const int digit = npi[i] - '0';
    const int twice = digit * 2;
    sum += i % 2 == 1 ? digit : twice / 10 + twice % 10;
  }
  npi += static_cast<char>('0' + (10 - sum % 10) % 10);
  return npi;
}

void write_address_members(JsonWriter& json, std::string_view street, const Place& place) {
  json.text("use", "work");
  json.open_array("line");
  json.text_item(street);
  json.close_array();
  json.text("city", place.city);
  json.text("state", place.state);
  json.text("postalCode", place.postal_code);
  json.text("country", "US");
}

void write_address_list(JsonWriter& json, std::string_view street, const Place& place) {
  json.open_array("address");
  json.open_item();
  write_address_members(json, street, place);
  json.close();
  json.close_array();
}

}  // namespace

Directory::Directory(std::uint64_t seed, std::uint64_t patients) : seed_(seed) {
  const std::uint64_t organizations =
      count_for(patients, kPatientsPerOrganization, kOrganizationsMin);
  for (std::uint64_t i = 0; i < organizations; ++i) {
    Random random(seed, Stream::kOrganization, i);
    Organization& organization = organizations_.emplace_back();
    organization.id = random.id();
    const std::string_view name = random.pick(provider_names());
    organization.place = &random.pick(places());
    organization.name = fmt::format("{} {}", name, i + 1);
    Random location(seed, Stream::kLocation, i);
    for (Id& id : organization.locations) id = location.id();
  }
  const std::uint64_t practitioners =
      count_for(patients, kPatientsPerPractitioner, kPractitionersMin);
  for (std::uint64_t i = 0; i < practitioners; ++i) {
    Random random(seed, Stream::kPractitioner, i);
    Practitioner& practitioner = practitioners_.emplace_back();
    practitioner.id = random.id();
    practitioner.role = random.id();
    practitioner.organization = i * kPatientsPerPractitioner / kPatientsPerOrganization;
    const NamePool& pool = pick_pool(random);
    const std::string_view given = random.pick(random.chance(500) ? pool.female : pool.male);
    practitioner.display = fmt::format("Dr. {}", join_name(pool, given, random.pick(pool.family)));
  }
  for (std::size_t i = 0; i < payer_names().size(); ++i)
    payers_.push_back(
        {Random(seed, Stream::kOrganization, kPayerIndex + i).id(), payer_names()[i]});
  for (std::size_t i = 0; i < drugs().size(); ++i)
    medications_.push_back(Random(seed, Stream::kMedication, i).id());
}

const Practitioner& Directory::family_doctor(std::uint64_t patient, Random& random) const {
  const std::uint64_t last = std::max(patient / kPatientsPerPractitioner, kPractitionersMin - 1);
  return practitioners_[last - random.below(3)];
}

const Practitioner& Directory::any_practitioner(std::uint64_t patient, Random& random) const {
  const std::uint64_t count = std::max(patient / kPatientsPerPractitioner + 1, kPractitionersMin);
  return practitioners_[random.below(static_cast<std::uint32_t>(count))];
}

void Directory::write(NdjsonFiles& files) const {
  for (std::size_t i = 0; i < payers_.size(); ++i) {
    Random random(seed_, Stream::kOrganization, kPayerIndex + i);
    (void)random.id();  // As in the constructor.
    write_payer(files, payers_[i], random);
  }
  for (std::size_t i = 0; i < organizations_.size(); ++i) {
    Random random(seed_, Stream::kOrganization, i);
    (void)random.id();
    write_organization(files, organizations_[i], random);
    write_locations(files, organizations_[i]);
  }
  for (std::size_t i = 0; i < practitioners_.size(); ++i) write_practitioner(files, i);
  for (std::size_t i = 0; i < medications_.size(); ++i) write_medication(files, i);
}

void Directory::write_payer(NdjsonFiles& files, const Payer& payer, Random& random) const {
  ResourceWriter json = files.resource(Type::kOrganization, payer.id.view());
  json.open_array("identifier");
  write_identifier_item(json, "urn:oid:2.16.840.1.113883.6.300",
                        fmt::format("99{:03}", random.below(1000)));
  json.close_array();
  json.boolean("active", true);
  write_concept_list(json, "type", {kOrganizationTypes, "pay", "Payer"});
  json.text("name", payer.name);
  json.open_array("telecom");
  write_telecom_item(json, "phone", make_phone(random), "work");
  json.close_array();
  const std::string street = make_street(random);
  write_address_list(json, street, random.pick(places()));
}

void Directory::write_organization(NdjsonFiles& files, const Organization& organization,
                                   Random& random) const {
  ResourceWriter json = files.resource(Type::kOrganization, organization.id.view());
  write_meta(json, random, "us-core-organization", kDirectoryChanged);
  json.open_array("identifier");
  write_identifier_item(json, kNpi, make_npi(random));
  write_identifier_item(json, "https://sluice.example/organizations", organization.id.view());
  json.close_array();
  json.boolean("active", true);
  write_concept_list(json, "type", {kOrganizationTypes, "prov", "Healthcare Provider"});
  json.text("name", organization.name);
  json.open_array("telecom");
  write_telecom_item(json, "phone", make_phone(random), "work");
  write_telecom_item(json, "fax", make_phone(random), "work");
  json.close_array();
  write_address_list(json, make_street(random), *organization.place);
}

void Directory::write_locations(NdjsonFiles& files, const Organization& organization) const {
  for (std::size_t i = 0; i < organization.locations.size(); ++i) {
    const bool ward = i == 1;
    ResourceWriter json = files.resource(Type::kLocation, organization.locations[i].view());
    json.text("status", "active");
    json.text("name", organization.name + (ward ? ", Ward" : ", Outpatient Clinic"));
    json.text("mode", "instance");
    write_concept_list(
        json, "type",
        ward ? Code{"http://terminology.hl7.org/CodeSystem/v3-RoleCode", "HU", "Hospital unit"}
             : Code{"http://terminology.hl7.org/CodeSystem/v3-RoleCode", "OF",
                    "Outpatient facility"});
    json.open("address");
    write_address_members(json, "1 Specimen Plaza", *organization.place);
    json.close();
    json.open("position");
    json.decimal("longitude", {organization.place->longitude, 4});
    json.decimal("latitude", {organization.place->latitude, 4});
    json.close();
    write_reference(json, "managingOrganization",
                    {Type::kOrganization, organization.id.view(), organization.name});
    if (ward) write_reference(json, "partOf", {Type::kLocation, organization.locations[0].view()});
  }
}

void Directory::write_practitioner(NdjsonFiles& files, std::size_t index) const {
  const Practitioner& practitioner = practitioners_[index];
  Random random(seed_, Stream::kPractitioner, index);
  // The constructor's draws once more, now for their parts.
  (void)random.id();
  (void)random.id();
  const NamePool& pool = pick_pool(random);
  const bool female = random.chance(500);
  const std::string_view given = random.pick(female ? pool.female : pool.male);
  const std::string_view family = random.pick(pool.family);
  {
    ResourceWriter json = files.resource(Type::kPractitioner, practitioner.id.view());
    write_meta(json, random, "us-core-practitioner", kDirectoryChanged);
    json.open_array("identifier");
    write_identifier_item(json, kNpi, make_npi(random));
    json.close_array();
    json.boolean("active", true);
    json.open_array("name");
    json.open_item();
    json.text("use", "official");
    json.text("family", family);
    json.open_array("given");
    json.text_item(given);
    json.close_array();
    json.open_array("prefix");
    json.text_item("Dr.");
    json.close_array();
    json.close();
    json.close_array();
    json.open_array("telecom");
    write_telecom_item(json, "email", fmt::format("practitioner.{}@sluice.example", index), "work");
    json.close_array();
    write_address_list(json, make_street(random), *organization_of(practitioner).place);
    json.text("gender", female ? "female" : "male");
    json.open_array("qualification");
    json.open_item();
    write_concept(json, "code",
                  {"http://terminology.hl7.org/CodeSystem/v2-0360", "MD", "Doctor of Medicine"});
    json.close();
    json.close_array();
  }
  write_role(files, practitioner, random);
}

void Directory::write_role(NdjsonFiles& files, const Practitioner& practitioner,
                           Random& random) const {
  constexpr auto kSpecialties = std::to_array<Code>({
      {kSnomed, "419772000", "Family practice"},
      {kSnomed, "419192003", "Internal medicine"},
      {kSnomed, "394537008", "Pediatric specialty"},
      {kSnomed, "394579002", "Cardiology"},
      {kSnomed, "394587001", "Psychiatry"},
  });
  const Organization& organization = organization_of(practitioner);
  ResourceWriter json = files.resource(Type::kPractitionerRole, practitioner.role.view());
  json.boolean("active", true);
  write_reference(json, "practitioner",
                  {Type::kPractitioner, practitioner.id.view(), practitioner.display});
  write_reference(json, "organization",
                  {Type::kOrganization, organization.id.view(), organization.name});
  write_concept_list(
      json, "code",
      {"http://terminology.hl7.org/CodeSystem/practitioner-role", "doctor", "Doctor"});
  write_concept_list(json, "specialty", random.pick(kSpecialties));
  write_reference_list(json, "location", {Type::kLocation, organization.locations[0].view()});
  json.open_array("telecom");
  write_telecom_item(json, "phone", make_phone(random), "work");
  json.close_array();
}

void Directory::write_medication(NdjsonFiles& files, std::size_t drug_index) const {
  const Drug& drug = drugs()[drug_index];
  ResourceWriter json = files.resource(Type::kMedication, medications_[drug_index].view());
  write_concept(json, "code", drug.code);
  json.text("status", "active");
  write_concept(json, "form", dose_form(drug.form));
}

}  // namespace sluice::sample
