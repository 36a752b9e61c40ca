#include "deid/known_values.h"

#include <algorithm>
#include <iterator>

namespace sluice::deid {
namespace {

// Whole systems, and with a "/" or "." at the end the beginnings of some.
constexpr std::string_view kTerminologies[] = {
    "http://loinc.org",
    "http://snomed.info/sct",
    "http://unitsofmeasure.org",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    "http://hl7.org/fhir/sid/icd-9-cm",
    "http://hl7.org/fhir/sid/icd-10",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://hl7.org/fhir/sid/icd-10-pcs",
    "http://hl7.org/fhir/sid/icd-11",
    "http://id.who.int/icd/release/11/mms",
    "http://www.cms.gov/Medicare/Coding/ICD10",
    "http://www.icd10data.com/icd10pcs",
    "http://hl7.org/fhir/sid/cvx",
    "http://hl7.org/fhir/sid/mvx",
    "http://hl7.org/fhir/sid/ndc",
    "http://hl7.org/fhir/ndfrt",
    "http://www.ama-assn.org/go/cpt",
    "http://www.ada.org/cdt",
    "http://nucc.org/provider-taxonomy",
    "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "http://www.whocc.no/atc",
    "http://dicom.nema.org/resources/ontology/DCM",
    "http://fdasis.nlm.nih.gov",
    "http://cancerstaging.org",
    "http://www.genenames.org",
    "http://varnomen.hgvs.org",
    "http://human-phenotype-ontology.org",
    "urn:ietf:bcp:47",
    "urn:iso:std:iso:4217",
    "urn:iso:std:iso:3166",
    "urn:iso:std:iso:11073:10101",
    "urn:oid:2.16.840.1.113883.6.238",
    "urn:oid:2.16.840.1.113883.6.285",
    "urn:oid:2.16.840.1.113883.6.301.5",
    "urn:oid:2.16.840.1.113883.6.14",
};
constexpr std::string_view kTerminologyFolders[] = {
    "http://terminology.hl7.org/CodeSystem/",
    "http://terminology.hl7.org/ValueSet/",
    "http://hl7.org/fhir/us/core/CodeSystem/",
    "http://hl7.org/fhir/us/carin-bb/CodeSystem/",
};
/// R4's own code systems stand beside each other below this one.
constexpr std::string_view kFhir = "http://hl7.org/fhir/";

constexpr std::string_view kStates[] = {"AL",
                                        "AK",
                                        "AZ",
                                        "AR",
                                        "CA",
                                        "CO",
                                        "CT",
                                        "DE",
                                        "DC",
                                        "FL",
                                        "GA",
                                        "HI",
                                        "ID",
                                        "IL",
                                        "IN",
                                        "IA",
                                        "KS",
                                        "KY",
                                        "LA",
                                        "ME",
                                        "MD",
                                        "MA",
                                        "MI",
                                        "MN",
                                        "MS",
                                        "MO",
                                        "MT",
                                        "NE",
                                        "NV",
                                        "NH",
                                        "NJ",
                                        "NM",
                                        "NY",
                                        "NC",
                                        "ND",
                                        "OH",
                                        "OK",
                                        "OR",
                                        "PA",
                                        "RI",
                                        "SC",
                                        "SD",
                                        "TN",
                                        "TX",
                                        "UT",
                                        "VT",
                                        "VA",
                                        "WA",
                                        "WV",
                                        "WI",
                                        "WY",
                                        "AS",
                                        "GU",
                                        "MP",
                                        "PR",
                                        "VI",
                                        "Alabama",
                                        "Alaska",
                                        "Arizona",
                                        "Arkansas",
                                        "California",
                                        "Colorado",
                                        "Connecticut",
                                        "Delaware",
                                        "District of Columbia",
                                        "Florida",
                                        "Georgia",
                                        "Hawaii",
                                        "Idaho",
                                        "Illinois",
                                        "Indiana",
                                        "Iowa",
                                        "Kansas",
                                        "Kentucky",
                                        "Louisiana",
                                        "Maine",
                                        "Maryland",
                                        "Massachusetts",
                                        "Michigan",
                                        "Minnesota",
                                        "Mississippi",
                                        "Missouri",
                                        "Montana",
                                        "Nebraska",
                                        "Nevada",
                                        "New Hampshire",
                                        "New Jersey",
                                        "New Mexico",
                                        "New York",
                                        "North Carolina",
                                        "North Dakota",
                                        "Ohio",
                                        "Oklahoma",
                                        "Oregon",
                                        "Pennsylvania",
                                        "Rhode Island",
                                        "South Carolina",
                                        "South Dakota",
                                        "Tennessee",
                                        "Texas",
                                        "Utah",
                                        "Vermont",
                                        "Virginia",
                                        "Washington",
                                        "West Virginia",
                                        "Wisconsin",
                                        "Wyoming",
                                        "American Samoa",
                                        "Guam",
                                        "Northern Mariana Islands",
                                        "Puerto Rico",
                                        "U.S. Virgin Islands"};

constexpr std::string_view kCountries[] = {"United States", "United States of America", "USA"};

// Areas in which at most 20,000 people lived by the census of 2000 or that of 2010.
constexpr std::string_view kRestrictedAreas[] = {"036", "059", "063", "102", "203", "205", "369",
                                                 "556", "692", "753", "772", "790", "821", "823",
                                                 "830", "831", "878", "879", "884", "890", "893"};

template <std::size_t size>
bool has(const std::string_view (&list)[size], std::string_view text) {
  return std::find(std::begin(list), std::end(list), text) != std::end(list);
}

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// A name of a code system at the end of an URL.
bool is_last_part(std::string_view text) {
  return !text.empty() && text.size() <= 60 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || is_upper(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
  });
}

}  // namespace

bool is_terminology(std::string_view system) {
  if (has(kTerminologies, system)) return true;
  for (const auto folder : kTerminologyFolders)
    if (system.starts_with(folder) && is_last_part(system.substr(folder.size()))) return true;
  return system.starts_with(kFhir) && is_last_part(system.substr(kFhir.size()));
}

bool is_state(std::string_view text) {
  return has(kStates, text);
}

bool is_country(std::string_view text) {
  return has(kCountries, text) || ((text.size() == 2 || text.size() == 3) &&
                                   std::all_of(text.begin(), text.end(), is_upper));
}

std::optional<std::string> zip_code_area(std::string_view text) {
  const bool is_short = text.size() == 5;
  const bool is_long = (text.size() == 10 && text[5] == '-') || text.size() == 9;
  if (!is_short && !is_long) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (!is_digit(text[i]) && !(i == 5 && text.size() == 10)) return std::nullopt;
  const std::string_view area = text.substr(0, 3);
  return std::string(has(kRestrictedAreas, area) ? std::string_view("000") : area);
}

}  // namespace sluice::deid
