// R-01: the answer to a Bundle has a limit, and an entry for each of the request all the same.
#include "api/bundle/bundle_response.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace sluice::api {
namespace {

namespace json = boost::json;

BundleResponseEntry read_of(std::size_t size) {
  BundleResponseEntry entry;
  entry.full_url = "http://a/fhir/Basic/1";
  entry.resource = R"({"resourceType":"Basic","text":")" + std::string(size, 'x') + R"("})";
  return entry;
}

BundleResponseEntry write_of(std::size_t size) {
  auto entry = read_of(size);
  entry.status = 201;
  entry.location = "Basic/1/_history/1";
  return entry;
}

json::array entries_of(BundleResponse& response) {
  const auto answer = response.finish();
  EXPECT_EQ(answer.status, 200);
  return json::parse(std::get<std::string>(answer.body)).at("entry").as_array();
}

std::string status_of(const json::value& entry) {
  return entry.at("response").at("status").as_string().c_str();
}

TEST(BundleResponse, HoldsWhatItsAnswerTakes) {
  http::MemoryBudget budget(1'000'000);
  BundleResponse response("batch-response", 1'000'000, http::MemoryBudget::Share(budget));
  EXPECT_TRUE(response.add(read_of(100'000), false));
  EXPECT_TRUE(response.add(read_of(100'000), false));
  EXPECT_GE(budget.used(), 200'000u);
  EXPECT_LT(budget.used(), 500'000u);
  {
    const auto answer = response.finish();
    EXPECT_GE(budget.used(), std::get<std::string>(answer.body).size());
  }
  EXPECT_EQ(budget.used(), 0u);
}

TEST(BundleResponse, TellsOfEachEntryWhenItIsFull) {
  BundleResponse response("batch-response", 100'000, {});
  EXPECT_TRUE(response.add(read_of(90'000), false));
  EXPECT_FALSE(response.add(read_of(20'000), false));
  ASSERT_TRUE(response.full());
  EXPECT_EQ(response.full()->kind, ErrorKind::kTooLarge);
  EXPECT_FALSE(response.add(write_of(20'000), true));
  response.add_undone();
  const auto entries = entries_of(response);
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(status_of(entries[0]), "200 OK");
  EXPECT_EQ(status_of(entries[1]), "413 Content Too Large");
  const auto& issue = entries[1].at("response").at("outcome").at("issue").at(0);
  EXPECT_EQ(issue.at("code").as_string(), "too-long");
  // What was written is not told to have failed.
  EXPECT_EQ(status_of(entries[2]), "201 Created");
  EXPECT_EQ(entries[2].at("response").at("location").as_string(), "Basic/1/_history/1");
  EXPECT_FALSE(entries[2].as_object().contains("resource"));
  EXPECT_EQ(status_of(entries[3]), "413 Content Too Large");
}

TEST(BundleResponse, TellsThatOthersHoldTheMemory) {
  http::MemoryBudget budget(100'000);
  http::MemoryBudget::Share other(budget);
  ASSERT_TRUE(other.grow_to(50'000));
  BundleResponse response("batch-response", 1'000'000, http::MemoryBudget::Share(budget));
  EXPECT_FALSE(response.add(read_of(60'000), false));
  EXPECT_EQ(status_of(entries_of(response)[0]), "503 Service Unavailable");
}

TEST(BundleResponse, SaysBeforehandWhetherThereIsRoom) {
  http::MemoryBudget budget(100'000);
  http::MemoryBudget::Share other(budget);
  ASSERT_TRUE(other.grow_to(50'000));
  BundleResponse response("transaction-response", 70'000, http::MemoryBudget::Share(budget));
  EXPECT_TRUE(response.hold(40'000));
  EXPECT_EQ(response.hold(60'000).error().kind, ErrorKind::kUnavailable);
  EXPECT_TRUE(response.hold(60'000).error().retry_after);
  EXPECT_EQ(response.hold(80'000).error().kind, ErrorKind::kTooLarge);
}

}  // namespace
}  // namespace sluice::api
