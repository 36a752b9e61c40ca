// What a kind stored with a job is read once, whoever asks and however often.
#include "job/stored_request.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "job/managed_job.h"
#include "no_jobs.h"

namespace sluice::job {
namespace {

struct Asked {
  std::string text;
  std::vector<int> work;
};
struct Another {};

RequestFormat<Asked> format() {
  return {.parse = [](std::string_view text) -> Result<Asked> {
            if (text == "bad") return corrupt("it cannot be read", "bad");
            return Asked{std::string(text), {1, 2, 3}};
          },
          .drop_work = [](Asked& asked) { asked.work.clear(); }};
}

TEST(StoredRequest, R01IsReadOnceForAllCopiesOfAJob) {
  const StoredRequest request("abc");
  EXPECT_EQ(request.reads(), 0u);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([copy = request] { EXPECT_EQ((*copy.read(format()))->text, "abc"); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(request.reads(), 1u);
  EXPECT_EQ((*request.read(format()))->work.size(), 3u);
  EXPECT_EQ(request.reads(), 1u);
}

TEST(StoredRequest, R01OfAnEndedJobOnlyWhatIsAskedForIsKept) {
  const StoredRequest request("abc");
  const auto held = *request.read(format());
  request.end();
  EXPECT_EQ(held->work.size(), 3u) << "who is at work keeps what it has";
  EXPECT_EQ((*request.read(format()))->text, "abc");
  EXPECT_TRUE((*request.read(format()))->work.empty());
  EXPECT_EQ(request.reads(), 1u);
  // After a restart it is read when the job has ended already.
  NoJobs kind;
  ManagedJob managed(Job{.id = "x",
                         .client = {},
                         .request = "abc",
                         .snapshot = {},
                         .state = JobState::kDone,
                         .finished = {},
                         .expires = {},
                         .failure = {}},
                     kind);
  EXPECT_TRUE((*managed.job.request.read(format()))->work.empty());
  EXPECT_EQ(managed.job.request.reads(), 1u);
}

TEST(StoredRequest, R03WhatCannotBeReadIsNotTriedAgain) {
  const StoredRequest request("bad");
  for (int i = 0; i < 3; ++i) {
    const auto read = request.read(format());
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().kind, ErrorKind::kCorrupt);
    EXPECT_EQ(read.error().detail, "bad");
  }
  EXPECT_EQ(request.reads(), 1u);
}

TEST(StoredRequest, AnotherKindsFormatIsAnError) {
  const StoredRequest request("abc");
  ASSERT_TRUE(request.read(format()));
  const auto read = request.read<Another>({.parse = [](auto) { return Result<Another>(); }});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace sluice::job
