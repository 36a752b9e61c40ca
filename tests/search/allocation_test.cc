// Matching allocates nothing (Q-01): operator new counts, in a program of its own because it
// replaces operator new for all of it. The queries and resources are those that the oracle test
// asks, and some that no other test has.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "counted_allocations.h"
#include "searching.h"

namespace sluice::search {
namespace {

using Resources = std::map<std::string, std::vector<std::string>>;

class ResourcesResolver final : public Resolver {
 public:
  explicit ResourcesResolver(const Resources& resources) : resources_(resources) {}
  Result<void> look() override { return {}; }
  Result<void> each(fhir::ResourceType type, const Visit& visit) override {
    const auto found = resources_.find(std::string(fhir::type_name(type)));
    if (found == resources_.end()) return {};
    for (const std::string& json : found->second) {
      const std::size_t id = json.find("\"id\":\"") + 6;
      SLUICE_RETURN_IF_ERROR(visit(json.substr(id, json.find('"', id) - id), json));
    }
    return {};
  }

 private:
  const Resources& resources_;
};

std::vector<std::string> lines_of(const char* path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    if (!line.empty() && !line.starts_with('#')) lines.push_back(line);
  return lines;
}

/// What matching allocates when all of the query's resources were seen once before.
std::size_t allocations_of(const std::string& query, const Resources& resources) {
  const std::size_t at_first = allocations;
  const auto compiled = compile(query);
  EXPECT_GT(allocations, at_first) << "compiling allocates, so counting works";
  if (!compiled) {
    ADD_FAILURE() << compiled.error().message;
    return 0;
  }
  ResourcesResolver resolver(resources);
  const auto resolved = compiled->resolved(resolver).value();
  const auto& of_type = resources.at(query.substr(0, query.find('?')));
  Matcher matcher;
  const auto match_all = [&] {
    for (const std::string& resource : of_type) EXPECT_TRUE(matcher.matches(resolved, resource));
  };
  match_all();
  const std::size_t before = allocations;
  match_all();
  return allocations - before;
}

TEST(Allocation, NoneForTheQueriesOfTheOracle_Q01) {
  Resources resources;
  for (const std::string& line : lines_of(SLUICE_RESOURCES)) {
    const std::size_t begin = line.find("\"resourceType\":\"") + 16;
    resources[line.substr(begin, line.find('"', begin) - begin)].push_back(line);
  }
  std::size_t queries = 0;
  for (const std::string& query : lines_of(SLUICE_QUERIES)) {
    if (resources.count(query.substr(0, query.find('?'))) == 0) continue;
    EXPECT_EQ(allocations_of(query, resources), 0u) << query;
    ++queries;
  }
  EXPECT_GE(queries, 400u);
}

// Long texts, so that they do not fit into a string object.
TEST(Allocation, NoneForEscapesCanonicalsSoundsAndSampledData_Q01) {
  const Resources resources = {
      {"Patient",
       {R"({"id":"1","name":[{"family":"Quiñones de la Cordillera y de los \u00c1ngeles"}],
           "identifier":[{"system":"http://\u0065xample.org/a/long/system","value":"a-long-\u0069dentifier-of-a-patient"}],
           "generalPractitioner":[{"reference":"Practitioner\/a-long-identifier-of-a-practitioner"}],
           "meta":{"profile":["http:\/\/example.org\/a\/long\/profile|1.0"],"lastUpdated":"2024-02-29T23:59:59.123456789+01:00"}})"}},
      {"PlanDefinition",
       {R"({"id":"1","library":["http:\/\/example.org\/a\/long\/canonical|1.0"],"url":"http:\/\/example.org\/a\/long\/url"})"}},
      {"Observation",
       {R"({"id":"1","valueSampledData":{"origin":{"value":1.25,"code":"mV"},"factor":0.001,"data":"100 200 -300 E 400.5"},
           "code":{"text":"A long text of an obs\u00e8rvation, longer than a string holds"}})",
        R"({"id":"2","valueQuantity":{"value":123456789.123456789}})"}}};
  for (const char* query :
       {"Patient?phonetic=kinones", "Patient?family:contains=angeles", "Patient?family=quinones de",
        "Patient?family:exact=Quiñones de la Cordillera y de los Ángeles",
        "Patient?identifier=http://example.org/a/long/system|a-long-identifier-of-a-patient",
        "Patient?general-practitioner=a-long-identifier-of-a-practitioner",
        "Patient?_profile=http://example.org/a/long/profile", "Patient?_lastUpdated=2024-02-29",
        "PlanDefinition?depends-on=http://example.org/a/long/canonical",
        "PlanDefinition?url=http://example.org/a/long/url", "Observation?value-quantity=gt1.2||mV",
        "Observation?value-quantity=123456789.123456789",
        "Observation?value-quantity=ap123456789.12345678",
        "Observation?code:text=a long text of an observation", "Observation?code:missing=false"})
    EXPECT_EQ(allocations_of(query, resources), 0u) << query;
}

}  // namespace
}  // namespace sluice::search
