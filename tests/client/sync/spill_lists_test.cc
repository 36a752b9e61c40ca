// Lists on disk: what was added comes back, in order, whatever bytes it has (L-15).
#include "client/sync/spill_lists.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace sluice::client {
namespace {

namespace fs = std::filesystem;

TEST(SpillLists, L15WhatWasAddedComesBackInOrder) {
  std::string name = testing::TempDir() + "spillXXXXXX";
  const fs::path folder = ::mkdtemp(name.data());
  {
    const auto lists = SpillLists::create(folder / "lists");
    ASSERT_TRUE(lists);
    std::vector<std::string> odd, even;
    for (int i = 0; i < 20'000; ++i) {
      std::string entry = std::to_string(i) + std::string(i % 40, '\n') + std::string("\0\r", 2);
      if (i == 5000) entry.assign(600'000, 'x');
      if (i == 5001) entry.clear();
      ASSERT_TRUE((*lists)->add(i % 2 == 0 ? "even" : "../odd", entry));
      (i % 2 == 0 ? even : odd).push_back(entry);
    }
    ASSERT_TRUE((*lists)->add("one", "entry"));
    const auto read = [&](const std::string& key) {
      std::vector<std::string> entries;
      EXPECT_TRUE((*lists)->each(key, [&](std::string_view entry) -> Result<void> {
        entries.emplace_back(entry);
        return {};
      }));
      return entries;
    };
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(read("even"), even);
      EXPECT_EQ(read("../odd"), odd);
    }
    EXPECT_EQ(read("one"), std::vector<std::string>{"entry"});
    EXPECT_TRUE(read("none").empty());
    (*lists)->drop("even");
    EXPECT_FALSE((*lists)->contains("even"));
    EXPECT_TRUE(read("even").empty());
    // An error of the taker ends it.
    int taken = 0;
    EXPECT_FALSE((*lists)->each("../odd", [&](std::string_view) -> Result<void> {
      return ++taken == 3 ? Result<void>(corrupt("enough")) : Result<void>();
    }));
    EXPECT_EQ(taken, 3);
  }
  EXPECT_FALSE(fs::exists(folder / "lists"));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace sluice::client
