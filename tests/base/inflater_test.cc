// Gzip data of zlib, whole, in pieces, cut and damaged.
#include "base/inflater.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "gzip.h"

namespace sluice {
namespace {

// Half of it packs well, half does not.
std::string text_of(std::size_t size) {
  std::mt19937 random(7);
  std::string text(size, 'x');
  for (std::size_t i = 0; i < size; ++i)
    if (i / 1000 % 2 == 0) text[i] = static_cast<char>(random());
  return text;
}

struct Inflated {
  std::string content;
  std::string problem;
};

// In pieces of `piece` bytes, with room for `room` at once.
Inflated inflated(std::string_view bytes, std::size_t piece = 100'000, std::size_t room = 100'000,
                  GzipInflater inflater = GzipInflater()) {
  Inflated out;
  std::string buffer(room, '\0');
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    std::string_view fed = bytes.substr(at, piece);
    while (!fed.empty() || inflater.has_more()) {
      std::span<char> left(buffer);
      const auto good = inflater.inflate(fed, left);
      out.content.append(buffer, 0, room - left.size());
      if (!good) {
        EXPECT_EQ(good.error().kind, ErrorKind::kCorrupt);
        out.problem = good.error().message;
        return out;
      }
    }
  }
  if (const auto whole = inflater.finish(); !whole) out.problem = whole.error().message;
  return out;
}

TEST(GzipInflater, GivesTheContentWhateverThePiecesAndTheRoomAre) {
  const std::string text = text_of(300'000);
  const std::string bytes = gzip(text);
  for (const std::size_t piece : {1u, 7u, 1000u, 1u << 20})
    for (const std::size_t room : {1u, 333u, 1u << 20}) {
      const auto given = inflated(bytes, piece, room);
      EXPECT_TRUE(given.content == text) << piece << " " << room;
      EXPECT_EQ(given.problem, "");
    }
}

TEST(GzipInflater, LosesNothingThatHadNoRoomAtTheEnd) {
  for (std::size_t size = 65'000; size < 66'000; size += 13) {
    const std::string text(size, 'x');
    const auto given = inflated(gzip(text), 100'000, 65'536);
    ASSERT_EQ(given.content.size(), size);
    ASSERT_EQ(given.problem, "");
  }
}

TEST(GzipInflater, ReadsSeveralMembersAsOneAndNothingAsNothing) {
  const std::string text = text_of(10'000);
  const std::string bytes = gzip(text) + gzip("") + gzip("a") + gzip(text);
  for (const std::size_t piece : {1u, 5u, 1u << 20})
    EXPECT_TRUE(inflated(bytes, piece).content == text + "a" + text) << piece;
  EXPECT_EQ(inflated("").problem, "");
}

TEST(GzipInflater, NeverMakesMoreThanThereIsRoomFor) {
  const std::string bytes = gzip(std::string(10u << 20, 'x'));
  GzipInflater inflater;
  std::string_view left = bytes;
  std::string buffer(1000, '\0');
  std::span<char> room = std::span(buffer).first(10);
  ASSERT_TRUE(inflater.inflate(left, room));
  EXPECT_EQ(buffer.substr(0, 10), std::string(10, 'x'));
  EXPECT_EQ(buffer.substr(10), std::string(990, '\0'));
  EXPECT_TRUE(room.empty());
  EXPECT_TRUE(inflater.has_more());
}

TEST(GzipInflater, ZerosBehindAMemberArePaddingOrDamage) {
  const std::string bytes = gzip("a") + std::string(1000, '\0') + gzip("b");
  EXPECT_EQ(inflated(bytes).content, "ab");
  EXPECT_EQ(inflated(bytes, 1).content, "ab");
  EXPECT_EQ(inflated(bytes).problem, "");
  const auto strict = inflated(bytes, 100, 100, GzipInflater(GzipInflater::Zeros::kAreDamage));
  EXPECT_EQ(strict.content, "a");
  EXPECT_EQ(strict.problem, "the gzip data are damaged");
  EXPECT_EQ(inflated(std::string(100, '\0')).problem, "the gzip data are damaged");
}

TEST(GzipInflater, TellsDataThatAreCutWhereverTheyAre) {
  const std::string text = text_of(5000);
  const std::string bytes = gzip("a") + gzip(text);
  const std::size_t first = gzip("a").size();
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    const auto given = inflated(std::string_view(bytes).substr(0, size), 997);
    ASSERT_TRUE(("a" + text).starts_with(given.content)) << size;
    ASSERT_EQ(given.problem, size == first ? "" : "the gzip data end in the middle") << size;
  }
}

TEST(GzipInflater, TellsWhatIsDamagedAndGivesWhatWasBeforeIt) {
  auto bytes = gzip("good") + gzip("bad");
  bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 1);  // the checksum
  EXPECT_EQ(inflated(bytes).problem, "the gzip data are damaged");
  EXPECT_EQ(inflated(bytes).content, "goodbad");
  for (const char* other : {"{\"resourceType\":\"Basic\"}", "\x1f\x8b\x07 of no known method",
                            "PK\x03\x04 and a folder"})
    EXPECT_EQ(inflated(other).problem, "the gzip data are damaged") << other;
  const auto behind = inflated(gzip("good") + "garbage behind the member");
  EXPECT_EQ(behind.content, "good");
  EXPECT_EQ(behind.problem, "the gzip data are damaged");
}

}  // namespace
}  // namespace sluice
