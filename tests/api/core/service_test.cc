// what is bounded for all is bounded whatever a client's scopes make of the store.
#include "api/core/service.h"

#include <gtest/gtest.h>

#include "job/engine.h"
#include "no_jobs.h"
#include "query/scoped_store.h"
#include "store/rocksdb/rocksdb_store.h"
#include "temporary_folder.h"

namespace sluice::api {
namespace {

class ServiceTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ =
      store::open_rocksdb_store(folder_.path() / "store", clock_).value();
  std::unique_ptr<output::FileStore> files_ =
      output::open_local_file_store(folder_.path() / "files").value();
  job::NoJobs jobs_;
  job::Engine engine_{*store_, clock_, jobs_, {}};
  static ServiceOptions with_one_slot() {
    ServiceOptions options;
    options.searches_max = 1;
    return options;
  }
  Service service_{*store_, *files_, engine_, clock_, with_one_slot()};
};

TEST_F(ServiceTest, WhatAClientSeesSharesEveryBoundWithTheRest_R01) {
  query::ScopedStore store(
      *store_, clock_, [](fhir::ResourceType) -> Result<query::Rights> { return query::Rights{}; });
  const Service seen(service_, store, nullptr);
  EXPECT_EQ(&seen.store, &store);
  EXPECT_EQ(seen.member_changes, service_.member_changes);
  EXPECT_EQ(seen.polls, service_.polls);
  EXPECT_EQ(seen.bundles, service_.bundles);
  EXPECT_EQ(seen.searches, service_.searches);
  service_.stopping.request_stop();
  EXPECT_TRUE(seen.stopping.stop_requested());
}

TEST_F(ServiceTest, ARequestHasOneSlotForAllThatItDoes_R01) {
  http::Request request;
  const auto slot = slot_of(service_, request);
  const Service own(service_, *store_, slot);
  ASSERT_TRUE(take_slot(own, request));
  EXPECT_TRUE(take_slot(own, request)) << "it has it";
  EXPECT_EQ(take_slot(service_, request).error().kind, ErrorKind::kUnavailable);
  slot->give_back();
  EXPECT_TRUE(take_slot(service_, request));
  EXPECT_TRUE(take_slot(own, request));
}

TEST_F(ServiceTest, APartOfARequestHasItsSlotAndItsTime_R01) {
  http::Request whole;
  auto slot = take_slot(service_, whole);
  ASSERT_TRUE(slot);
  ASSERT_NE(*slot, nullptr);
  EXPECT_EQ(take_slot(service_, whole).error().kind, ErrorKind::kUnavailable);
  http::Request part;
  part.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  const auto none = take_slot(service_, part);
  ASSERT_TRUE(none);
  EXPECT_EQ(*none, nullptr);
  EXPECT_EQ(search_bounds(service_, part).deadline, part.deadline);
  EXPECT_GT(search_bounds(service_, whole).deadline, part.deadline);
  slot->reset();
  EXPECT_TRUE(take_slot(service_, whole));
}

}  // namespace
}  // namespace sluice::api
