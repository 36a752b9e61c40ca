// The table (Q-01, C-01): every parameter that is listed compiles with a value of its type.
#include "search/search_parameter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "searching.h"

namespace sluice::search {
namespace {

std::string example(ParameterType type, std::string_view name) {
  if (name == "relationship") return "replaces$DocumentReference/1";
  switch (type) {
    case ParameterType::kDate:
      return "2020";
    case ParameterType::kNumber:
    case ParameterType::kQuantity:
      return "5";
    case ParameterType::kToken:
      return "true";
    case ParameterType::kComposite:
      return name.ends_with("coordinate") ? "1$2$3" : "1$2020";
    default:
      return "abc";
  }
}

TEST(SearchParameters, EveryListedOneWorks_Q01_C01) {
  std::size_t count = 0;
  for (const fhir::ResourceType type : fhir::all_resource_types()) {
    std::string_view last;
    for (const SearchParameter& parameter : parameters_of(type)) {
      EXPECT_LT(last, parameter.name);
      last = parameter.name;
      std::string value = example(parameter.type, parameter.name);
      if (parameter.type == ParameterType::kUri) value = "http://u.example/1";
      const auto query = Query::compile(type, Parameters{{std::string(parameter.name), value}}, {});
      EXPECT_TRUE(query) << query.error().message;
      Matcher matcher;
      EXPECT_TRUE(matcher.matches(*query, R"({"id":"none"})"));
      ++count;
    }
  }
  // 1,698 rows of single types of R4, 17 of ViewDefinition and 6 of all: those of the standards
  // without what r4/README.md names.
  EXPECT_EQ(count, 1698 + 17 + 6 * fhir::all_resource_types().size());
}

TEST(SearchParameters, HaveTheirStandardsDefinition_C01) {
  const auto* code = find_parameter(type_of("Observation"), "code");
  ASSERT_NE(code, nullptr);
  EXPECT_EQ(code->canonical, "http://hl7.org/fhir/SearchParameter/clinical-code");
  EXPECT_EQ(to_string(code->type), "token");
  EXPECT_EQ(find_parameter(type_of("ViewDefinition"), "resource")->canonical,
            "http://hl7.org/fhir/uv/sql-on-fhir/SearchParameter/ViewDefinition-resource");
  const auto* patient = find_parameter(type_of("Observation"), "patient");
  ASSERT_NE(patient, nullptr);
  EXPECT_THAT(patient->targets, testing::ElementsAre(fhir::types::kPatient));
  EXPECT_EQ(find_parameter(type_of("Observation"), "birthdate"), nullptr);
  EXPECT_NE(find_parameter(type_of("Basic"), "_lastUpdated"), nullptr);
  EXPECT_EQ(to_string(ParameterType::kComposite), "composite");
}

}  // namespace
}  // namespace sluice::search
