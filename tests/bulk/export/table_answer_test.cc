// Tables as answers (E3): part by part they have what an export of the table has, once each.
#include "bulk/export/answer/table_answer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "bulk/export/request/stored_export.h"
#include "export_fixture.h"

namespace sluice::bulk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kObservations =
    R"json({"resource":"Observation","select":[{"column":[{"name":"id","path":"id"}]}]})json";
// Rows that are longer than what they are made of.
constexpr const char* kLong =
    R"json({"resource":"Observation","select":[{"column":[{"name":"id","path":"id"},
        {"name":"long","path":"(code.text + code.text) + (code.text + code.text)"}]}]})json";

std::string observation(int number, const std::string& more = "") {
  return fmt::format(
      R"({{"resourceType":"Observation","id":"o{:05}","status":"final","code":{{"text":"{}"}}{}}})",
      number, std::string(100, 'x'), more);
}

class TableAnswers : public ExportFixture {
 protected:
  static ExportRequest request_of(const std::string& definition,
                                  table::Format format = table::Format::kNdjson) {
    ExportRequest request;
    request.tables = TablesRequest{.tables = {{"t", definition}}, .format = format};
    request.types = {table::View::compile(definition)->type()};
    return request;
  }

  Result<std::unique_ptr<TableAnswer>> open(ExportRequest request,
                                            const TableAnswerLimits& limits = {}) {
    auto stored = std::make_shared<const StoredExport>(StoredExport{.request = std::move(request)});
    SLUICE_ASSIGN_OR_RETURN(const auto prepared,
                            prepare_export(*store_, std::move(stored), store_->last_commit(), {}));
    return TableAnswer::open(*store_, *files_, prepared, limits);
  }

  /// Each part of an answer.
  Result<std::vector<std::string>> parts_of(ExportRequest request,
                                            const TableAnswerLimits& limits = {}) {
    SLUICE_ASSIGN_OR_RETURN(const auto answer, open(std::move(request), limits));
    std::vector<std::string> parts;
    for (bool more = true; more;) {
      SLUICE_ASSIGN_OR_RETURN(more, answer->next(parts.emplace_back()));
    }
    return parts;
  }

  static std::vector<std::string> lines_in(const std::vector<std::string>& parts) {
    std::string all;
    for (const auto& part : parts) all += part;
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < all.size();) {
      const std::size_t end = all.find('\n', at);
      lines.push_back(all.substr(at, end - at));
      at = end + 1;
    }
    return lines;
  }
};

TEST_F(TableAnswers, InPartsEveryResourceComesOnceInTheOrderOfAnExport) {
  std::vector<std::string> lines = {R"({"resourceType":"Patient","id":"a"})",
                                    R"({"resourceType":"Patient","id":"b"})",
                                    R"({"resourceType":"Patient","id":"c"})"};
  for (int i = 0; i < 4000; ++i) {
    // Of one patient, of two, of none: those of two are met with each of them.
    const char* const patients[] = {R"(,"subject":{"reference":"Patient/a"})",
                                    R"(,"subject":{"reference":"Patient/b"},)"
                                    R"("performer":[{"reference":"Patient/a"}])",
                                    R"(,"subject":{"reference":"Patient/c"})", ""};
    lines.push_back(observation(i, patients[i % 4]));
  }
  put(lines);
  for (const auto& patients :
       std::vector<std::vector<std::string>>{{}, {"a"}, {"b"}, {"a", "b"}, {"b", "c"}}) {
    auto request = request_of(kLong);
    if (!patients.empty()) {
      request.level = ExportLevel::kPatient;
      request.patients = patients;
    }
    const auto parts = parts_of(request);
    ASSERT_TRUE(parts) << parts.error().message;
    EXPECT_GE(parts->size(), patients.empty() ? 5u : 1u);
    // A resource of several patients does not end a part.
    for (const auto& part : *parts)
      EXPECT_LT(part.size(), patients == std::vector<std::string>{"b"} ? 1u << 20 : 400u << 10);
    const std::string job = kick_off(request);
    ASSERT_EQ(wait(job).job.state, job::JobState::kDone);
    std::vector<std::string> exported;
    for (const auto& file : output_files(job))
      for (const auto& line : lines_of(job, file.name)) exported.push_back(line);
    EXPECT_EQ(lines_in(*parts), exported);
    EXPECT_EQ(std::set<std::string>(exported.begin(), exported.end()).size(), exported.size());
  }
}

TEST_F(TableAnswers, EndAfterAsManyRowsAsWereAskedFor) {
  put({observation(1), observation(2), observation(3)});
  const auto answered = [&](std::uint64_t rows, table::Format format) {
    const auto parts = parts_of(request_of(kObservations, format), {.rows_max = rows});
    EXPECT_TRUE(parts);
    return lines_in(*parts);
  };
  EXPECT_THAT(answered(2, table::Format::kNdjson),
              ElementsAre(R"({"id":"o00001"})", R"({"id":"o00002"})"));
  EXPECT_THAT(answered(0, table::Format::kCsv), ElementsAre("id\r"));
  EXPECT_THAT(answered(1, table::Format::kJson), ElementsAre("[", R"({"id":"o00001"})", "]"));
  EXPECT_EQ(answered(3, table::Format::kNdjson).size(), 3u);
  EXPECT_EQ(answered(9, table::Format::kNdjson).size(), 3u);
}

TEST_F(TableAnswers, EndWithTheTimeForTheWorkOrWhenTheServerStops) {
  put({observation(1)});
  const auto late =
      parts_of(request_of(kObservations), {.work_max = std::chrono::milliseconds(-1)});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::kTimeout);
  EXPECT_THAT(late.error().message, HasSubstr("$sql-export"));
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = parts_of(request_of(kObservations), {.stop = stop.get_token()});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
}

TEST_F(TableAnswers, APartThatGrowsTooLargeIsRefused) {
  put({observation(1), observation(2)});
  const auto parts = parts_of(request_of(kObservations, table::Format::kCsv), {.part_max = 3});
  ASSERT_FALSE(parts);
  EXPECT_EQ(parts.error().kind, ErrorKind::kTooLarge);
}

TEST_F(TableAnswers, NameTheResourceThatBreaksARule) {
  put({R"({"resourceType":"Patient","id":"p","name":[{"family":"A"},{"family":"B"}]})"});
  const auto parts = parts_of(request_of(
      R"({"resource":"Patient","select":[{"column":[{"name":"f","path":"name.family"}]}]})"));
  ASSERT_FALSE(parts);
  EXPECT_EQ(parts.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(parts.error().message, HasSubstr("Patient/p: "));
}

}  // namespace
}  // namespace sluice::bulk
