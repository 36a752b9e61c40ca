// The engine against the oracle: the same queries, the same resources, the same
// answers. Queries from a list over real data and built edge cases; random ones over built
// resources of every type. Each difference is a mistake of one of the two.
#include "oracle.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <set>

#include "population.h"
#include "random_search.h"
#include "searching.h"

namespace sluice::search {
namespace {

constexpr std::int64_t kNow = 1767225600000;  // as searching.h
constexpr std::size_t kSample = 150;          // resources of each type of the population
constexpr std::size_t kBuilt = 6;             // built resources of each type

struct Line {
  std::string id;
  std::string json;
};
using Lines = std::map<std::string, std::vector<Line>>;

class DataResolver final : public Resolver {
 public:
  explicit DataResolver(const Lines& lines) : lines_(lines) {}
  Result<void> look() override { return {}; }
  Result<void> each(fhir::ResourceType type, const Visit& visit) override {
    const auto found = lines_.find(std::string(fhir::type_name(type)));
    if (found == lines_.end()) return {};
    for (const Line& line : found->second) SLUICE_RETURN_IF_ERROR(visit(line.id, line.json));
    return {};
  }

 private:
  const Lines& lines_;
};

/// What came of comparing one query.
struct Comparison {
  std::string difference;  ///< empty: both said the same of every resource
  std::size_t matches = 0;
  std::size_t resources = 0;
};

/// Resources that both sides see.
class Data {
 public:
  Data() : oracle(SLUICE_FHIR_R4, std::string(kBase), kNow * 1000) {}

  void add(const std::string& line) {
    const auto value = boost::json::parse(line);
    lines_[std::string(value.at("resourceType").as_string())].push_back(
        {std::string(value.at("id").as_string()), line});
    oracle.add(line);
  }

  /// But for names in scripts that the oracle cannot read.
  void add_population() {
    for (const PopulationFile& file : population())
      for (const std::string_view line : file.lines(kSample)) {
        const std::string text(line);
        try {
          (void)oracle::plain(boost::json::serialize(boost::json::parse(text)));
        } catch (const oracle::NotUnderstood&) {
          continue;
        }
        add(text);
      }
  }

  /// Written by hand for the list of queries.
  void add_edge_cases() {
    std::ifstream file(SLUICE_RESOURCES);
    std::string line;
    while (std::getline(file, line)) add(line);
  }

  /// Some of every type, with edge cases of every data type.
  void add_built(oracle::Random& random) {
    const oracle::ResourceMaker maker(SLUICE_SEARCH_TABLE);
    for (const auto& type : maker.types())
      for (std::size_t i = 0; i < kBuilt; ++i)
        add(boost::json::serialize(maker.make(random, type, "r" + std::to_string(i))));
  }

  Comparison compare(const std::string& type, const oracle::Pairs& query) {
    Comparison result;
    const std::string text = type + "?" + oracle::query_string(query);
    const auto compiled = compile(text);
    if (!compiled) {
      result.difference = text + ": the engine refuses: " + compiled.error().message;
      return result;
    }
    DataResolver resolver(lines_);
    const auto resolved = compiled->resolved(resolver);
    if (!resolved) {
      result.difference = text + ": " + resolved.error().message;
      return result;
    }
    const auto& of_type = lines_[type];
    result.resources = of_type.size();
    for (std::size_t i = 0; i < of_type.size(); ++i) {
      const bool ours = matcher_.matches(*resolved, of_type[i].json).value();
      const bool theirs = oracle.matches(type, query, oracle.resources(type)[i]);
      result.matches += theirs ? 1 : 0;
      if (ours != theirs && result.difference.empty())
        result.difference = text + ": of " + type + "/" + of_type[i].id + " the engine says " +
                            (ours ? "yes" : "no") + ", the oracle " + (theirs ? "yes" : "no") +
                            ": " + of_type[i].json.substr(0, 3000);
    }
    return result;
  }

  oracle::Oracle oracle;

 private:
  Lines lines_;
  Matcher matcher_;
};

TEST(Oracle, AgreesOnListedQueries_Q01_Q02_Q03_Q04_Q05_Q06) {
  Data data;
  data.add_population();
  data.add_edge_cases();
  oracle::Random random(4);
  data.add_built(random);
  std::ifstream file(SLUICE_QUERIES);
  std::string line;
  std::set<std::string> queries;
  std::size_t with_matches = 0;
  std::size_t telling = 0;
  while (std::getline(file, line)) {
    if (line.empty() || line.starts_with('#')) continue;
    EXPECT_TRUE(queries.insert(line).second) << line << " stands there twice";
    const std::size_t mark = line.find('?');
    try {
      const auto found =
          data.compare(line.substr(0, mark), oracle::pairs_of(line.substr(mark + 1)));
      EXPECT_EQ(found.difference, "");
      with_matches += found.matches > 0 ? 1 : 0;
      telling += found.matches > 0 && found.matches < found.resources ? 1 : 0;
      if (std::getenv("SLUICE_PRINT_QUERIES") != nullptr)
        std::cout << found.matches << " of " << found.resources << ": " << line << "\n";
    } catch (const oracle::NotUnderstood& why) {
      ADD_FAILURE() << line << ": the oracle does not understand " << why.what();
    }
  }
  EXPECT_GE(queries.size(), 400u);
  // Queries that nothing or everything matches prove little.
  EXPECT_GE(with_matches * 10, queries.size() * 8);
  EXPECT_GE(telling * 10, queries.size() * 7);
}

// SLUICE_RANDOM_QUERIES asks for more, SLUICE_SEED for others.
TEST(Oracle, AgreesOnRandomQueries_Q01_Q02_Q03_Q04_Q05_Q06) {
  const char* count_text = std::getenv("SLUICE_RANDOM_QUERIES");
  const char* seed_text = std::getenv("SLUICE_SEED");
  const std::size_t count = count_text == nullptr ? 10000 : std::stoul(count_text);
  const std::uint64_t seed = seed_text == nullptr ? 1 : std::stoull(seed_text);
  std::cout << "seed " << seed << ", " << count << " queries\n";
  oracle::Random random(seed);
  Data data;
  data.add_built(random);
  const auto types = data.oracle.types();
  const oracle::QueryMaker maker(data.oracle, std::string(kBase));
  std::size_t compared = 0;
  std::size_t with_matches = 0;
  std::size_t different = 0;
  for (std::size_t tries = 0; compared < count && tries < count * 20; ++tries) {
    const std::string type = random.of(types);
    try {
      const auto found = data.compare(type, maker.make(random, type));
      ++compared;
      with_matches += found.matches > 0 ? 1 : 0;
      EXPECT_EQ(found.difference, "") << "seed " << seed;
      different += found.difference.empty() ? 0 : 1;
      ASSERT_LT(different, 20u) << "more are not shown";
    } catch (const oracle::NotUnderstood&) {
      continue;  // the oracle has no opinion: another query
    }
  }
  EXPECT_EQ(compared, count);
  EXPECT_GE(with_matches, compared / 2);
}

}  // namespace
}  // namespace sluice::search
