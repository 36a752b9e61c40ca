// Whom a resource that names a Binary lets read it (F-06): within the bounds of a search (R-01),
// and by the version that it names.
#include "api/rest/attached_binary.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>

#include "job/engine.h"
#include "no_jobs.h"
#include "store/rocksdb/rocksdb_store.h"
#include "temporary_folder.h"

namespace sluice::api {
namespace {

using namespace std::chrono_literals;

std::string document(const std::string& id, const std::string& patient, const std::string& url) {
  return fmt::format(
      R"({{"resourceType":"DocumentReference","id":"{}","status":"current",)"
      R"("subject":{{"reference":"Patient/{}"}},"content":[{{"attachment":{{"url":"{}"}}}}]}})",
      id, patient, url);
}
std::string practitioner(const std::string& id, const std::string& binary) {
  return fmt::format(R"({{"resourceType":"Practitioner","id":"{}","photo":[{{"url":"{}"}}]}})", id,
                     binary);
}
// Of a patient, whom a practitioner sees.
std::string encounter(const std::string& patient, const std::string& practitioner) {
  return fmt::format(
      R"({{"resourceType":"Encounter","id":"{}-{}","status":"finished","class":{{"code":"AMB"}},)"
      R"("subject":{{"reference":"Patient/{}"}},)"
      R"("participant":[{{"individual":{{"reference":"Practitioner/{}"}}}}]}})",
      patient, practitioner, patient, practitioner);
}
std::string binary(const std::string& id, const std::string& data) {
  return fmt::format(
      R"({{"resourceType":"Binary","id":"{}","contentType":"text/plain","data":"{}"}})", id, data);
}

class AttachedBinariesTest : public testing::Test {
 protected:
  void put(const std::vector<std::string>& texts) {
    fhir::ResourceReader reader({}, kBase);
    std::vector<fhir::IncomingResource> resources;
    for (const auto& text : texts) resources.push_back(reader.read(text).value());
    store::Transaction transaction;
    for (const auto& resource : resources) transaction.puts.push_back(&resource);
    ASSERT_TRUE(store_->write(transaction));
  }
  static Principal principal(const std::string& scopes,
                             std::optional<std::vector<std::string>> groups = std::nullopt) {
    smart::Client client;
    client.id = "us";
    client.groups = std::move(groups);
    smart::AccessClaims claims;
    claims.client_id = "us";
    claims.scopes = smart::ScopeSet::parse(scopes).value();
    return {"us", std::make_shared<const smart::Client>(std::move(client)),
            std::make_shared<const smart::AccessClaims>(std::move(claims))};
  }
  Result<bool> may_read(const Principal& who, const std::string& id,
                        const std::string& version = "", query::Bounds bounds = {}) {
    const http::Request request;
    RequestSlot slot(service_, request);
    return AttachedBinaries(service_, request, who, slot, std::move(bounds)).may_read(id, version);
  }

  static constexpr const char* kBase = "http://here/fhir";
  static ServiceOptions options() {
    ServiceOptions options;
    options.base_url = kBase;
    options.searches_max = 1;
    return options;
  }
  TemporaryFolder folder_;
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ =
      store::open_rocksdb_store(folder_.path() / "store", clock_).value();
  std::unique_ptr<output::FileStore> files_ =
      output::open_local_file_store(folder_.path() / "files").value();
  job::NoJobs jobs_;
  job::Engine engine_{*store_, clock_, jobs_, {}};
  Service service_{*store_, *files_, engine_, clock_, options()};
  const Principal documents_ = principal("system/DocumentReference.rs");
};

TEST_F(AttachedBinariesTest, R01ManyReferrersWantASlotAndFewDoNot) {
  std::vector<std::string> texts;
  for (int i = 0; i < 17; ++i)
    texts.push_back(document(fmt::format("d{}", i), "p", i < 16 ? "Binary/few" : "Binary/many"));
  for (int i = 0; i < 17; ++i) texts.push_back(practitioner(fmt::format("dr{}", i), "Binary/many"));
  put(texts);
  const http::Request other;
  {
    RequestSlot taken(service_, other);
    ASSERT_TRUE(taken.take());
    EXPECT_EQ(may_read(documents_, "few").value(), true);
    EXPECT_EQ(may_read(documents_, "many").error().kind, ErrorKind::kUnavailable);
    EXPECT_EQ(may_read(documents_, "nothing").value(), false);
  }
  EXPECT_EQ(may_read(documents_, "many").value(), true);
  EXPECT_EQ(may_read(principal("system/Patient.rs"), "many").value(), false);
}

TEST_F(AttachedBinariesTest, R01ItTakesNoLongerThanASearchMay) {
  put({document("d", "p", "Binary/b")});
  const query::Bounds over{.deadline = std::chrono::steady_clock::now() - 1s};
  const auto late = may_read(documents_, "b", "", over);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::kUnprocessable);
  EXPECT_EQ(late.error().message, "what refers to the Binary takes more than 20 s to find");
  std::stop_source stopping;
  stopping.request_stop();
  EXPECT_EQ(may_read(documents_, "b", "", {.stop = stopping.get_token()}).error().kind,
            ErrorKind::kCancelled);
}

// However many others' patients name it before.
TEST_F(AttachedBinariesTest, F06A09ThePatientOfTheGroupIsFoundAmongThousands) {
  std::vector<std::string> texts{
      R"({"resourceType":"Group","id":"g","type":"person","actual":true,)"
      R"("member":[{"entity":{"reference":"Patient/z"}}]})",
      R"({"resourceType":"Group","id":"none","type":"person","actual":true,)"
      R"("member":[{"entity":{"reference":"Patient/y"}}]})",
      R"({"resourceType":"Patient","id":"z"})", document("z", "z", "Binary/leaflet")};
  for (int i = 0; i < 1'200; ++i)
    texts.push_back(document(fmt::format("d{:04}", i), "other", "Binary/leaflet"));
  put(texts);
  EXPECT_EQ(may_read(principal("system/*.rs", {{"g"}}), "leaflet").value(), true);
  EXPECT_EQ(may_read(principal("system/*.rs", {{"none"}}), "leaflet").value(), false);
}

// One reach serves all of them: what it looked for first ends it early.
TEST_F(AttachedBinariesTest, F06A09EveryReferrerIsLookedForWhateverWasLookedForBefore) {
  put({R"({"resourceType":"Group","id":"g","type":"person","actual":true,)"
       R"("member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/b"}}]})",
       R"({"resourceType":"Patient","id":"a"})", R"({"resourceType":"Patient","id":"b"})",
       encounter("a", "early"), encounter("b", "late"), encounter("out", "never"),
       practitioner("early", "Binary/early"), practitioner("late", "Binary/late"),
       practitioner("never", "Binary/never"), practitioner("another", "Binary/late")});
  const auto who = principal("system/*.rs", {{"g"}});
  const http::Request request;
  RequestSlot slot(service_, request);
  AttachedBinaries shared(service_, request, who, slot, {});
  for (int round = 0; round < 2; ++round)
    for (const auto& [id, expected] :
         {std::pair("early", true), std::pair("late", true), std::pair("never", false)})
      EXPECT_EQ(shared.may_read(id, "").value(), expected) << id;
}

TEST_F(AttachedBinariesTest, F06AVersionIsOpenedByWhatNamesItAndNothingElseIs) {
  put({binary("b", "b25l"), binary("c", "b25l")});
  put({binary("b", "dHdv"), binary("c", "dHdv"),
       document("old", "p", "http://here/fhir/Binary/b/_history/1"),
       document("new", "p", "Binary/c")});
  for (const auto& [id, version, expected] :
       {std::tuple("b", "1", true), std::tuple("b", "2", false), std::tuple("b", "", false),
        std::tuple("c", "1", false), std::tuple("c", "2", false), std::tuple("c", "", true)})
    EXPECT_EQ(may_read(documents_, id, version).value(), expected) << id << " " << version;
  // What the newest version is guarded by guards those before it, also when it is deleted.
  put({R"({"resourceType":"Binary","id":"b","contentType":"text/plain","data":"eA==",)"
       R"("securityContext":{"reference":"Patient/p"}})"});
  EXPECT_EQ(may_read(documents_, "b", "1").value(), false);
  const auto both = principal("system/DocumentReference.rs system/Patient.r");
  EXPECT_EQ(may_read(both, "b", "1").value(), true);
  store::Transaction removal;
  removal.removals = {{fhir::types::kBinary, "b"}};
  ASSERT_TRUE(store_->write(removal));
  EXPECT_EQ(may_read(documents_, "b", "1").value(), false);
  EXPECT_EQ(may_read(both, "b", "1").value(), true);
}

}  // namespace
}  // namespace sluice::api
