// Writers and readers at the same time: sequences without gaps, scans that see one state.
#include <fmt/format.h>

#include <atomic>
#include <set>
#include <thread>

#include "store_fixture.h"

#if defined(__SANITIZE_THREAD__)
// RocksDB is not built with the sanitizer: it sees its memory accesses in memcpy and the like, but
// not the atomics that order them.
extern "C" const char* __tsan_default_suppressions() {
  return "called_from_lib:librocksdb\n";
}
#endif

namespace sluice::store {
namespace {

class StoreThreads : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(EachBackend, StoreThreads, testing::ValuesIn(backends()),
                         [](const auto& i) { return i.param.name; });

constexpr int kAccounts = 40;

// Every transaction replaces all of some "accounts" so that their round numbers are equal; every
// scan as of a sequence must find them equal, and the same each time it is asked.
TEST_P(StoreThreads, EveryScanSeesOneState) {
  std::atomic<bool> stop = false;
  std::mutex mutex;
  std::set<std::uint64_t> sequences;  // guarded by mutex
  const auto writer = [&](const std::string& group) {
    for (int round = 0; round < 60; ++round) {
      Batch batch;
      for (int i = 0; i < kAccounts; ++i)
        batch.put(make_resource("Account", group + std::to_string(i),
                                std::to_string(round) + std::string(500, 'x'),
                                {fmt::format("p{}", (i + round) % 7)}));
      if (round % 4 != 0) batch.not_durable();
      const auto outcome = write(batch);
      const std::lock_guard lock(mutex);
      EXPECT_TRUE(sequences.insert(outcome.commit.sequence.value).second);
    }
  };
  const auto reader = [&](const std::string& group) {
    while (!stop) {
      const Sequence as_of = last();
      std::set<std::uint32_t> versions;
      int count = 0;
      const auto scan = store_->scan(whole_type(type_of("Account")), as_of).value();
      RecordView record;
      while (scan->next(record).value()) {
        EXPECT_LE(record.sequence, as_of);
        if (record.id.substr(0, 1) != group) continue;
        ++count;
        versions.insert(record.version);
      }
      EXPECT_TRUE(count == 0 || count == kAccounts) << count;
      EXPECT_LE(versions.size(), 1u);
      if (count == 0) continue;
      const auto one = store_->read(id_of("Account", group + "7"), as_of).value();
      ASSERT_TRUE(one);
      EXPECT_EQ(one->version, *versions.begin());
      EXPECT_TRUE(store_->exist(type_of("Account"), {group + "7"}, as_of).value()[0]);
      EXPECT_EQ(store_->commit_at(store_->last_commit().instant).has_error(), false);
      EXPECT_EQ(store_->change_count({0}, as_of).value() % kAccounts, 0u);
    }
  };
  std::vector<std::thread> writers, readers;
  for (const char* group : {"a", "b", "c"}) writers.emplace_back(writer, group);
  for (const char* group : {"a", "c"}) readers.emplace_back(reader, group);
  std::thread maintenance([&] {
    while (!stop) {
      store_->split(whole_type(type_of("Account")), 5000).value();
      store_->statistics().value();
      store_->compact().value();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  for (auto& thread : writers) thread.join();
  stop = true;
  for (auto& thread : readers) thread.join();
  maintenance.join();
  EXPECT_EQ(sequences.size(), 180u);
  EXPECT_EQ(*sequences.begin(), 1u);
  EXPECT_EQ(*sequences.rbegin(), 180u);
  EXPECT_EQ(last().value, 180u);
  reopen();
  EXPECT_EQ(last().value, 180u);
  EXPECT_EQ(store_->statistics().value()[0].resources, 3u * kAccounts);
}

// The horizon follows the oldest reader; what it may still ask for never changes.
TEST_P(StoreThreads, AnOldStateStaysWhileItIsHeld) {
  Batch batch;
  for (int i = 0; i < 200; ++i)
    batch.put(make_resource("Account", std::to_string(i), "0", {std::to_string(i % 9)}));
  write(batch);
  const Sequence held = last();
  store_->set_history_horizon(held);
  const auto expected = scan_all("Account", held);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int round = 1; round < 40; ++round) {
      Batch changes;
      for (int i = round % 3; i < 200; i += 3) {
        if ((i + round) % 5 == 0)
          changes.remove("Account", std::to_string(i));
        else
          changes.put(make_resource("Account", std::to_string(i),
                                    std::to_string(round) + std::string(300, 'x'),
                                    {std::to_string((i + round) % 9)}));
      }
      write(changes.not_durable());
      if (round % 10 == 0) store_->compact().value();
    }
    stop = true;
  });
  do {
    EXPECT_EQ(scan_all("Account", held), expected);
  } while (!stop && !HasFailure());
  writer.join();
  EXPECT_EQ(scan_all("Account", held), expected);
}

}  // namespace
}  // namespace sluice::store
