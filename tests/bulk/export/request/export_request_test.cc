// Parameters of a kick-off, one by one and together.
#include "bulk/export/request/export_request.h"
#include "bulk/export/request/stored_export.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sluice::bulk {
namespace {

using fhir::Parameter;

Result<ExportRequest> parse(std::vector<Parameter> parameters,
                            ExportLevel level = ExportLevel::kPatient, bool lenient = false) {
  return parse_export_request(parameters, {level, lenient, "https://ehr.example/fhir"});
}

Parameter query(std::string name, std::string value) {
  return {std::move(name), std::move(value), "query"};
}

std::vector<std::string> type_names(const ExportRequest& request) {
  std::vector<std::string> names;
  for (const auto type : request.types) names.emplace_back(fhir::type_name(type));
  return names;
}

// P-01
TEST(ExportRequest, OutputFormatsThatAreNdjson) {
  for (const char* good :
       {"application/fhir+ndjson", "application/fhir ndjson", "application/ndjson", "ndjson"})
    EXPECT_TRUE(parse({query("_outputFormat", good)})) << good;
  for (const char* bad : {"application/json", "csv", "NDJSON ", "application/fhir+parquet"}) {
    const auto request = parse({query("_outputFormat", bad)});
    ASSERT_FALSE(request) << bad;
    EXPECT_NE(request.error().message.find(bad), std::string::npos);
  }
}

// P-04
TEST(ExportRequest, TypesRepeatedAndSeparatedByCommas) {
  const auto request = parse({query("_type", "Patient, Observation"),
                              query("_type", "Condition"),
                              {"_type", "Patient", "valueString"}});
  ASSERT_TRUE(request);
  EXPECT_EQ(type_names(*request),
            (std::vector<std::string>{"Condition", "Observation", "Patient"}));
  EXPECT_TRUE(request->wants(*fhir::find_resource_type("Condition")));
  EXPECT_FALSE(request->wants(*fhir::find_resource_type("Encounter")));
}

// P-04
TEST(ExportRequest, AnUnknownTypeIsRefusedByName) {
  const auto request = parse({query("_type", "Patient,Foo")});
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().kind, ErrorKind::kInvalid);
  EXPECT_NE(request.error().message.find("Foo"), std::string::npos);
  EXPECT_FALSE(parse({query("_type", "patient")})) << "names are case-sensitive";
  EXPECT_FALSE(parse({query("_type", "")}));
  EXPECT_FALSE(parse({query("_type", "Patient,")}));
}

// P-04
TEST(ExportRequest, OnlyTypesOutsideTheCompartmentAreRefusedBelowSystemLevel) {
  EXPECT_FALSE(parse({query("_type", "Practitioner,Organization")}));
  EXPECT_FALSE(parse({query("_type", "Practitioner")}, ExportLevel::kGroup));
  EXPECT_TRUE(parse({query("_type", "Practitioner,Patient")}));
  EXPECT_TRUE(parse({query("_type", "Practitioner")}, ExportLevel::kSystem));
}

// Lenient handling skips what is unknown, but never turns "these" into "all".
TEST(ExportRequest, LenientHandlingNeverWidensTheExport) {
  const auto some = parse({query("_type", "Patient,Foo")}, ExportLevel::kSystem, true);
  ASSERT_TRUE(some);
  EXPECT_EQ(type_names(*some), std::vector<std::string>{"Patient"});
  ASSERT_EQ(some->skipped.size(), 1u);
  EXPECT_NE(some->skipped[0].find("Foo"), std::string::npos);
  EXPECT_FALSE(parse({query("_type", "Foo")}, ExportLevel::kSystem, true));
  EXPECT_FALSE(parse({query("_elements", "nosuch")}, ExportLevel::kSystem, true));
  EXPECT_FALSE(parse({query("_since", "yesterday")}, ExportLevel::kSystem, true));
}

TEST(ExportRequest, UnknownAndUnsupportedParametersAreRefusedOrReported) {
  for (const char* name : {"includeassociateddata", "_typefilter", "foo", ""}) {
    const auto strict = parse({query(name, "x")});
    ASSERT_FALSE(strict) << name;
    EXPECT_EQ(strict.error().kind, ErrorKind::kUnsupported) << name;
    const auto lenient = parse({query(name, "x")}, ExportLevel::kPatient, true);
    ASSERT_TRUE(lenient) << name;
    EXPECT_EQ(lenient->skipped.size(), 1u) << name;
  }
}

// P-02, P-03
TEST(ExportRequest, InstantsInAllForms) {
  const auto request =
      parse({query("_since", "2026-01-01T00:00:00 02:00"), {"_until", "2026-02-01", "valueDate"}});
  ASSERT_TRUE(request);
  EXPECT_EQ(to_fhir_instant(*request->since), "2025-12-31T22:00:00.000Z");
  EXPECT_EQ(to_fhir_instant(*request->until), "2026-02-01T00:00:00.000Z");
}

// P-12
TEST(ExportRequest, TwiceWhereOneIsAllowedOrOfTheWrongKindIsRefused) {
  const std::vector<std::vector<Parameter>> bad = {
      {query("_since", "2026"), query("_since", "2026")},
      {query("_until", "2026"), {"_until", "2027", "valueInstant"}},
      {query("_outputFormat", "ndjson"), query("_outputFormat", "ndjson")},
      {query("_maximumFileSize", "1"), query("_maximumFileSize", "1")},
      {{"_since", "true", "valueBoolean"}},
      {{"_since", "1", "valueInteger"}},
      {{"_type", "Patient", "valueReference"}},
      {{"_type", "1", "valueInteger"}},
      {{"patient", "true", "valueBoolean"}},
      {{"_maximumFileSize", "1.5", "valueDecimal"}},
      {query("_since", "")},
      {query("_maximumFileSize", "-1")},
      {query("_maximumFileSize", "0")},
      {query("_maximumFileSize", "ten")},
      {query("_maximumFileSize", "99999999999999999999999")},
      {query("_minimumFileSize", "10"), query("_maximumFileSize", "9")},
      {query("_minimumFileSize", "10"), query("_maximumFileSize", "10")},
  };
  for (const auto& parameters : bad)
    EXPECT_FALSE(parse(parameters)) << parameters[0].name << "=" << parameters[0].value;
}

// P-06
TEST(ExportRequest, ElementsMustBeRootElements) {
  EXPECT_TRUE(parse({query("_elements", "id,Patient.name")}));
  for (const char* bad : {"Patient.name.family", "Patient.nosuch", "nosuch", "Foo.id", ""})
    EXPECT_FALSE(parse({query("_elements", bad)})) << bad;
}

// P-07
TEST(ExportRequest, PatientsAreReferences) {
  const auto request = parse({query("patient", "Patient/b,Patient/a"),
                              {"patient", "https://ehr.example/fhir/Patient/c", "valueReference"},
                              query("patient", "Patient/a")});
  ASSERT_TRUE(request);
  EXPECT_EQ(*request->patients, (std::vector<std::string>{"a", "b", "c"}));
  for (const char* bad : {"Practitioner/a", "Patient/", "Patient/a/b", "a b",
                          "https://other.example/fhir/Patient/c", "Patient/ä", "urn:uuid:1", ""})
    EXPECT_FALSE(parse({query("patient", bad)})) << bad;
  EXPECT_FALSE(parse({query("patient", "Patient/a")}, ExportLevel::kSystem));
}

TEST(ExportRequest, ComesBackFromItsStoredForm) {
  auto request =
      parse({query("_type", "Patient"), query("_since", "2026"), query("_until", "2027"),
             query("_elements", "id"), query("patient", "Patient/a"),
             query("_minimumFileSize", "5"), query("_maximumFileSize", "9"), query("foo", "x")},
            ExportLevel::kGroup, true);
  ASSERT_TRUE(request);
  request->group_id = "g";
  request->separate_export_status = true;
  request->url = "https://ehr.example/fhir/Group/g/$export?_type=Patient";
  const auto back = parse_stored_request(serialize(*request));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->level, ExportLevel::kGroup);
  EXPECT_EQ(back->group_id, "g");
  EXPECT_EQ(back->types, request->types);
  EXPECT_EQ(back->since, request->since);
  EXPECT_EQ(back->until, request->until);
  EXPECT_EQ(back->elements, request->elements);
  EXPECT_EQ(back->patients, request->patients);
  EXPECT_EQ(back->file_size_min, 5u);
  EXPECT_EQ(back->file_size_max, 9u);
  EXPECT_EQ(back->skipped, request->skipped);
  EXPECT_TRUE(back->separate_export_status);
  EXPECT_EQ(back->url, request->url);
  EXPECT_EQ(back->base_url, "https://ehr.example/fhir");
  EXPECT_EQ(parse_stored_request("{}").error().kind, ErrorKind::kCorrupt);
  // what no version of the program would have written.
  const std::string text = serialize(*request);
  for (const auto& [member, value] : std::vector<std::pair<std::string, std::string>>{
           {"\"level\":", "9"}, {"\"since\":", "9223372036854775807"}}) {
    std::string damaged = text;
    const std::size_t at = damaged.find(member) + member.size();
    ASSERT_LT(at, damaged.size()) << member;
    damaged.replace(at, damaged.find_first_of(",}", at) - at, value);
    EXPECT_EQ(parse_stored_request(damaged).error().kind, ErrorKind::kCorrupt) << damaged;
  }
}

// P-10
TEST(ExportRequest, AllowPartialManifestsIsABoolean) {
  EXPECT_FALSE(parse({})->partial_manifests);
  for (const char* kind : {"query", "valueString", "valueBoolean"}) {
    const auto request = parse({{"allowPartialManifests", "true", kind}});
    ASSERT_TRUE(request) << kind;
    EXPECT_TRUE(request->partial_manifests);
    EXPECT_TRUE(parse_stored_request(serialize(*request))->partial_manifests);
  }
  EXPECT_FALSE(parse({query("allowPartialManifests", "false")})->partial_manifests);
  for (const char* bad : {"yes", "1", "TRUE", ""})
    EXPECT_FALSE(parse({query("allowPartialManifests", bad)})) << bad;
  EXPECT_FALSE(parse({{"allowPartialManifests", "true", "valueCode"}}));
  EXPECT_FALSE(
      parse({query("allowPartialManifests", "true"), query("allowPartialManifests", "true")}));
}

std::string repeated(std::string_view value, std::size_t count) {
  std::string list;
  for (std::size_t i = 0; i < count; ++i) list.append(i == 0 ? "" : ",").append(value);
  return list;
}

TEST(ExportRequest, ListsAreBoundedWhetherJoinedOrRepeated_R01) {
  const auto why = [](std::vector<Parameter> parameters, bool lenient = false) {
    const auto request = parse(std::move(parameters), ExportLevel::kPatient, lenient);
    return request ? std::string("accepted") : request.error().message;
  };
  const struct {
    const char* name;
    const char* value;
    std::size_t max;
  } lists[] = {{"_type", "Patient", 1'000},
               {"_elements", "id", 1'000},
               {"patient", "Patient/a", 100'000},
               {"includeAssociatedData", "LatestProvenanceResources", 100}};
  for (const auto& list : lists) {
    const auto refusal =
        fmt::format("the parameter '{}' has more than {} values", list.name, list.max);
    EXPECT_EQ(why({query(list.name, repeated(list.value, list.max))}), "accepted") << list.name;
    EXPECT_EQ(why({query(list.name, repeated(list.value, list.max + 1))}), refusal);
    EXPECT_EQ(why({query(list.name, repeated(list.value, list.max)), query(list.name, list.value)}),
              refusal);
    EXPECT_NE(why({query(list.name, std::string(32u << 20, ','))}), "accepted");
  }
  EXPECT_EQ(why(std::vector<Parameter>(100'001, {"patient", "Patient/a", "valueReference"})),
            "the parameter 'patient' has more than 100000 values");
  EXPECT_EQ(why(std::vector<Parameter>(100, query("nosuch", "1")), true), "accepted");
  EXPECT_EQ(why(std::vector<Parameter>(101, query("nosuch", "1")), true),
            "there are more than 100 parameters and values that are not known");
}

}  // namespace
}  // namespace sluice::bulk
