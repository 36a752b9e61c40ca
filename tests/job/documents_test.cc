// Jobs and shards as documents.
#include "job/documents.h"

#include <gtest/gtest.h>

#include <limits>

namespace sluice::job {
namespace {

TEST(Job, ComesBackFromItsDocument) {
  Job job;
  job.id = "abc";
  job.kind = "import";
  job.client = "c1";
  job.registration = "r1";
  job.request = R"({"a":"b \" c"})";
  job.snapshot = {{7}, {1234}};
  job.state = JobState::kFailed;
  job.phase = 2;
  job.planned = true;
  job.adoptions = 3;
  job.finished = {99};
  job.expires = {100};
  job.failure = "why";
  const auto back = parse_job("abc", serialize(job));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->id, "abc");
  EXPECT_EQ(back->kind, "import");
  EXPECT_EQ(back->client, "c1");
  EXPECT_EQ(back->registration, "r1");
  EXPECT_EQ(back->request, job.request);
  EXPECT_EQ(back->snapshot.sequence.value, 7u);
  EXPECT_EQ(back->snapshot.instant.milliseconds, 1234);
  EXPECT_EQ(back->state, JobState::kFailed);
  EXPECT_EQ(back->phase, 2u);
  EXPECT_TRUE(back->planned);
  EXPECT_EQ(back->adoptions, 3u);
  EXPECT_EQ(back->expires.milliseconds, 100);
  EXPECT_EQ(back->failure, "why");
}

TEST(Job, WithoutAKindItIsAnExport) {
  Job job;
  job.kind = "import";
  std::string text = serialize(job);
  const std::string kind = R"("kind":"import",)";
  ASSERT_NE(text.find(kind), std::string::npos) << text;
  text.erase(text.find(kind), kind.size());
  EXPECT_EQ(parse_job("x", text)->kind, "export");
}

TEST(Job, R06OfAnEarlierVersionItHasNoRegistration) {
  const std::string text = serialize(Job{.id = "x",
                                         .client = "c1",
                                         .request = {},
                                         .snapshot = {},
                                         .finished = {},
                                         .expires = {},
                                         .failure = {}});
  EXPECT_EQ(text.find("registration"), std::string::npos);
  EXPECT_EQ(parse_job("x", text)->registration, "");
}

TEST(Job, ADamagedDocumentIsAnError) {
  for (const char* bad : {"", "[]", "{}", "{\"client\":1}", "{"})
    EXPECT_EQ(parse_job("x", bad).error().kind, ErrorKind::kCorrupt) << bad;
}

// R-03: as an earlier version wrote it, with a cut umlaut in the request.
TEST(Job, R03ADocumentWithBytesThatAreNotUtf8IsRead) {
  Job job;
  job.client = "c1";
  job.request = "Muell";
  std::string text = serialize(job);
  text.replace(text.find("Muell"), 5, "M\xc3");
  const auto back = parse_job("x", text);
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(back->request, "M\ufffd");
}

TEST(Job, R03ADamagedDocumentStillSaysWhoseItWas) {
  Job job;
  job.client = "c1";
  job.request = R"({"client":"evil","x":1})";
  const std::string text = serialize(job);
  EXPECT_EQ(text_of_damaged_job(text.substr(0, text.size() / 2), "client"), "c1");
  EXPECT_EQ(text_of_damaged_job(text.substr(text.find("request")), "client"), "")
      << "what the request says does not count";
  for (const char* bad : {"", "{}", R"({"client":)", R"({"client":"c)", R"({"client":"a b"})"})
    EXPECT_EQ(text_of_damaged_job(bad, "client"), "") << bad;
}

TEST(Job, InstantsThatNobodyCouldWriteAreDamage) {
  Job job;
  job.expires = {std::numeric_limits<std::int64_t>::max()};
  EXPECT_EQ(parse_job("x", serialize(job)).error().kind, ErrorKind::kCorrupt);
}

TEST(Shard, KeysThatAreNoShardsAreDamage) {
  for (const char* key : {"", "x", "/", "shard/j/1", "shard/j/0001/", "shard/j/00x1/00000001",
                          "shard/j/0001/-1", "shard/j/0001/99999999999999999999"})
    EXPECT_EQ(parse_shard(key, serialize(Shard())).error().kind, ErrorKind::kCorrupt) << key;
}

TEST(Shard, KeysSortInTheOrderOfTheOutput) {
  EXPECT_LT(shard_key("j", {0, 9}), shard_key("j", {0, 10}));
  EXPECT_LT(shard_key("j", {0, 99'999'999}), shard_key("j", {1, 0}));
  const Shard shard{1, 42, 1000, true, "spec", "result"};
  const auto back = parse_shard(shard_key("j", {1, 42}), serialize(shard));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->phase, 1u);
  EXPECT_EQ(back->number, 42u);
  EXPECT_EQ(back->weight, 1000u);
  EXPECT_TRUE(back->done);
  EXPECT_EQ(back->spec, "spec");
  EXPECT_EQ(back->result, "result");
}

}  // namespace
}  // namespace sluice::job
