// Jobs and shards are read from the store without an engine.
#include "job/stored_jobs.h"

#include <gmock/gmock.h>

#include "engine_fixture.h"
#include "job/documents.h"

namespace sluice::job {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class StoredJobs : public EngineTest {
 protected:
  std::vector<std::string> ids() const {
    const auto jobs = stored_jobs(*store_);
    std::vector<std::string> all;
    for (const auto& job : *jobs) all.push_back(job.id);
    return all;
  }

  std::vector<std::string> results(const std::string& id, ShardPosition from,
                                   std::size_t limit) const {
    const auto shards = stored_shards(*store_, id, from, limit);
    std::vector<std::string> all;
    for (const auto& shard : *shards)
      all.push_back(fmt::format("{}-{}: {}", shard.phase, shard.number, shard.result));
    return all;
  }
};

TEST_F(StoredJobs, R03AllOfAStoreAreThereAlsoThoseThatCannotBeRead) {
  const std::string done = submit("c1", "1");
  wait(done);
  store::Transaction damage;
  damage.documents = {{job_key("0123"), R"({"client":"c2","kind":7})"}};
  ASSERT_TRUE(store_->write(damage));
  EXPECT_THAT(ids(), UnorderedElementsAre(done, "0123"));
  EXPECT_EQ((*stored_job(*store_, done))->state, JobState::kDone);
  const auto lost = *stored_job(*store_, "0123");
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->kind, "lost");
  EXPECT_EQ(lost->client, "c2");
  EXPECT_EQ(lost->state, JobState::kFailed);
  EXPECT_EQ(lost->failure, "a stored job cannot be read");
  EXPECT_EQ(*stored_job(*store_, "4567"), std::nullopt);
}

TEST_F(StoredJobs, ShardsComeInTheOrderOfTheOutputFromAnyOfThemOn) {
  const std::string id = submit("c1", "12,2");
  wait(id);
  EXPECT_THAT(results(id, {}, 2), ElementsAre("0-0: result 0", "0-1: result 1"));
  EXPECT_THAT(results(id, {0, 9}, 3),
              ElementsAre("0-9: result 9", "0-10: result 10", "0-11: result 11"));
  EXPECT_THAT(results(id, {0, 12}, 9), ElementsAre("1-0: result 0", "1-1: result 1"));
  EXPECT_THAT(results(id, {1, 1}, 9), ElementsAre("1-1: result 1"));
  EXPECT_THAT(results(id, {1, 2}, 9), ElementsAre());
  EXPECT_THAT(results("another", {}, 9), ElementsAre());
  for (const std::size_t at_once : {1u, 5u, 100u}) {
    std::vector<ShardPosition> visited;
    EXPECT_TRUE(each_shard(*store_, id, at_once, [&](const Shard& shard) -> Result<void> {
      visited.push_back(shard.position());
      return {};
    }));
    EXPECT_EQ(visited.size(), 14u);
    EXPECT_TRUE(std::is_sorted(visited.begin(), visited.end()));
  }
  EXPECT_EQ(each_shard(*store_, id, 5,
                       [](const Shard&) -> Result<void> {
                         return Error{ErrorKind::kCancelled, "enough"};
                       })
                .error()
                .message,
            "enough");
}

}  // namespace
}  // namespace sluice::job
