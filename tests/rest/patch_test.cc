// I-02, I-04: the patch interaction: what it must not change, conditions, many writers at once.
#include "rest/patch.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "store/rocksdb/rocksdb_store.h"
#include "temporary_folder.h"

namespace sluice::rest {
namespace {

using Kind = Condition::Kind;

class Patch : public testing::Test {
 protected:
  Result<Written> patched_with(const std::string& text, const Condition& condition = {}) {
    return patch(*store_, key_, JsonPatch::parse(text).value(), condition, "");
  }

  void put(const std::string& json) {
    ASSERT_TRUE(update(*store_, fhir::ResourceReader().read(json).value(), {}));
  }

  TemporaryFolder folder_;
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_rocksdb_store(folder_.path(), clock_).value();
  const fhir::ResourceId key_{*fhir::find_resource_type("Basic"), "b"};
};

constexpr const char* kBasic = R"({"resourceType":"Basic","id":"b","code":{"text":"1.50"}})";

TEST_F(Patch, MakesANewVersionOrNone) {
  put(kBasic);
  const auto written = patched_with(R"([{"op":"add","path":"/created","value":"2026-01-01"}])");
  ASSERT_TRUE(written);
  EXPECT_EQ(written->stored.version, 2u);
  EXPECT_FALSE(written->created);
  EXPECT_NE(written->stored.json.find(R"("created":"2026-01-01")"), std::string::npos);
  EXPECT_EQ(read(*store_, key_)->json, written->stored.json);
  for (const char* same : {"[]", R"([{"op":"test","path":"/meta/versionId","value":"2"}])",
                           R"([{"op":"add","path":"/meta/versionId","value":"77"}])"}) {
    const auto unchanged = patched_with(same);
    ASSERT_TRUE(unchanged) << same;
    EXPECT_EQ(unchanged->stored.version, 2u) << same;
    EXPECT_EQ(unchanged->stored.json, written->stored.json) << same;
  }
}

TEST_F(Patch, RefusesWhatTheResourceMustNotBecome) {
  put(kBasic);
  const auto before = read(*store_, key_)->json;
  const struct {
    const char* patch;
    const char* message;
  } cases[] = {
      {R"([{"op":"replace","path":"/id","value":"c"}])", "a patch must not change the id"},
      {R"([{"op":"remove","path":"/id"}])", "the patched resource: id is missing"},
      {R"([{"op":"replace","path":"/resourceType","value":"Patient"}])",
       "a patch must not change resourceType"},
      {R"([{"op":"remove","path":"/code"}])", "Basic.code is missing"},
      {R"([{"op":"add","path":"/colour","value":1}])", "'colour' is not an element of Basic"},
      {R"([{"op":"replace","path":"","value":5}])", "the patched resource: not a JSON object"},
      {R"([{"op":"add","path":"/code","value":{"a":1,"a":2}}])",
       "the patched resource: a key stands twice in one object, at byte"},
  };
  for (const auto& one : cases) {
    const auto outcome = patched_with(one.patch);
    ASSERT_FALSE(outcome) << one.patch;
    EXPECT_EQ(outcome.error().kind, ErrorKind::kUnprocessable) << one.patch;
    EXPECT_TRUE(outcome.error().message.starts_with(one.message)) << outcome.error().message;
  }
  EXPECT_EQ(read(*store_, key_)->json, before);
}

TEST_F(Patch, LooksAtConditionsAndAtWhatIsThere) {
  const std::string add = R"([{"op":"add","path":"/created","value":"2026-01-01"}])";
  EXPECT_EQ(patched_with(add).error().kind, ErrorKind::kNotFound);
  put(kBasic);
  EXPECT_EQ(patched_with(add, {Kind::kVersion, 2}).error().kind, ErrorKind::kPreconditionFailed);
  EXPECT_EQ(patched_with(add, {Kind::kAbsent}).error().kind, ErrorKind::kPreconditionFailed);
  EXPECT_TRUE(patched_with(add, {Kind::kVersion, 1}));
  EXPECT_TRUE(patched_with(R"([{"op":"remove","path":"/created"}])", {Kind::kPresent}));
  ASSERT_TRUE(remove(*store_, key_, {}));
  EXPECT_EQ(patched_with(add).error().kind, ErrorKind::kGone);
}

TEST_F(Patch, OfManyWritersNoneIsLost) {
  put(kBasic);
  constexpr int kWriters = 4;
  constexpr int kRounds = 15;
  std::atomic<int> done = 0;
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < kWriters; ++writer)
    writers.emplace_back([&, writer] {
      for (int round = 0; round < kRounds; ++round) {
        const auto add = [&] {
          return patched_with(fmt::format(
              R"([{{"op":"add","path":"/code/coding-{}-{}","value":true}}])", writer, round));
        };
        auto outcome = add();
        while (!outcome && outcome.error().kind == ErrorKind::kConflict) outcome = add();
        if (outcome) ++done;
      }
    });
  writers.clear();
  EXPECT_EQ(done, kWriters * kRounds);
  const std::string json = read(*store_, key_)->json;
  for (int writer = 0; writer < kWriters; ++writer)
    for (int round = 0; round < kRounds; ++round)
      EXPECT_NE(json.find(fmt::format("coding-{}-{}\"", writer, round)), std::string::npos);
  EXPECT_EQ(read(*store_, key_)->version, 1u + kWriters * kRounds);
}

}  // namespace
}  // namespace sluice::rest
