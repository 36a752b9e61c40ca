// What servers say, as it may be shown (L-15).
#include "client/http/shown_text.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::client {
namespace {

TEST(ShownText, L15TextStaysAsItIs) {
  for (const char* text :
       {"", "table PATIENT is locked", "Größe 5 µm, 漢字, 🙂", "a\\b \"c\" <d>"})
    EXPECT_EQ(shown_text(text), text);
}

TEST(ShownText, L15WhatMovesTheCursorBecomesSpaces) {
  EXPECT_EQ(shown_text("a\x1b[2Jb\r\nc\td\x07"), "a [2Jb  c d ");
  EXPECT_EQ(shown_text(std::string("a\0b", 3)), "a b");
  EXPECT_EQ(shown_text("a\x7f"
                       "b"),
            "a b");
  EXPECT_EQ(shown_text("a\xc2\x9b"
                       "1mb"),
            "a 1mb")
      << "CSI of C1";
  EXPECT_EQ(shown_text("a\xc2\x80\xc2\x9f"
                       "b"),
            "a  b");
  EXPECT_EQ(shown_text("\xc2\xa0"), "\xc2\xa0") << "the first after C1";
}

TEST(ShownText, L15WhatTurnsTheDirectionBecomesSpaces) {
  // U+202E, U+2066, U+200F, U+2028.
  EXPECT_EQ(shown_text("a\xe2\x80\xae"
                       "b\xe2\x81\xa6"
                       "c\xe2\x80\x8f"
                       "d\xe2\x80\xa8"
                       "e"),
            "a b c d e");
  EXPECT_EQ(shown_text("\xe2\x80\x93\xe2\x82\xac"), "\xe2\x80\x93\xe2\x82\xac")
      << "a dash, a currency";
}

TEST(ShownText, L15BytesThatAreNoTextAreReplaced) {
  EXPECT_EQ(shown_text("caf\xe9!"), "caf\xef\xbf\xbd!");
  EXPECT_EQ(shown_text("\x9b"
                       "1m"),
            "\xef\xbf\xbd"
            "1m");
}

}  // namespace
}  // namespace sluice::client
