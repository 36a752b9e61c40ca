// The parts of an export's pipeline one by one: which source reads what, what a transform leaves
// alone, which sink writes what. Whole exports are export_test.cc's.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>

#include "bulk/export/request/export_phases.h"
#include "bulk/export/shard/ndjson_files.h"
#include "bulk/export/shard/record_filter.h"
#include "bulk/export/shard/record_sinks.h"
#include "bulk/export/shard/record_sources.h"
#include "bulk/export/shard/record_transform.h"
#include "export_fixture.h"

namespace sluice::bulk {
namespace {

constexpr std::string_view kJob = "job";

class RecordPipelineTest : public ExportFixture {
 protected:
  static store::RecordView patient(std::string_view json) {
    store::RecordView record;
    record.type = fhir::types::kPatient;
    record.id = "p";
    record.json = json;
    return record;
  }

  static TransformChain chain(const PreparedExport& prepared) {
    return {prepared, [](std::string_view id) -> Result<std::string> {
              return "https://files.example/" + std::string(id);
            }};
  }

  struct Written {
    std::vector<std::string> names;
    std::vector<std::string> lines;
    std::size_t runs = 0;
  };
  /// What the sink of a request writes of a Patient's block with the Patient and an Observation.
  Written write(const ExportRequest& request, unsigned phase) {
    ShardFiles files(*files_, std::string(kJob), "0-00007");
    const auto sink = make_sink({files, request, phase, 1u << 20});
    const std::string_view observation =
        R"({"resourceType":"Observation","id":"o","subject":{"reference":"Patient/p"}})";
    const auto observation_type = *fhir::find_resource_type("Observation");
    EXPECT_TRUE(sink->begin_block(fhir::types::kPatient, "p"));
    EXPECT_TRUE(sink->append({fhir::types::kPatient, "p", kPatientLine, kPatientLine}));
    EXPECT_TRUE(sink->append({observation_type, "o", observation, observation}));
    EXPECT_TRUE(sink->finish());
    EXPECT_TRUE(files.finish());
    Written written;
    for (const auto& file : files.take()) {
      written.names.push_back(file.name);
      const auto lines = lines_of(std::string(kJob), file.name);
      written.lines.insert(written.lines.end(), lines.begin(), lines.end());
      EXPECT_EQ(file.count, resources_of(lines));
    }
    written.runs = sink->take_runs().size();
    return written;
  }

  static constexpr std::string_view kPatientLine = R"({"resourceType":"Patient","id":"p"})";
};

TEST_F(RecordPipelineTest, ALineThatNoTransformConcernsIsNotCopied) {
  PreparedExport prepared;
  prepared.elements =
      fhir::ElementsSelection::parse({"Observation.status"}, {fhir::types::kPatient}).value();
  auto transforms = chain(prepared);
  const std::string line = R"({"resourceType":"Patient","id":"p","gender":"male"})";
  const auto out = transforms.apply(patient(line));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->data(), line.data());
  EXPECT_EQ(out->size(), line.size());
}

TEST_F(RecordPipelineTest, EachTransformWorksOnWhatTheOneBeforeLeft) {
  PreparedExport prepared;
  prepared.elements = fhir::ElementsSelection::parse({"photo"}, {fhir::types::kPatient}).value();
  auto transforms = chain(prepared);
  const std::string line =
      R"({"resourceType":"Patient","id":"p","gender":"male","photo":[{"url":"Binary/b"}]})";
  const std::string expected =
      R"({"resourceType":"Patient","id":"p","photo":[{"url":"https://files.example/b"}],)"
      R"("meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue",)"
      R"("code":"SUBSETTED"}]}})";
  for (int i = 0; i < 2; ++i) {
    const auto out = transforms.apply(patient(line));
    ASSERT_TRUE(out);
    EXPECT_EQ(*out, expected);
  }
}

// R-01, S-05: one resource can take longer to compare than a DELETE or a stop may wait.
TEST_F(RecordPipelineTest, AFilterStopsWithinOneResource_R01) {
  ExportRequest request;
  request.type_filters = {{fhir::types::kPatient, "name:contains=n1,n2,n3"}};
  PreparedExport prepared;
  prepared.filters = ExportFilters::prepare(*store_, request, store_->last_commit()).value();
  const ExportScope scope(prepared);
  std::stop_source stop;
  const job::ShardContext shard{.stop = stop.get_token(), .add_progress = [](std::uint64_t) {}};
  ShardProgress progress(shard);
  RecordFilter filter(prepared, scope, false, progress);
  const std::string line =
      fmt::format(R"({{"resourceType":"Patient","id":"p","name":[{{"family":"{}"}}]}})",
                  std::string(1u << 20, 'a'));
  EXPECT_EQ(filter.passes(patient(line), AgeRule::kOwn).value(), false);
  stop.request_stop();
  const auto stopped = filter.passes(patient(line), AgeRule::kOwn);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
}

// P-09
TEST_F(RecordPipelineTest, TheRequestAndThePhaseTellWhichSinkWrites) {
  ExportRequest request;
  const Written by_type = write(request, kMainPhase);
  EXPECT_EQ(by_type.names, (std::vector<std::string>{"Patient-0-00007-000.ndjson",
                                                     "Observation-0-00007-001.ndjson"}));
  EXPECT_EQ(by_type.lines.size(), 2u);
  EXPECT_EQ(by_type.runs, 0u);

  const std::string header =
      R"({"resourceType":"Parameters","parameter":[{"name":"header","valueReference":{"reference":"Patient/p"}}]})";
  request.organize_by = fhir::types::kPatient;
  const Written by_patient = write(request, kMainPhase);
  EXPECT_EQ(by_patient.names, std::vector<std::string>{"Block-0-00007-000.ndjson"});
  ASSERT_EQ(by_patient.lines.size(), 3u);
  EXPECT_EQ(by_patient.lines[0], header);
  EXPECT_EQ(by_patient.runs, 0u);

  // What may be referred to from anywhere is sorted first, and in blocks when it is merged.
  request.organize_by = *fhir::find_resource_type("Practitioner");
  const std::string practitioner = R"({"resourceType":"Practitioner","id":"d"})";
  ShardFiles files(*files_, std::string(kJob), "0-00008");
  const auto sorting = make_sink({files, request, kMainPhase, 1u << 20});
  ASSERT_TRUE(sorting->append({*request.organize_by, "d", practitioner, practitioner}));
  ASSERT_TRUE(sorting->finish());
  EXPECT_EQ(sorting->take_runs().size(), 1u);
  EXPECT_TRUE(files.take().empty());
  const Written merged = write(request, kBlocksPhase);
  EXPECT_EQ(merged.names, std::vector<std::string>{"Block-0-00007-000.ndjson"});
  EXPECT_EQ(merged.lines.size(), 3u);
}

// An exported OperationOutcome is a resource like others, and there may be an outcome file too.
TEST_F(RecordPipelineTest, RecordsAndMessagesOfOneNameStandInFilesOfTheirOwn) {
  ExportRequest request;
  ShardFiles files(*files_, std::string(kJob), "0-00009");
  const auto sink = make_sink({files, request, kMainPhase, 1u << 20});
  MessageFiles messages(files, 1u << 20);
  const std::string_view outcome = R"({"resourceType":"OperationOutcome","id":"x"})";
  ASSERT_TRUE(sink->append({*fhir::find_resource_type("OperationOutcome"), "x", outcome, outcome}));
  ASSERT_TRUE(messages.append(FileKind::kOutcome, R"({"resourceType":"OperationOutcome"})"));
  ASSERT_TRUE(messages.append(FileKind::kDeleted, R"({"resourceType":"Bundle"})"));
  ASSERT_TRUE(sink->finish());
  ASSERT_TRUE(messages.finish());
  ASSERT_TRUE(files.finish());
  std::map<std::string, FileKind> kinds;
  std::map<std::string, std::string> types;
  for (const auto& file : files.take()) {
    kinds.emplace(file.name, file.kind);
    types.emplace(file.name, file.type);
  }
  EXPECT_EQ(kinds, (std::map<std::string, FileKind>{
                       {"OperationOutcome-0-00009-000.ndjson", FileKind::kOutput},
                       {"OperationOutcome-0-00009-001.ndjson", FileKind::kOutcome},
                       {"Deleted-0-00009-002.ndjson", FileKind::kDeleted}}));
  EXPECT_EQ(types["OperationOutcome-0-00009-001.ndjson"], "OperationOutcome");
  EXPECT_EQ(types["Deleted-0-00009-002.ndjson"], "Bundle");
}

TEST_F(RecordPipelineTest, EachWayOfReadingRecordsHasASource) {
  const PreparedExport prepared;
  const ExportScope scope(prepared);
  const ShardInputs inputs;
  const job::ShardContext shard{};
  ShardProgress progress(shard);
  const std::string job(kJob);
  const std::string stem = "0-00000";
  const SourceContext context{*store_, *files_, job, stem, prepared, scope, inputs, progress};
  // These find no records.
  const std::set<ReadMode> others = {ReadMode::kOutcome, ReadMode::kDeleted, ReadMode::kLatest,
                                     ReadMode::kBlocks};
  for (unsigned mode = 0; mode <= static_cast<unsigned>(ReadMode::kProvenanceOfScope); ++mode) {
    Segment segment;
    segment.mode = static_cast<ReadMode>(mode);
    const auto source = make_source(context, {&segment, 1});
    EXPECT_EQ(source.has_value(), !others.contains(segment.mode)) << mode;
  }
  // Only what is merged is read together.
  std::array<Segment, 3> segments;
  EXPECT_EQ(segments_of_source(segments), 1u);
  for (auto& segment : segments) segment.mode = ReadMode::kByOwner;
  EXPECT_EQ(segments_of_source(segments), 3u);
}

}  // namespace
}  // namespace sluice::bulk
