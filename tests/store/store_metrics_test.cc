// What a store tells Prometheus of itself and of its writes.
#include "store/store_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/rocksdb/rocksdb_store.h"
#include "store_fixture.h"

namespace sluice::store {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(StoreMetrics, TellWhatIsThereAndWhatWritesTook) {
  const TemporaryFolder folder;
  const TestClock clock;
  const auto metrics = std::make_shared<Metrics>();
  auto store = open_rocksdb_store(folder.path(), clock, {.metrics = metrics}).value();
  Batch first;
  first.put(make_resource("Patient", "a", "x"));
  first.put(make_resource("Patient", "b", "x"));
  ASSERT_TRUE(store->write(first.transaction()));
  Batch second;
  second.put(make_resource("Observation", "o", "x")).not_durable();
  ASSERT_TRUE(store->write(second.transaction()));
  Batch third;
  third.remove("Patient", "b");
  ASSERT_TRUE(store->write(third.transaction()));
  const std::string text = metrics->text();
  for (const char* line : {
           "# TYPE sluice_store_resources gauge\n",
           "sluice_store_resources{type=\"Observation\"} 1\n",
           "sluice_store_resources{type=\"Patient\"} 1\n",
           "# TYPE sluice_store_resource_bytes gauge\n",
           "sluice_store_resource_bytes{type=\"Patient\"} ",
           "# TYPE sluice_store_disk_bytes gauge\n",
           "# TYPE sluice_store_transactions_total counter\n",
           "sluice_store_transactions_total 3\n",
           "# TYPE sluice_store_write_seconds histogram\n",
           "sluice_store_write_seconds_count{durable=\"true\"} 2\n",
           "sluice_store_write_seconds_count{durable=\"false\"} 1\n",
       })
    EXPECT_THAT(text, HasSubstr(line));
  store.reset();
  EXPECT_THAT(metrics->text(), Not(HasSubstr("sluice_store_transactions_total")))
      << "a store that is closed is not read";
  store = open_rocksdb_store(folder.path(), clock, {.metrics = metrics}).value();
  EXPECT_THAT(metrics->text(), HasSubstr("sluice_store_transactions_total 3\n"));
}

}  // namespace
}  // namespace sluice::store
