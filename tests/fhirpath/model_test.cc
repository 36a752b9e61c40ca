// The table of R4's types, compared with the other tables of the repository.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "fhirpath/model.h"

namespace sluice::fhirpath {
namespace {

TEST(Model, KnowsWhatSpecialisesWhat) {
  const auto type = [](const char* name) { return *find_fhir_type(name); };
  EXPECT_TRUE(is_a(type("Patient"), type("DomainResource")));
  EXPECT_TRUE(is_a(type("Patient"), type("Resource")));
  EXPECT_TRUE(is_a(type("code"), type("string")));
  EXPECT_TRUE(is_a(type("Age"), type("Quantity")));
  EXPECT_TRUE(is_a(type("Patient.contact"), type("BackboneElement")));
  EXPECT_FALSE(is_a(type("Bundle"), type("DomainResource")));
  EXPECT_FALSE(find_fhir_type("patient"));
  EXPECT_EQ(row_of(type("instant")).conversion, system::kDateTime);
  EXPECT_EQ(row_of(type("unsignedInt")).conversion, system::kInteger);
  EXPECT_EQ(row_of(type("Age")).conversion, system::kQuantity);
}

/// "value[x]" and whether it repeats, of a cell of a table.
std::set<std::string> elements_of(const std::string& cell) {
  std::set<std::string> elements;
  std::istringstream parts(cell);
  for (std::string part; std::getline(parts, part, ',');)
    elements.insert(part.substr(0, part.find(':')) + (part.ends_with('*') ? "*" : ""));
  return elements;
}

TEST(Model, HasTheRootElementsThatTheTableOfResourcesHas) {
  std::ifstream file(SLUICE_FHIR_TABLES "/root_elements.tsv");
  std::string line;
  std::getline(file, line);
  std::getline(file, line);
  int resources = 0;
  for (; std::getline(file, line); ++resources) {
    const std::string name = line.substr(0, line.find('\t'));
    const auto type = find_fhir_type(name);
    if (name == "ViewDefinition") {
      EXPECT_FALSE(type) << "expressions are about R4's types";
      continue;
    }
    ASSERT_TRUE(type) << name;
    std::set<std::string> found;
    for (const auto& row : row_of(*type).elements())
      found.insert(std::string(row.name) + (row.is_choice ? "[x]" : "") + (row.repeats ? "*" : ""));
    EXPECT_EQ(found, elements_of(line.substr(line.find('\t') + 1))) << name;
  }
  EXPECT_EQ(resources, 147);
}

}  // namespace
}  // namespace sluice::fhirpath
