// A-12: every event is a line of an append-only log of FHIR AuditEvents.
#include "smart/audit.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <set>
#include <thread>

#include "base/file.h"
#include "smart_fixture.h"

namespace sluice::smart {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
namespace json = boost::json;

AuditEvent download() {
  AuditEvent event;
  event.kind = AuditKind::kDownload;
  event.client_id = "acme";
  event.address = "192.0.2.7";
  event.job_id = "0123";
  event.file = "Patient.1.ndjson";
  return event;
}

TEST(AuditEvent, IsWrittenAsR4Says) {
  EXPECT_EQ(
      to_fhir_json(download(), {1'700'000'000'000}, "ehr"),
      R"({"resourceType":"AuditEvent","type":{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"110106","display":"Export"},"subtype":[{"system":"urn:sluice:audit-event","code":"download"}],"action":"R","recorded":"2023-11-14T22:13:20.000Z","outcome":"0","agent":[{"who":{"identifier":{"value":"acme"}},"requestor":true,"network":{"address":"192.0.2.7","type":"2"}}],"source":{"observer":{"identifier":{"value":"ehr"}}},"entity":[{"what":{"identifier":{"value":"0123"}},"name":"Patient.1.ndjson"}]})");
}

// The cardinalities of http://hl7.org/fhir/R4/auditevent.html, by hand.
void check_shape(const json::object& event) {
  const auto text = [](const json::value& value) {
    ASSERT_TRUE(value.is_string());
    EXPECT_FALSE(value.get_string().empty()) << "FHIR knows no empty strings";
  };
  const auto only = [](const json::object& object, const std::set<std::string>& names) {
    for (const auto& member : object)
      EXPECT_TRUE(names.contains(std::string(member.key()))) << member.key();
  };
  only(event, {"resourceType", "type", "subtype", "action", "recorded", "outcome", "outcomeDesc",
               "agent", "source", "entity"});
  text(event.at("type").at("code"));
  text(event.at("recorded"));
  ASSERT_EQ(event.at("subtype").as_array().size(), 1u);
  EXPECT_THAT(std::string(event.at("action").as_string()), ::testing::MatchesRegex("[CRUDE]"));
  EXPECT_THAT(std::string(event.at("outcome").as_string()), ::testing::AnyOf("0", "4", "8", "12"));
  if (event.contains("outcomeDesc")) text(event.at("outcomeDesc"));
  ASSERT_EQ(event.at("agent").as_array().size(), 1u);
  const json::object& agent = event.at("agent").at(0).as_object();
  only(agent, {"who", "name", "requestor", "network"});
  EXPECT_TRUE(agent.at("requestor").is_bool());
  if (agent.contains("network")) text(agent.at("network").at("address"));
  text(event.at("source").at("observer").at("identifier").at("value"));
  if (!event.contains("entity")) return;
  EXPECT_FALSE(event.at("entity").as_array().empty());
  for (const json::value& item : event.at("entity").as_array()) {
    const json::object& entity = item.as_object();
    EXPECT_FALSE(entity.empty());
    only(entity, {"what", "name", "detail"});
    if (!entity.contains("detail")) continue;
    EXPECT_FALSE(entity.at("detail").as_array().empty());
    for (const json::value& detail : entity.at("detail").as_array()) {
      text(detail.at("type"));
      text(detail.at("valueString"));
    }
  }
}

TEST(AuditEvent, OfEveryKindHasTheShapeOfTheStandard) {
  constexpr int kKinds = static_cast<int>(AuditKind::kResourceSearch) + 1;
  std::set<std::string> codes;
  for (int kind = 0; kind < kKinds; ++kind) {
    for (int filled = 0; filled < 4; ++filled) {
      AuditEvent event;
      event.kind = static_cast<AuditKind>(kind);
      event.outcome = filled == 0 ? AuditOutcome::kSuccess : AuditOutcome::kMajor;
      if (filled > 0) {
        event.request = "https://ehr.example/fhir/$export?_type=Patient";
        event.scope = "system/*.rs";
      }
      if (filled > 1) {
        event.client_id = "acme";
        event.address = "::1";
        event.description = "because \"so\"\n\xff\x01";
        event.subject = "Group/g1";
      }
      if (filled > 2) {
        event.job_id = "j1";
        event.file = "f";
        event.subject = "client/acme";
      }
      const auto parsed = json::parse(to_fhir_json(event, {0}, filled == 0 ? "" : "ehr"));
      check_shape(parsed.as_object());
      codes.insert(std::string(parsed.at("subtype").at(0).at("code").as_string()));
      EXPECT_EQ(parsed.at("subtype").at(0).at("code"), json::string_view(to_string(event.kind)));
    }
  }
  EXPECT_EQ(codes.size(), static_cast<std::size_t>(kKinds)) << "two kinds share a code";
}

TEST(AuditEvent, NobodyKnownIsUnknownAndTextsAreOnePrintableLine) {
  AuditEvent event;
  event.kind = AuditKind::kTokenRefused;
  event.outcome = AuditOutcome::kMinor;
  event.description = "a\nb\x01\xc3\xa4" + std::string(10'000, 'x');
  const std::string line = to_fhir_json(event, {0}, "ehr");
  EXPECT_THAT(line, HasSubstr(R"("agent":[{"name":"unknown","requestor":true}])"));
  EXPECT_THAT(line, HasSubstr(R"("outcomeDesc":"a?b???xxx)"));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  EXPECT_LT(line.size(), 5000u);
}

class AuditLogTest : public ::testing::Test {
 protected:
  std::unique_ptr<AuditLog> open(AuditOptions options = {}) {
    return AuditLog::open(folder(), clock, options).value();
  }
  std::filesystem::path folder() const { return temporary.path() / "audit"; }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(folder()))
      names.push_back(file.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  std::vector<std::string> lines(const std::string& name) const {
    std::vector<std::string> result;
    std::ifstream file(folder() / name);
    for (std::string line; std::getline(file, line);) result.push_back(line);
    return result;
  }

  TestClock clock;
  TemporaryFolder temporary;
};

TEST_F(AuditLogTest, ALineIsInTheFileWhenWriteReturns) {
  const auto log = open();
  ASSERT_TRUE(log->write(download()));
  EXPECT_THAT(files(), ElementsAre("audit-20231114-001.ndjson"));
  const auto written = lines("audit-20231114-001.ndjson");
  ASSERT_EQ(written.size(), 1u);
  EXPECT_EQ(written[0], to_fhir_json(download(), clock.now(), "sluice"));
  struct stat status {};
  ASSERT_EQ(::stat((folder() / files()[0]).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat(folder().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(AuditLogTest, SeveralEventsAreLinesInTheirOrder) {
  const auto log = open();
  std::vector<AuditEvent> events(3000, download());
  for (std::size_t i = 0; i < events.size(); ++i) events[i].file = std::to_string(i);
  ASSERT_TRUE(log->write(events));
  ASSERT_TRUE(log->write(std::span<const AuditEvent>()));
  const auto written = lines("audit-20231114-001.ndjson");
  ASSERT_EQ(written.size(), events.size());
  for (std::size_t i = 0; i < events.size(); ++i)
    ASSERT_EQ(written[i], to_fhir_json(events[i], clock.now(), "sluice"));
}

TEST_F(AuditLogTest, GoesOnWithTheDaysFileAfterARestart) {
  ASSERT_TRUE(open()->write(download()));
  ASSERT_TRUE(open()->write(download()));
  EXPECT_EQ(lines("audit-20231114-001.ndjson").size(), 2u);
}

TEST_F(AuditLogTest, ANewDayAndAFullFileAreNewFiles) {
  const std::size_t line = to_fhir_json(download(), clock.now(), "sluice").size() + 1;
  AuditOptions options;
  options.file_size_max = 2 * line;
  {
    const auto log = open(options);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(log->write(download()));
    EXPECT_THAT(files(), ElementsAre("audit-20231114-001.ndjson", "audit-20231114-002.ndjson",
                                     "audit-20231114-003.ndjson"));
    EXPECT_EQ(lines("audit-20231114-001.ndjson").size(), 2u);
  }
  const auto log = open(options);
  ASSERT_TRUE(log->write(download()));
  EXPECT_EQ(lines("audit-20231114-003.ndjson").size(), 2u);
  clock.advance(std::chrono::hours(2));
  ASSERT_TRUE(log->write(download()));
  EXPECT_EQ(lines("audit-20231115-001.ndjson").size(), 1u);
  // Set back to a day that has files: never into an older one.
  clock.advance(-std::chrono::hours(2));
  ASSERT_TRUE(log->write(download()));
  EXPECT_EQ(lines("audit-20231114-004.ndjson").size(), 1u);
}

TEST_F(AuditLogTest, ALineLongerThanAFileIsWrittenAllTheSame) {
  AuditOptions options;
  options.file_size_max = 10;
  const auto log = open(options);
  ASSERT_TRUE(log->write(download()));
  ASSERT_TRUE(log->write(download()));
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(AuditLogTest, ALineThatACrashCutOffIsEnded) {
  ASSERT_TRUE(open()->write(download()));
  std::ofstream(folder() / "audit-20231114-001.ndjson", std::ios::app) << R"({"resourceTy)";
  ASSERT_TRUE(open()->write(download()));
  const auto written = lines("audit-20231114-001.ndjson");
  ASSERT_EQ(written.size(), 3u);
  EXPECT_EQ(written[1], R"({"resourceTy)");
  EXPECT_EQ(written[2], written[0]);
}

TEST_F(AuditLogTest, IgnoresFilesThatAreNotItsOwn) {
  std::filesystem::create_directories(folder());
  for (const char* name : {"audit-20231114-007.ndjson.gz", "audit-20231114-x.ndjson", "notes",
                           "audit-20231113-009.ndjson", "audit-20231114-0003.ndjson"})
    std::ofstream(folder() / name) << "x";
  ASSERT_TRUE(open()->write(download()));
  EXPECT_EQ(lines("audit-20231114-001.ndjson").size(), 1u);
}

TEST_F(AuditLogTest, AWriteThatFailsIsReported) {
  const auto log = open();
  ASSERT_TRUE(log->write(download()));
  // A folder that goes away cannot take the next day's file.
  std::filesystem::remove_all(folder());
  clock.advance(std::chrono::hours(24));
  EXPECT_FALSE(log->write(download()));
  std::filesystem::create_directories(folder());
  EXPECT_TRUE(log->write(download())) << "and it goes on when it can";
  ASSERT_TRUE(log->stop());
  EXPECT_EQ(log->write(download()).error().kind, ErrorKind::kStorage);
  EXPECT_TRUE(log->stop());
}

TEST_F(AuditLogTest, DoesNotOpenWhereItCannotWriteNorFollowALink) {
  std::ofstream(temporary.path() / "file") << "x";
  EXPECT_FALSE(AuditLog::open(temporary.path() / "file", clock));
  std::filesystem::create_directories(folder());
  std::filesystem::create_symlink(temporary.path() / "file",
                                  folder() / "audit-20231114-001.ndjson");
  EXPECT_FALSE(AuditLog::open(folder(), clock));
}

TEST_F(AuditLogTest, ThreadsWriteWholeLines) {
  AuditOptions options;
  options.sync_every = std::chrono::milliseconds(1);
  options.file_size_max = 20'000;
  const auto log = open(options);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) EXPECT_TRUE(log->write(download()));
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_TRUE(log->sync());
  ASSERT_TRUE(log->stop());
  std::size_t count = 0;
  for (const std::string& name : files()) {
    for (const std::string& line : lines(name)) {
      EXPECT_EQ(line, to_fhir_json(download(), clock.now(), "sluice"));
      ++count;
    }
  }
  EXPECT_EQ(count, 400u);
}

}  // namespace
}  // namespace sluice::smart
