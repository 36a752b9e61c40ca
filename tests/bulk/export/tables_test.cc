// Exports whose output is tables (E-20 to E-23): what the files hold, how they are cut, what a
// table without rows and a record that breaks a rule come to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bulk/export/request/stored_export.h"
#include "export_fixture.h"

namespace sluice::bulk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr const char* kPatients =
    R"json({"resource":"Patient","select":[{"column":[{"name":"id","path":"getResourceKey()"},
        {"name":"born","path":"birthDate"}]}]})json";
constexpr const char* kNames =
    R"json({"resource":"Patient","select":[{"column":[{"name":"id","path":"getResourceKey()"}]},
        {"forEach":"name","column":[{"name":"family","path":"family"}]}]})json";
constexpr const char* kObservations =
    R"json({"resource":"Observation","select":[{"column":[
        {"name":"id","path":"getResourceKey()"},
        {"name":"patient","path":"subject.getReferenceKey(Patient)"}]}]})json";

std::string patient(const std::string& id, const std::string& more = "") {
  return R"({"resourceType":"Patient","id":")" + id + "\"" + more + "}";
}
std::string observation(const std::string& id, const std::string& patient) {
  return R"({"resourceType":"Observation","id":")" + id +
         R"(","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/)" + patient +
         "\"}}";
}

class TablesExport : public ExportFixture {
 protected:
  static ExportRequest request_of(std::vector<TableRequest> tables,
                                  table::Format format = table::Format::kNdjson) {
    ExportRequest request;
    request.tables = TablesRequest{.tables = std::move(tables), .format = format};
    for (const auto& table : request.tables->tables)
      request.types.push_back(table::View::compile(table.definition)->type());
    std::sort(request.types.begin(), request.types.end());
    request.types.erase(std::unique(request.types.begin(), request.types.end()),
                        request.types.end());
    return request;
  }
  std::vector<std::string> rows_of(const std::string& job, const std::string& table) {
    std::vector<std::string> rows;
    for (const auto& file : output_files(job)) {
      if (file.table != table) continue;
      const auto lines = lines_of(job, file.name);
      rows.insert(rows.end(), lines.begin(), lines.end());
    }
    return rows;
  }
};

// E-20
TEST_F(TablesExport, SeveralTablesOfOneTypeAndOfOthersComeFromOneSnapshot) {
  put({patient("a", R"(,"birthDate":"1970-01-02","name":[{"family":"Ü"},{"family":"B,\"c\""}])"),
       patient("b"), observation("o", "a")});
  const std::string job = kick_off(
      request_of({{"patients", kPatients}, {"names", kNames}, {"observations", kObservations}}));
  put({patient("c"), observation("p", "c")});
  ASSERT_EQ(wait(job).job.state, job::JobState::kDone);
  EXPECT_THAT(rows_of(job, "patients"),
              ElementsAre(R"({"id":"a","born":"1970-01-02"})", R"({"id":"b","born":null})"));
  EXPECT_THAT(rows_of(job, "names"),
              ElementsAre(R"({"id":"a","family":"Ü"})", R"({"id":"a","family":"B,\"c\""})"));
  EXPECT_THAT(rows_of(job, "observations"), ElementsAre(R"({"id":"o","patient":"a"})"));
  for (const auto& file : output_files(job))
    EXPECT_EQ(file.count, lines_of(job, file.name).size()) << file.name;
}

// E-23
TEST_F(TablesExport, CsvAndJsonFilesAreWholeOnTheirOwnAndCountRowsOnly) {
  put({patient("a", R"(,"name":[{"family":"one\nline"}])"), patient("b")});
  for (const bool has_header : {true, false}) {
    auto request = request_of({{"n", kNames}}, table::Format::kCsv);
    request.tables->csv_header = has_header;
    const std::string job = kick_off(request);
    ASSERT_EQ(wait(job).job.state, job::JobState::kDone);
    ASSERT_EQ(output_files(job).size(), 1u);
    EXPECT_EQ(output_files(job).front().count, 1u);
    EXPECT_TRUE(output_files(job).front().name.ends_with(".csv"));
    if (has_header)
      EXPECT_THAT(rows_of(job, "n"), ElementsAre("id,family\r", "a,\"one", "line\"\r"));
    else
      EXPECT_THAT(rows_of(job, "n"), ElementsAre("a,\"one", "line\"\r"));
  }
  const std::string job = kick_off(request_of({{"p", kPatients}}, table::Format::kJson));
  ASSERT_EQ(wait(job).job.state, job::JobState::kDone);
  EXPECT_THAT(rows_of(job, "p"),
              ElementsAre("[", R"({"id":"a","born":null},)", R"({"id":"b","born":null})", "]"));
  EXPECT_EQ(output_files(job).front().count, 2u);
}

// E-21: an output has a location.
TEST_F(TablesExport, ATableWithoutRowsHasOneFile) {
  put({patient("a")});
  auto csv = request_of({{"names", kNames}, {"observations", kObservations}, {"p", kPatients}},
                        table::Format::kCsv);
  const std::string job = kick_off(csv);
  ASSERT_EQ(wait(job).job.state, job::JobState::kDone);
  EXPECT_EQ(output_files(job).size(), 3u);
  EXPECT_THAT(rows_of(job, "names"), ElementsAre("id,family\r"));
  EXPECT_THAT(rows_of(job, "observations"), ElementsAre("id,patient\r"));
  const std::string plain = kick_off(request_of({{"observations", kObservations}}));
  ASSERT_EQ(wait(plain).job.state, job::JobState::kDone);
  ASSERT_EQ(output_files(plain).size(), 1u);
  EXPECT_EQ(output_files(plain).front().count, 0u);
  EXPECT_THAT(rows_of(plain, "observations"), ElementsAre());
}

TEST_F(TablesExport, FilesAreCutByTheSizeOfTheRecordsAndHaveNamesOfTheirTable) {
  std::vector<std::string> lines;
  for (int i = 10; i < 50; ++i) lines.push_back(patient(std::to_string(i)));
  put(lines);
  auto request = request_of({{"Blood/pressure ü", kPatients}}, table::Format::kCsv);
  request.file_size_max = 400;
  const std::string job = kick_off(request);
  ASSERT_EQ(wait(job).job.state, job::JobState::kDone);
  std::uint64_t rows = 0;
  const auto files = output_files(job);
  for (const auto& file : files) {
    EXPECT_TRUE(file.name.starts_with("Bloodpressure-")) << file.name;
    EXPECT_EQ(file.table, "Blood/pressure ü");
    EXPECT_EQ(lines_of(job, file.name).front(), "id,born\r");
    rows += file.count;
  }
  EXPECT_EQ(rows, 40u);
  EXPECT_GE(files.size(), 3u);
}

// com-9, com-11: tables hold compartments, not what these refer to.
TEST_F(TablesExport, PatientsAndGroupsLimitTheRecordsThatViewsSee) {
  put({patient("a"), patient("b"), patient("c"), observation("oa", "a"), observation("ob", "b"),
       observation("oc", "c"),
       R"({"resourceType":"Group","id":"g","type":"person","actual":true,
           "member":[{"entity":{"reference":"Patient/a"}}]})",
       R"({"resourceType":"Group","id":"h","type":"person","actual":true,
           "member":[{"entity":{"reference":"Patient/c"}},{"entity":{"reference":"Patient/a"}}]})"});
  auto request = request_of({{"o", kObservations}});
  request.level = ExportLevel::kPatient;
  request.patients = {"b"};
  auto job = kick_off(request);
  ASSERT_EQ(wait(job).job.state, job::JobState::kDone);
  EXPECT_THAT(rows_of(job, "o"), ElementsAre(R"({"id":"ob","patient":"b"})"));
  request.patients.reset();
  request.level = ExportLevel::kGroup;
  request.group_id = "g";
  request.other_groups = {"h"};
  job = kick_off(request);
  ASSERT_EQ(wait(job).job.state, job::JobState::kDone);
  EXPECT_THAT(rows_of(job, "o"),
              UnorderedElementsAre(R"({"id":"oa","patient":"a"})", R"({"id":"oc","patient":"c"})"));
}

TEST_F(TablesExport, WithSinceTablesHaveWhatChangedAndNoDeletions) {
  put({patient("a"), patient("b"), patient("c")});
  auto request = request_of({{"p", kPatients}});
  request.since = store_->last_commit().instant;
  clock_.advance(std::chrono::milliseconds(10));
  put({patient("b", R"(,"birthDate":"2000-01-01")")});
  remove("Patient", "c");
  const std::string job = kick_off(request);
  ASSERT_EQ(wait(job).job.state, job::JobState::kDone);
  EXPECT_THAT(rows_of(job, "p"), ElementsAre(R"({"id":"b","born":"2000-01-01"})"));
  for (const auto& file : output_files(job)) EXPECT_EQ(file.kind, FileKind::kOutput);
}

TEST_F(TablesExport, ARecordThatBreaksARuleFailsTheJobWithoutTellingOfIt) {
  constexpr const char* kOneName =
      R"({"resource":"Patient","select":[{"column":[{"name":"family","path":"name.family"}]}]})";
  put({patient("secret-id", R"(,"name":[{"family":"Smith"},{"family":"Jones"}])")});
  const auto view = wait(kick_off(request_of({{"t", kOneName}})));
  ASSERT_EQ(view.job.state, job::JobState::kFailed);
  EXPECT_THAT(view.job.failure, HasSubstr("the table 't' of a Patient: "));
  EXPECT_THAT(view.job.failure, HasSubstr("family"));
  for (const char* told : {"secret-id", "Smith", "Jones"})
    EXPECT_THAT(view.job.failure, ::testing::Not(HasSubstr(told)));
}

TEST_F(TablesExport, ARecordThatBreaksARuleIsLeftOutAndToldWhereTheRequestHasItSo) {
  constexpr const char* kOneName =
      R"({"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]},
          {"forEach":"contact","column":[{"name":"family","path":"name.given"}]}]})";
  put({patient("a", R"(,"contact":[{"name":{"given":["one"]}},{"name":{"given":["two","X"]}}])"),
       patient("b", R"(,"contact":[{"name":{"given":["three"]}}])")});
  auto request = request_of({{"t", kOneName}, {"patients", kPatients}});
  request.tables->reports_faults = true;
  const std::string job = kick_off(request);
  ASSERT_EQ(wait(job).job.state, job::JobState::kDone);
  EXPECT_THAT(rows_of(job, "t"), ElementsAre(R"({"id":"b","family":"three"})")) << "no row of it";
  EXPECT_EQ(rows_of(job, "patients").size(), 2u) << "the other table has it";
  std::vector<std::string> told;
  for (const auto& file : output_files(job))
    if (file.kind == FileKind::kOutcome) told = lines_of(job, file.name);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_THAT(told.front(), HasSubstr("Patient/a is left out of the table 't': "));
  EXPECT_THAT(told.front(), HasSubstr("family"));
  EXPECT_THAT(told.front(), ::testing::Not(HasSubstr("two")));
}

TEST(TablesRequest, IsStoredWithItsJob) {
  ExportRequest request;
  request.level = ExportLevel::kGroup;
  request.group_id = "g";
  request.other_groups = {"h", "i"};
  request.types = {fhir::types::kPatient};
  request.tables =
      TablesRequest{.tables = {{"a", kPatients}, {"b", kNames, "ViewDefinition/b/_history/3"}},
                    .format = table::Format::kCsv,
                    .csv_header = false,
                    .alone = false,
                    .reports_faults = true,
                    .tracking_id = "mine"};
  const auto read = parse_stored_request(serialize(request));
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_THAT(read->other_groups, ElementsAre("h", "i"));
  ASSERT_TRUE(read->tables);
  EXPECT_EQ(read->tables->format, table::Format::kCsv);
  EXPECT_FALSE(read->tables->csv_header);
  EXPECT_FALSE(read->tables->alone);
  EXPECT_TRUE(read->tables->reports_faults);
  EXPECT_EQ(read->tables->tracking_id, "mine");
  ASSERT_EQ(read->tables->tables.size(), 2u);
  EXPECT_EQ(read->tables->tables[1].name, "b");
  EXPECT_EQ(read->tables->tables[1].definition, kNames);
  EXPECT_EQ(read->tables->tables[1].source, "ViewDefinition/b/_history/3");
  EXPECT_TRUE(read->names_group("h"));
  EXPECT_FALSE(read->names_group("j"));
}

}  // namespace
}  // namespace sluice::bulk
