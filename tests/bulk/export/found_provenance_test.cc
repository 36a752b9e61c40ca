// Provenance of small groups: found while the first phase reads the patients' resources (P-08).
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "export_fixture.h"

namespace sluice::bulk {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr int kPatients = 300;

class FoundProvenanceTest : public ExportFixture {
 protected:
  void SetUp() override {
    ExportFixture::SetUp();
    // Large resources, so that seeking a patient costs less than reading a type.
    const std::string note(2000, 'n');
    std::vector<std::string> lines;
    for (int i = 0; i < kPatients; ++i) {
      lines.push_back(fmt::format(R"({{"resourceType":"Patient","id":"p{}"}})", i));
      for (const char* type : {"Observation", "Condition"})
        lines.push_back(fmt::format(
            R"({{"resourceType":"{}","id":"{}-{}","subject":{{"reference":"Patient/p{}"}},"note":[{{"text":"{}"}}]}})",
            type, type[0], i, i, note));
      add_provenance(lines, fmt::format("of-O-{}", i), fmt::format("Observation/O-{}", i));
      add_provenance(lines, fmt::format("of-C-{}", i), fmt::format("Condition/C-{}", i));
    }
    lines.push_back(
        R"({"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/p7"}},{"entity":{"reference":"Patient/p200"}}]})");
    put(lines);
    // What is in memory only, the store knows the size of by sampling, which makes the plan vary.
    ASSERT_TRUE(store_->compact());
  }

  static void add_provenance(std::vector<std::string>& lines, const std::string& id,
                             const std::string& target) {
    lines.push_back(fmt::format(
        R"({{"resourceType":"Provenance","id":"{}","recorded":"2020-01-01T00:00:00Z","target":[{{"reference":"{}"}}],"agent":[{{"who":{{"display":"x"}}}}]}})",
        id, target));
  }

  static ExportRequest group(std::vector<std::string> types = {}) {
    ExportRequest request;
    request.level = ExportLevel::kGroup;
    request.group_id = "g";
    for (const auto& type : types) request.types.push_back(*fhir::find_resource_type(type));
    return request;
  }

  /// The results of the shards of the first phase, with what they found.
  std::vector<ShardResult> found(const std::string& id) {
    std::vector<ShardResult> results;
    const auto shards = engine_->shards(id, {}, 1000);
    for (const auto& shard : *shards) {
      auto result = parse_shard_result(shard.result);
      EXPECT_TRUE(result);
      if (result && !result->provenances_of.empty()) results.push_back(std::move(*result));
    }
    return results;
  }

  std::set<std::string> export_of(const ExportRequest& request, std::string& id) {
    id = kick_off(request);
    EXPECT_EQ(wait(id).job.state, job::JobState::kDone);
    return keys(lines_of_kind(id, FileKind::kOutput));
  }
};

TEST_F(FoundProvenanceTest, P08TheFirstPhaseFindsThemOnTheWay) {
  std::string id;
  EXPECT_EQ(
      export_of(group(), id),
      (std::set<std::string>{"Patient/p7", "Patient/p200", "Observation/O-7", "Observation/O-200",
                             "Condition/C-7", "Condition/C-200", "Provenance/of-O-7",
                             "Provenance/of-O-200", "Provenance/of-C-7", "Provenance/of-C-200"}));
  std::uint64_t count = 0;
  std::set<fhir::ResourceType> types;
  for (const auto& result : found(id)) {
    count += result.provenances.count;
    types.insert(result.provenances_of.begin(), result.provenances_of.end());
    EXPECT_THAT(result.provenances.file, IsEmpty()) << "so few stand in the result";
  }
  EXPECT_EQ(count, 4u);
  EXPECT_THAT(types, Contains(*fhir::find_resource_type("Condition")));
}

TEST_F(FoundProvenanceTest, P08WhatIsNotAskedForIsStillWalked) {
  std::string id;
  EXPECT_EQ(
      export_of(group({"Observation", "Provenance"}), id),
      (std::set<std::string>{"Observation/O-7", "Observation/O-200", "Provenance/of-O-7",
                             "Provenance/of-O-200", "Provenance/of-C-7", "Provenance/of-C-200"}));
  const auto results = found(id);
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_THAT(results[0].provenances_of, SizeIs(1));
  EXPECT_EQ(results[0].provenances.text, "of-O-200\nof-O-7\n");
}

TEST_F(FoundProvenanceTest, P08ThoseOfWhatIsReturnedOnly) {
  ExportRequest request = group({"Observation", "Provenance"});
  request.associated_provenance = AssociatedProvenance::kRelevant;
  std::string id;
  EXPECT_EQ(export_of(request, id),
            (std::set<std::string>{"Observation/O-7", "Observation/O-200", "Provenance/of-O-7",
                                   "Provenance/of-O-200"}));
  EXPECT_THAT(found(id), SizeIs(1));
}

TEST_F(FoundProvenanceTest, P08ManyGoThroughAFileThatNoClientGets) {
  std::vector<std::string> lines;
  for (int i = 0; i < 400; ++i)
    add_provenance(lines, fmt::format("more-{:055}", i), "Observation/O-7");
  put(lines);
  std::string id;
  const auto exported = export_of(group(), id);
  EXPECT_THAT(exported, SizeIs(10 + 400));
  bool in_file = false;
  for (const auto& result : found(id)) {
    if (result.provenances.file.empty()) continue;
    in_file = true;
    EXPECT_EQ(result.provenances.file.front(), output::kInternalFilePrefix);
    EXPECT_THAT(result.provenances.text, IsEmpty());
    EXPECT_THAT(lines_of(id, result.provenances.file), SizeIs(result.provenances.count));
  }
  EXPECT_TRUE(in_file);
}

TEST_F(FoundProvenanceTest, P08ADeletedTargetHasNone) {
  remove("Observation", "O-7");
  std::string id;
  EXPECT_THAT(export_of(group(), id), Not(Contains("Provenance/of-O-7")));
}

}  // namespace
}  // namespace sluice::bulk
