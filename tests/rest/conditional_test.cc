// Conditional create, update, patch and delete (I-02): FHIR's table of none, one and several
// matches, and many writers at once.
#include "rest/conditional.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "query/find.h"
#include "store/rocksdb/rocksdb_store.h"
#include "temporary_folder.h"

namespace sluice::rest {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using Kind = Condition::Kind;

std::string patient(const std::string& id, const std::string& identifier,
                    const std::string& gender = "male") {
  return fmt::format(
      R"({{"resourceType":"Patient"{},"identifier":[{{"value":"{}"}}],"gender":"{}"}})",
      id.empty() ? "" : fmt::format(R"(,"id":"{}")", id), identifier, gender);
}

class ConditionalTest : public testing::Test {
 protected:
  void put(const std::string& id, const std::string& identifier) {
    ASSERT_TRUE(update(*store_, fhir::ResourceReader().read(patient(id, identifier)).value(), {}));
  }

  query::Matches matches(const std::string& text, std::size_t most = 1) {
    return query::Matches::find(
               *store_, search::Query::compile(fhir::types::kPatient, text, {}).value(), most + 1)
        .value();
  }
  Watch watch() {
    return {[this](const std::vector<Intent>& intents) -> Result<void> {
      const std::lock_guard lock(mutex_);
      for (const auto& intent : intents)
        announced_.push_back(fmt::format("{} {}", static_cast<int>(intent.kind), intent.key.id));
      return {};
    }};
  }

  Result<ConditionallyWritten> create(const std::string& text, const std::string& line,
                                      const std::string& new_id) {
    auto found = matches(text);
    return create_unless_found(*store_, found,
                               fhir::ResourceReader().read_as_new(line, new_id).value(), watch());
  }
  Result<ConditionallyWritten> replace(const std::string& text, const std::string& line,
                                       const Condition& condition = {}) {
    auto found = matches(text);
    fhir::ResourceReader reader;
    const auto as_new = reader.read(line, "new").value();
    const auto under_id = [&](std::string_view id) { return reader.read_again(id); };
    return update_found(*store_, found, {as_new, "new", under_id}, condition, unmatched_, watch());
  }
  Result<ConditionallyWritten> change(const std::string& text, const std::string& operations,
                                      const Condition& condition = {}) {
    auto found = matches(text);
    const auto patch = JsonPatch::parse(operations).value();
    return patch_found(*store_, found, {patch, ""}, condition, watch());
  }
  Result<std::size_t> erase(const std::string& text, std::size_t most = 1,
                            const Condition& condition = {}) {
    auto found = matches(text, most);
    return remove_found(*store_, found, most, condition, watch());
  }

  std::vector<std::string> ids(const std::string& text) {
    auto all = matches(text, 1000).ids();
    return all;
  }

  Unmatched unmatched_ = Unmatched::kCreate;
  TemporaryFolder folder_;
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_rocksdb_store(folder_.path(), clock_).value();
  std::mutex mutex_;
  std::vector<std::string> announced_;
};

template <class Value>
ErrorKind kind_of(const Result<Value>& result) {
  EXPECT_FALSE(result);
  return result ? ErrorKind::kInternal : result.error().kind;
}

TEST_F(ConditionalTest, ACreateIsDoneOnlyWhenNothingMatches_I02) {
  const auto first = create("identifier=1", patient("", "1"), "x").value();
  EXPECT_TRUE(first.written.created);
  EXPECT_EQ(first.key.id, "x");
  const auto again = create("identifier=1", patient("", "1", "female"), "y").value();
  EXPECT_FALSE(again.written.created);
  EXPECT_EQ(again.key.id, "x");
  EXPECT_EQ(again.written.stored.json, first.written.stored.json);
  EXPECT_EQ(again.written.stored.version, 1u);
  put("z", "1");
  EXPECT_EQ(kind_of(create("identifier=1", patient("", "1"), "w")), ErrorKind::kPreconditionFailed);
  EXPECT_THAT(ids("identifier=1"), ElementsAre("x", "z"));
  EXPECT_THAT(announced_, ElementsAre("1 x", "0 x"));
  ASSERT_TRUE(remove(*store_, {fhir::types::kPatient, "z"}, {}));
  ASSERT_TRUE(remove(*store_, {fhir::types::kPatient, "x"}, {}));
  EXPECT_TRUE(create("identifier=1", patient("", "1"), "v")->written.created)
      << "what is deleted does not match";
}

TEST_F(ConditionalTest, AnUpdateFollowsTheTableOfTheStandard_I02) {
  // None: created, under its own id when it has one that is free.
  EXPECT_EQ(replace("identifier=1", patient("", "1"))->key.id, "new");
  EXPECT_EQ(replace("identifier=2", patient("own", "2"))->key.id, "own");
  EXPECT_EQ(kind_of(replace("identifier=3", patient("own", "3"))), ErrorKind::kConflict);
  // One: replaced, when the body has its id or none.
  const auto replaced = replace("identifier=2", patient("", "2", "female")).value();
  EXPECT_FALSE(replaced.written.created);
  EXPECT_EQ(replaced.key.id, "own");
  EXPECT_EQ(replaced.written.stored.version, 2u);
  EXPECT_NE(replaced.written.stored.json.find(R"("id":"own")"), std::string::npos);
  EXPECT_EQ(replace("identifier=2", patient("own", "2", "other"))->written.stored.version, 3u);
  EXPECT_EQ(kind_of(replace("identifier=2", patient("else", "2"))), ErrorKind::kInvalid);
  EXPECT_EQ(replace("identifier=2", patient("", "2", "other"))->written.stored.version, 3u)
      << "the same again";
  // Several.
  put("more", "2");
  EXPECT_EQ(kind_of(replace("identifier=2", patient("", "2"))), ErrorKind::kPreconditionFailed);
  EXPECT_EQ(kind_of(replace("identifier=2", patient("own", "2"))), ErrorKind::kPreconditionFailed);
}

TEST_F(ConditionalTest, APatchIsOfTheOneThatMatches_I02) {
  const std::string activate = R"([{"op":"add","path":"/active","value":true}])";
  EXPECT_EQ(kind_of(change("identifier=1", activate)), ErrorKind::kNotFound);
  put("a", "1");
  const auto done = change("identifier=1", activate).value();
  EXPECT_EQ(done.key.id, "a");
  EXPECT_EQ(done.written.stored.version, 2u);
  EXPECT_NE(done.written.stored.json.find(R"("active":true)"), std::string::npos);
  EXPECT_EQ(kind_of(change("identifier=1", activate, {Condition::Kind::kVersion, 1})),
            ErrorKind::kPreconditionFailed);
  EXPECT_EQ(kind_of(change("identifier=2", activate, {Condition::Kind::kPresent})),
            ErrorKind::kPreconditionFailed);
  EXPECT_EQ(kind_of(change("identifier=1", R"([{"op":"test","path":"/active","value":1}])")),
            ErrorKind::kUnprocessable);
  put("b", "1");
  EXPECT_EQ(kind_of(change("identifier=1", activate)), ErrorKind::kPreconditionFailed);
}

// Of what a client may not know of, not even the number is told.
TEST_F(ConditionalTest, WhatMayNotBeUsedDecidesNothing_A06) {
  put("a", "1");
  put("b", "1");
  std::vector<Intent::Kind> asked;
  const auto try_to_remove = [&](std::size_t most) {
    auto found = matches("identifier=1", most);
    auto watching = watch();
    watching.may_use = [&](Intent::Kind kind, const Stored& stored) -> Result<void> {
      asked.push_back(kind);
      if (stored.json.find(R"("id":"b")") == std::string::npos) return {};
      return Error{ErrorKind::kForbidden, "not that one"};
    };
    return kind_of(remove_found(*store_, found, most, {}, watching));
  };
  EXPECT_EQ(try_to_remove(1), ErrorKind::kForbidden);
  EXPECT_EQ(try_to_remove(2), ErrorKind::kForbidden);
  using Did = Intent::Kind;
  EXPECT_THAT(asked, ElementsAre(Did::kLeave, Did::kLeave, Did::kDelete, Did::kDelete));
  EXPECT_THAT(ids("identifier=1"), SizeIs(2));
}

TEST_F(ConditionalTest, ADeleteTakesOneOrAsManyAsAreAllowed_I02) {
  for (const auto* id : {"a", "b", "c"}) put(id, "1");
  put("d", "2");
  EXPECT_EQ(erase("identifier=nosuch").value(), 0u);
  EXPECT_EQ(kind_of(erase("identifier=1")), ErrorKind::kPreconditionFailed);
  EXPECT_EQ(kind_of(erase("identifier=1", 2)), ErrorKind::kPreconditionFailed);
  EXPECT_THAT(ids("identifier=1"), SizeIs(3));
  EXPECT_THAT(announced_, ElementsAre());
  EXPECT_EQ(erase("identifier=2").value(), 1u);
  const auto before = store_->last_commit().sequence.value;
  EXPECT_EQ(erase("identifier=1", 3).value(), 3u);
  EXPECT_EQ(store_->last_commit().sequence.value, before + 1) << "one transaction";
  EXPECT_THAT(ids("identifier=1,2"), SizeIs(0));
  EXPECT_THAT(announced_, ElementsAre("3 d", "3 a", "3 b", "3 c"));
}

TEST_F(ConditionalTest, ConditionsOfVersionsHoldOfTheMatch_I02) {
  put("a", "1");
  put("b", "1");
  put("c", "2");
  EXPECT_EQ(kind_of(replace("identifier=2", patient("", "2", "other"), {Kind::kVersion, 7})),
            ErrorKind::kPreconditionFailed);
  EXPECT_EQ(kind_of(replace("identifier=2", patient("", "2", "other"), {Kind::kAbsent})),
            ErrorKind::kPreconditionFailed);
  EXPECT_TRUE(replace("identifier=2", patient("", "2", "other"), {Kind::kVersion, 1}));
  EXPECT_TRUE(replace("identifier=2", patient("", "2", "female"), {Kind::kPresent}));
  for (const auto kind : {Kind::kPresent, Kind::kVersion}) {
    EXPECT_EQ(kind_of(replace("identifier=3", patient("", "3"), {kind, 1})),
              ErrorKind::kPreconditionFailed);
    EXPECT_EQ(kind_of(erase("identifier=3", 1, {kind, 1})), ErrorKind::kPreconditionFailed);
    EXPECT_EQ(kind_of(erase("identifier=1", 9, {kind, 1})), ErrorKind::kPreconditionFailed);
  }
  EXPECT_TRUE(replace("identifier=3", patient("", "3"), {Kind::kAbsent})->written.created);
  EXPECT_EQ(kind_of(erase("identifier=2", 1, {Kind::kVersion, 1})), ErrorKind::kPreconditionFailed);
  EXPECT_EQ(erase("identifier=2", 1, {Kind::kVersion, 3}).value(), 1u);
}

TEST_F(ConditionalTest, WhatCannotBeAnnouncedIsNotDone_A12) {
  auto found = matches("identifier=1");
  const auto resource = fhir::ResourceReader().read(patient("x", "1")).value();
  const auto refused =
      create_unless_found(*store_, found, resource, {[](const auto&) -> Result<void> {
        return Error{ErrorKind::kUnavailable, "no log"};
      }});
  EXPECT_EQ(kind_of(refused), ErrorKind::kUnavailable);
  EXPECT_THAT(ids("identifier=1"), SizeIs(0));
}

// What was found before is stale by the time of the write, for whoever writes.
TEST_F(ConditionalTest, AnyOtherWriteThatBringsTheMatchIsSeen_I02) {
  auto nothing = matches("identifier=1");
  put("a", "1");
  const auto left = create_unless_found(
      *store_, nothing, fhir::ResourceReader().read(patient("x", "1")).value(), watch());
  EXPECT_FALSE(left->written.created);
  EXPECT_EQ(left->key.id, "a");

  auto one = matches("identifier=1");
  put("b", "1");
  EXPECT_EQ(kind_of(remove_found(*store_, one, 1, {}, watch())), ErrorKind::kPreconditionFailed);

  auto two = matches("identifier=1", 2);
  put("a", "2");
  EXPECT_EQ(remove_found(*store_, two, 2, {}, watch()).value(), 1u);
  EXPECT_THAT(ids("identifier=1,2"), ElementsAre("a"));
}

TEST_F(ConditionalTest, ManyClientsAtOnceMakeOneOfEach_I02) {
  constexpr int kThreads = 4;
  constexpr int kIdentifiers = 25;
  std::atomic<int> created = 0;
  std::atomic<int> refused = 0;
  std::atomic<bool> done = false;
  // Writes that have nothing to do with it come between all the time.
  std::thread noise([&] {
    for (int i = 1; !done; ++i) put("noise", std::to_string(-i));
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kIdentifiers; ++i) {
        const auto outcome = create(fmt::format("identifier={}", i), patient("", fmt::to_string(i)),
                                    fmt::format("{}-{}", i, t));
        if (!outcome)
          ++refused;
        else if (outcome->written.created)
          ++created;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  done = true;
  noise.join();
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(created, kIdentifiers);
  for (int i = 0; i < kIdentifiers; ++i)
    EXPECT_THAT(ids(fmt::format("identifier={}", i)), SizeIs(1)) << i;
}

}  // namespace
}  // namespace sluice::rest
