// I-02, I-04: transaction Bundles on the store: all or nothing, also beside other writers.
#include "rest/transaction.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "rest/interactions.h"
#include "store/rocksdb/rocksdb_store.h"
#include "temporary_folder.h"

namespace sluice::rest {
namespace {

using testing::HasSubstr;

std::string entry(std::string_view method, std::string_view url, std::string_view resource = {},
                  std::string_view more = {}, std::string_view full_url = {}) {
  std::string made = "{";
  if (!full_url.empty()) made += fmt::format(R"("fullUrl":"{}",)", full_url);
  if (!resource.empty()) made += fmt::format(R"("resource":{},)", resource);
  return made + fmt::format(R"("request":{{"method":"{}","url":"{}"{}}}}})", method, url, more);
}

std::string patient(std::string_view id, std::string_view identifier = {}) {
  std::string made = R"({"resourceType":"Patient")";
  if (!id.empty()) made += fmt::format(R"(,"id":"{}")", id);
  if (!identifier.empty()) made += fmt::format(R"(,"identifier":[{{"value":"{}"}}])", identifier);
  return made + "}";
}

class Transactions : public testing::Test {
 protected:
  Result<TransactionOutcome> run(const std::vector<std::string>& entries,
                                 const std::function<void()>& before_write = {}) {
    const auto bundle = fhir::BundleRequest::read(
        fmt::format(R"({{"resourceType":"Bundle","type":"transaction","entry":[{}]}})",
                    fmt::join(entries, ",")));
    if (!bundle) return bundle.error();
    auto transaction = Transaction::read(*store_, *bundle, {});
    if (!transaction) return transaction.error();
    return transaction->run([&](const auto& writes) -> Result<void> {
      ++attempts_;
      writes_ = writes.size();
      if (before_write && attempts_ == 1) before_write();
      return {};
    });
  }
  std::string why(const Result<TransactionOutcome>& outcome) {
    return outcome ? "done" : outcome.error().message;
  }
  std::uint64_t patients() {
    const auto statistics = store_->statistics().value();
    return statistics.empty() ? 0 : statistics.front().resources;
  }
  void put(const std::string& json) {
    ASSERT_TRUE(update(*store_, fhir::ResourceReader().read(json).value(), {}));
  }

  TemporaryFolder folder_;
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_rocksdb_store(folder_.path(), clock_).value();
  int attempts_ = 0;
  std::size_t writes_ = 0;
};

TEST_F(Transactions, AllIsOneCommit) {
  put(patient("old"));
  const auto before = store_->last_commit().sequence.value;
  const auto done =
      run({entry("POST", "Patient", patient("")), entry("PUT", "Patient/a", patient("a")),
           entry("DELETE", "Patient/old"), entry("GET", "Patient/a")});
  ASSERT_TRUE(done) << why(done);
  EXPECT_EQ(done->commit.sequence.value, before + 1);
  EXPECT_EQ(writes_, 3u);
  EXPECT_EQ(done->entries[0].status, 201);
  EXPECT_EQ(done->entries[2].status, 204);
  EXPECT_EQ(done->entries[3].version, 1u);
  EXPECT_EQ(done->entries[3].last_updated, done->commit.instant);
}

TEST_F(Transactions, AConditionThatAnotherWriteFulfilsIsLookedAtAgain) {
  const auto create =
      entry("POST", "Patient", patient("", "x"), R"(,"ifNoneExist":"identifier=x")");
  const auto done = run({create}, [&] { put(patient("first", "x")); });
  ASSERT_TRUE(done) << why(done);
  EXPECT_EQ(attempts_, 2);
  EXPECT_EQ(done->entries[0].status, 200);
  EXPECT_EQ(done->entries[0].key.id, "first");
  EXPECT_EQ(patients(), 1u);
}

TEST_F(Transactions, AVersionThatIsReplacedMeanwhileUndoesAll) {
  put(patient("a"));
  const auto done =
      run({entry("POST", "Patient", patient("")),
           entry("PUT", "Patient/a", patient("a", "mine"), R"(,"ifMatch":"W/\"1\"")")},
          [&] { put(patient("a", "theirs")); });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kPreconditionFailed);
  EXPECT_THAT(done.error().message, HasSubstr("Bundle.entry[1]: If-Match"));
  EXPECT_EQ(patients(), 1u);
}

TEST_F(Transactions, AReadOfWhatIsDeletedMeanwhileUndoesAll) {
  put(patient("a"));
  const auto done = run({entry("POST", "Patient", patient("")), entry("GET", "Patient/a")}, [&] {
    ASSERT_TRUE(remove(*store_, {fhir::types::kPatient, "a"}, {}));
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kGone);
  EXPECT_EQ(patients(), 0u);
}

TEST_F(Transactions, AConditionalReferenceSeesWhatIsWrittenMeanwhile) {
  put(patient("a", "x"));
  const auto observe = entry(
      "POST", "Observation",
      R"({"resourceType":"Observation","status":"final","code":{},"subject":{"reference":"Patient?identifier=x"}})");
  const auto done = run({observe}, [&] { put(patient("b", "x")); });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message,
            "Bundle.entry[0]: a conditional reference to Patient finds more than one resource");
}

// What both would create is one resource, in whatever spelling and by whatever method.
TEST_F(Transactions, TwoEntriesWithTheSameConditionAreRefused_I02) {
  const auto create = [](std::string_view condition) {
    return entry("POST", "Patient", patient("", "x"),
                 fmt::format(R"(,"ifNoneExist":"{}")", condition));
  };
  const auto change = [](std::string_view condition) {
    return entry("PUT", fmt::format("Patient?{}", condition), patient("", "x"));
  };
  const std::vector<std::vector<std::string>> pairs = {
      {create("identifier=s|x"), create("identifier=s|x")},
      {change("identifier=s|x"), change("identifier=s|x")},
      {create("identifier=s|x"), change("identifier=s|x")},
      {change("identifier=s|x"), create("identifier=s|x")},
      {create("identifier=s|x"), create("identifier=s%7Cx")},
      {create("identifier=s%7cx"), change("&identifier=s%7Cx&")},
      {change("identifier=x&active=true"), change("active=true&identifier=x")},
  };
  for (const auto& pair : pairs) {
    const auto done = run({entry("PUT", "Patient/other", patient("other")), pair[0], pair[1]});
    ASSERT_FALSE(done) << pair[0] << pair[1];
    EXPECT_EQ(done.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(done.error().message,
                AllOf(HasSubstr("Bundle.entry[2]"), HasSubstr("condition of Bundle.entry[1]")));
    EXPECT_EQ(patients(), 0u);
  }
  const auto different =
      run({create("identifier=s|x"), change("identifier=s|y"),
           entry("DELETE", "Patient?identifier=s|x"), entry("DELETE", "Patient?identifier=s|x")});
  EXPECT_TRUE(different) << why(different);
  EXPECT_EQ(patients(), 2u);
}

TEST_F(Transactions, WhoMayNotWriteIsAskedBefore) {
  const auto bundle = fhir::BundleRequest::read(
      fmt::format(R"({{"resourceType":"Bundle","type":"transaction","entry":[{}]}})",
                  entry("POST", "Patient", patient(""))));
  auto transaction = Transaction::read(*store_, *bundle, {}).value();
  const auto done = transaction.run([](const auto&) -> Result<void> { return invalid("no"); });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "no");
  EXPECT_EQ(patients(), 0u);
}

TEST_F(Transactions, ManyAtOnceMakeOneResourceOfOneCondition) {
  std::atomic<int> created = 0;
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 4; ++writer)
    threads.emplace_back([&, writer] {
      for (int round = 0; round < 25; ++round) {
        const auto bundle = fhir::BundleRequest::read(fmt::format(
            R"({{"resourceType":"Bundle","type":"transaction","entry":[{},{}]}})",
            entry("POST", "Patient", patient("", std::to_string(round)),
                  fmt::format(R"(,"ifNoneExist":"identifier={}")", round), "urn:uuid:p"),
            entry(
                "PUT", fmt::format("Observation/{}-{}", writer, round),
                fmt::format(
                    R"({{"resourceType":"Observation","id":"{}-{}","status":"final","code":{{}},"subject":{{"reference":"urn:uuid:p"}}}})",
                    writer, round))));
        auto transaction = Transaction::read(*store_, *bundle, {}).value();
        const auto done = transaction.run([](const auto&) -> Result<void> { return {}; });
        ASSERT_TRUE(done) << done.error().message;
        created += done->entries[0].status == 201;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(created, 25);
  for (const auto& row : store_->statistics().value())
    EXPECT_EQ(row.resources, fhir::type_name(row.type) == "Patient" ? 25u : 100u);
}

std::vector<std::string> creates_unless_found(std::size_t count, const std::string& more = "") {
  std::vector<std::string> entries;
  for (std::size_t i = 0; i < count; ++i)
    entries.push_back(entry("POST", "Patient", R"({"resourceType":"Patient"})",
                            fmt::format(R"(,"ifNoneExist":"identifier={}{}")", i, more)));
  return entries;
}

TEST_F(Transactions, ConditionsAreBounded_R01) {
  EXPECT_TRUE(run(creates_unless_found(1'000)));
  const auto refused = run(creates_unless_found(5'001));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(refused.error().message,
            "Bundle.entry[5000]: the conditions and conditional references of a transaction are "
            "more than 5000 different ones");
  std::string values;
  for (int i = 0; i < 1'000; ++i) values += ",x";
  EXPECT_THAT(why(run(creates_unless_found(20, values))), HasSubstr("more than 20000 values"));
  std::vector<std::string> chains;
  for (int i = 0; i < 21; ++i)
    chains.push_back(entry("POST", "Observation", R"({"resourceType":"Observation"})",
                           fmt::format(R"(,"ifNoneExist":"patient.identifier={}")", i)));
  EXPECT_THAT(why(run(chains)), HasSubstr("more than 20 chained parameters"));
  EXPECT_EQ(patients(), 1'000u);
}

// R-01: searches and patches end with the time that they were given, and nothing is done.
TEST_F(Transactions, EndWithTheirTime_R01) {
  put(patient("a"));
  const auto run_late = [&](const std::string& entries) {
    const auto bundle = fhir::BundleRequest::read(
        fmt::format(R"({{"resourceType":"Bundle","type":"transaction","entry":[{}]}})", entries));
    TransactionOptions options;
    options.bounds.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
    return Transaction::read(*store_, *bundle, options)
        .value()
        .run([](const auto&) -> Result<void> { return {}; });
  };
  EXPECT_EQ(run_late(creates_unless_found(1).front()).error().kind, ErrorKind::kTimeout);
  const std::string patch = entry(
      "PATCH", "Patient/a",
      R"({"resourceType":"Binary","contentType":"application/json-patch+json","data":"W10="})");
  EXPECT_EQ(run_late(patch).error().kind, ErrorKind::kTimeout);
  // What takes no longer than its size is done.
  EXPECT_TRUE(run_late(entry("PUT", "Patient/b", patient("b"))));
  EXPECT_EQ(patients(), 2u);
}

// R-01: what is planned anew for others' writes ends with the time of the request, and says so.
TEST_F(Transactions, ThatAlwaysMeetOthersWritesEndWithATime_R01) {
  put(patient("a"));
  const auto run_against_others = [&](const query::Bounds& bounds) {
    const auto bundle = fhir::BundleRequest::read(
        fmt::format(R"({{"resourceType":"Bundle","type":"transaction","entry":[{},{}]}})",
                    entry("GET", "Patient/a"), entry("PUT", "Patient/b", patient("b"))));
    TransactionOptions options;
    options.bounds = bounds;
    attempts_ = 0;
    return Transaction::read(*store_, *bundle, options).value().run([&](const auto&) {
      put(patient("a", fmt::format("{}-{}", bounds.deadline.has_value(), ++attempts_)));
      return Result<void>();
    });
  };
  for (const bool in_time : {true, false}) {
    query::Bounds bounds;
    if (!in_time) bounds.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
    const auto outcome = run_against_others(bounds);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().kind, ErrorKind::kConflict);
    EXPECT_EQ(attempts_, in_time ? 16 : 1);
    EXPECT_EQ(outcome.error().message,
              fmt::format("other requests wrote to what the transaction rests on, {} times: "
                          "nothing of it is done, send it again",
                          attempts_));
    EXPECT_EQ(outcome.error().retry_after, std::chrono::seconds(1));
    EXPECT_EQ(patients(), 1u);
  }
}

}  // namespace
}  // namespace sluice::rest
