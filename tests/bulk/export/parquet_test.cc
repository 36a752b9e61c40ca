// Exports as Parquet: which requests are, and which files they make. What is in them, other
// programs read in tests/e2e/test_parquet.py.
#include <gtest/gtest.h>

#include "bulk/export/request/stored_export.h"
#include "export_fixture.h"
#include "output/raw_file_writer.h"
#include "parquet_library.h"

namespace sluice::bulk {
namespace {

constexpr const char* kParquet = "application/vnd.apache.parquet";

Result<ExportRequest> parse(const std::vector<fhir::Parameter>& parameters, bool lenient = false) {
  return parse_export_request(parameters,
                              {ExportLevel::kSystem, lenient, "https://ehr.example/fhir"});
}

// P-01
TEST(ParquetRequest, IsKnownByBothNamesAndKeptWithTheJob) {
  for (const char* name : {kParquet, "parquet"}) {
    const auto request = parse({{"_outputFormat", name, "query"}});
    ASSERT_TRUE(request) << request.error().message;
    EXPECT_EQ(request->output_format, OutputFormat::kParquet);
    EXPECT_EQ(parse_stored_request(serialize(*request))->output_format, OutputFormat::kParquet);
  }
  const auto plain = parse({});
  EXPECT_EQ(serialize(*plain).find("output_format"), std::string::npos);
  EXPECT_EQ(parse_stored_request(serialize(*plain))->output_format, OutputFormat::kNdjson);
}

// P-09
TEST(ParquetRequest, WithAnOrganizerIsRefusedOrTheOrganizerSkipped) {
  const std::vector<fhir::Parameter> both = {{"organizeOutputBy", "Group", "query"},
                                             {"_outputFormat", "parquet", "query"}};
  const auto refused = parse(both);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(refused.error().message,
            "organizeOutputBy 'Group' is not supported together with _outputFormat "
            "'application/vnd.apache.parquet'");
  const auto skipped = parse(both, true);
  ASSERT_TRUE(skipped);
  EXPECT_FALSE(skipped->organize_by);
  EXPECT_EQ(skipped->output_format, OutputFormat::kParquet);
  EXPECT_EQ(skipped->skipped.size(), 1u);
}

class ParquetExport : public ExportFixture {
 protected:
  std::uint64_t rows_of(const std::string& job, const OutputFile& file) {
    const auto rows = parquet::count_rows(folder_ / "files" / job / file.name);
    EXPECT_TRUE(rows) << rows.error().detail;
    return rows ? *rows : 0;
  }
};

// P-11, F-01
TEST_F(ParquetExport, MakesFilesOfOneTypeEachCutByTheSizeOfTheirRecords) {
  std::vector<std::string> lines;
  for (int i = 0; i < 40; ++i) {
    const auto number = std::to_string(i);
    lines.push_back(R"({"resourceType":"Patient","id":"p)" + number + R"("})");
    lines.push_back(R"({"resourceType":"Observation","id":"o)" + number +
                    R"(","subject":{"reference":"Patient/p1"},"note":[{"text":")" +
                    std::string(1000, 'x') + "\"}]}");
  }
  put(lines);
  ExportRequest request;
  request.output_format = OutputFormat::kParquet;
  request.file_size_max = 10'000;
  const std::string job = kick_off(request);
  ASSERT_EQ(wait(job).job.state, job::JobState::kDone);
  std::map<std::string, std::uint64_t> counts;
  std::map<std::string, int> files;
  for (const auto& file : output_files(job)) {
    EXPECT_TRUE(file.name.starts_with(file.type + "-"));
    EXPECT_TRUE(file.name.ends_with(".parquet"));
    EXPECT_EQ(rows_of(job, file), file.count);
    EXPECT_EQ(file.size, std::filesystem::file_size(folder_ / "files" / job / file.name));
    EXPECT_TRUE((*files_->open(job, file.name))->is_raw());
    counts[file.type] += file.count;
    ++files[file.type];
  }
  EXPECT_EQ(counts, (std::map<std::string, std::uint64_t>{{"Observation", 40}, {"Patient", 40}}));
  EXPECT_GE(files["Observation"], 5);
}

// A resource that is larger than a file may be has one of its own.
TEST_F(ParquetExport, AResourceLargerThanAFileHasOneOfItsOwn) {
  for (const int size : {10, 5000, 10})
    put({R"({"resourceType":"Basic","id":"b)" + std::to_string(size) + R"(","code":{"text":")" +
         std::string(static_cast<std::size_t>(size), 'x') + "\"}}"});
  ExportRequest request;
  request.output_format = OutputFormat::kParquet;
  request.file_size_max = 1000;
  const std::string job = kick_off(request);
  ASSERT_EQ(wait(job).job.state, job::JobState::kDone);
  for (const auto& file : output_files(job)) EXPECT_EQ(file.count, 1u);
  EXPECT_EQ(output_files(job).size(), 2u);
}

}  // namespace
}  // namespace sluice::bulk
