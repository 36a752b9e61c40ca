#include "fhir/resource_type.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "fhir/additional_resources.h"

namespace sluice::fhir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ResourceType type(std::string_view name) {
  return find_resource_type(name).value();
}

TEST(ResourceType, NumbersAreThoseOnDisk) {
  // Literal on purpose: if this fails, databases in the field are misread.
  EXPECT_EQ(type("Account").code, 1);
  EXPECT_EQ(type("AllergyIntolerance").code, 4);
  EXPECT_EQ(type("Observation").code, 96);
  EXPECT_EQ(type("Patient").code, 103);
  EXPECT_EQ(type("VisionPrescription").code, 146);
  EXPECT_EQ(type("ViewDefinition").code, 147);
}

TEST(ResourceType, R4HasItsConcreteTypesOrderedByName) {
  const auto types = all_resource_types();
  EXPECT_EQ(types.size(), 147u);
  EXPECT_EQ(std::count_if(types.begin(), types.end(), is_additional_resource), 1);
  EXPECT_TRUE(is_additional_resource(types::kViewDefinition));
  for (std::size_t i = 1; i < types.size(); ++i) {
    EXPECT_LT(type_name(types[i - 1]), type_name(types[i]));
  }
  for (const ResourceType each : types) EXPECT_EQ(find_resource_type(type_name(each)), each);
}

TEST(ResourceType, UnknownNamesAreNotFound) {
  for (const char* name : {"", "patient", "Patients", "Patient ", "Resource", "DomainResource",
                           "SubscriptionTopic", "SubscriptionStatus", "ImagingSelection"}) {
    EXPECT_EQ(find_resource_type(name), std::nullopt) << name;
  }
}

TEST(ResourceType, NamedTypesAreThoseOfTheTable) {
  EXPECT_EQ(type_name(types::kPatient), "Patient");
  EXPECT_EQ(type_name(types::kGroup), "Group");
  EXPECT_EQ(type_name(types::kBinary), "Binary");
  EXPECT_EQ(type_name(types::kBundle), "Bundle");
  EXPECT_EQ(type_name(types::kProvenance), "Provenance");
  EXPECT_EQ(type_name(types::kViewDefinition), "ViewDefinition");
}

TEST(ResourceTypeDeathTest, ACodeOutsideTheTableAborts) {
  EXPECT_DEATH((void)type_name(ResourceType{0}), "");
  EXPECT_DEATH((void)type_name(ResourceType{9999}), "");
}

TEST(ResourceType, ThePatientCompartmentHasTheListedTypes) {
  // Of these Device is not R4's.
  for (const char* name :
       {"Patient", "Observation", "Group", "Provenance", "Coverage", "List", "Device"}) {
    EXPECT_TRUE(is_in_patient_compartment(type(name))) << name;
  }
  for (const char* name : {"Practitioner", "Organization", "Location", "Medication", "Binary",
                           "Bundle", "Substance"}) {
    EXPECT_FALSE(is_in_patient_compartment(type(name))) << name;
  }
  const auto types = all_resource_types();
  EXPECT_EQ(std::count_if(types.begin(), types.end(), is_in_patient_compartment), 67 + 1);
}

TEST(ResourceType, MandatoryElementsAreThoseOfTheStandard) {
  EXPECT_THAT(mandatory_root_elements(type("Observation")), ElementsAre("status", "code"));
  EXPECT_THAT(mandatory_root_elements(type("Patient")), IsEmpty());
  EXPECT_THAT(mandatory_root_elements(type("MedicationRequest")),
              testing::UnorderedElementsAre("status", "intent", "medication[x]", "subject"));
  EXPECT_THAT(mandatory_root_elements(type("EvidenceVariable")),
              ElementsAre("status", "characteristic"));
}

TEST(ResourceType, RootElementsIncludeInheritedOnesAndChoices) {
  for (const char* element : {"id", "meta", "implicitRules", "language", "text", "contained",
                              "extension", "modifierExtension", "status", "value", "valueQuantity",
                              "valueString", "effective", "effectivePeriod", "component"}) {
    EXPECT_TRUE(is_root_element(type("Observation"), element)) << element;
  }
  for (const char* element : {"", "value[x]", "valueAddress", "quantity", "name", "Status",
                              "resourceType", "code.coding", "_status"}) {
    EXPECT_FALSE(is_root_element(type("Observation"), element)) << element;
  }
  EXPECT_FALSE(is_root_element(type("Binary"), "text")) << "Binary is no DomainResource";
  EXPECT_TRUE(is_root_element(type("Binary"), "language"));
}

TEST(ResourceType, RootElementsSayWhatTheyAreInJson) {
  const auto shape = [](const char* of, std::string_view element) {
    const auto found = root_element_shape(type(of), element);
    EXPECT_TRUE(found) << element;
    return std::pair(found->kind, found->repeats);
  };
  EXPECT_EQ(shape("Patient", "active"), std::pair(JsonKind::kBoolean, false));
  EXPECT_EQ(shape("Patient", "name"), std::pair(JsonKind::kObject, true));
  EXPECT_EQ(shape("Patient", "deceasedDateTime"), std::pair(JsonKind::kString, false));
  EXPECT_EQ(shape("Patient", "multipleBirthInteger"), std::pair(JsonKind::kNumber, false));
  EXPECT_EQ(shape("Observation", "valueQuantity"), std::pair(JsonKind::kObject, false));
  EXPECT_EQ(shape("ClaimResponse", "adjudication"), std::pair(JsonKind::kObject, true));
  EXPECT_EQ(shape("ActivityDefinition", "library"), std::pair(JsonKind::kString, true));
  EXPECT_FALSE(root_element_shape(type("Patient"), "deceased")) << "a choice without its type";
}

TEST(ResourceType, LinksAreToldByNameAndParent) {
  EXPECT_TRUE(is_link_element("url", "attachment"));
  EXPECT_TRUE(is_link_element("system", "identifier"));
  EXPECT_TRUE(is_link_element("valueUri", "extension"));
  EXPECT_TRUE(is_link_element("definition", "item"));
  for (const auto& [element, parent] : {std::pair("url", "extension"),
                                        {"value", "identifier"},
                                        {"definition", "Measure"},
                                        {"system", "dependsOn"},
                                        {"instantiatesCanonical", "ServiceRequest"},
                                        {"", ""}})
    EXPECT_FALSE(is_link_element(element, parent)) << element;
}

TEST(ResourceType, EveryMandatoryElementIsARootElement) {
  for (const ResourceType each : all_resource_types()) {
    for (std::string_view element : mandatory_root_elements(each)) {
      if (element.ends_with("[x]")) element.remove_suffix(3);
      EXPECT_TRUE(is_root_element(each, element)) << type_name(each) << "." << element;
    }
  }
}

TEST(ResourceType, AgreesWithTheTablesOfTheTests) {
  std::ifstream file(SLUICE_FHIR_R4 "/resource_types.tsv");
  std::string line;
  std::getline(file, line);
  std::size_t compared = 0;
  while (std::getline(file, line)) {
    std::istringstream cells(line);
    std::string name, mandatory;
    std::getline(cells, name, '\t');
    std::getline(cells, mandatory, '\t');
    // R4B added this type, and made the characteristic of an EvidenceVariable optional.
    if (name == "SubscriptionStatus" || name == "EvidenceVariable") continue;
    std::set<std::string> expected;
    std::istringstream elements(mandatory);
    for (std::string element; std::getline(elements, element, ',');) expected.insert(element);
    const auto found = find_resource_type(name);
    ASSERT_TRUE(found) << name;
    const auto ours = mandatory_root_elements(*found);
    EXPECT_EQ(std::set<std::string>(ours.begin(), ours.end()), expected) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 146u);
}

TEST(ResourceId, FollowsTheRulesOfFhir) {
  EXPECT_TRUE(is_valid_id("a"));
  EXPECT_TRUE(is_valid_id("A-9.z"));
  EXPECT_TRUE(is_valid_id(std::string(64, '7')));
  EXPECT_FALSE(is_valid_id(""));
  EXPECT_FALSE(is_valid_id(std::string(65, '7')));
  for (const char* id : {"a_b", "a/b", "a b", "\xC3\xA4", "a\n", "#a", "a:b"}) {
    EXPECT_FALSE(is_valid_id(id)) << id;
  }
}

}  // namespace
}  // namespace sluice::fhir
