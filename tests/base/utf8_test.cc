// R-03: what is UTF-8, where text is cut, and that JSON is valid whatever it is made of.
#include "base/utf8.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/json_text.h"

namespace sluice {
namespace {

TEST(Utf8, R03TextIsCutBetweenCharactersOnly) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abc", 2), "ab");
  EXPECT_EQ(shortened("", 0), "");
  EXPECT_EQ(shortened("a\u00fc", 2), "a") << "an umlaut has two bytes";
  EXPECT_EQ(shortened("a\u00fc", 3), "a\u00fc");
  EXPECT_EQ(shortened("\u00fc", 1), "");
  for (const std::size_t size : {4, 5, 6})
    EXPECT_EQ(shortened("abc\U0001F600", size), "abc") << size;
  EXPECT_EQ(shortened("abc\U0001F600", 7), "abc\U0001F600");
  // What is no UTF-8 is cut as well.
  EXPECT_LE(shortened(std::string(100, '\x80'), 64).size(), 64u);
}

TEST(Utf8, R03AByteOrderMarkIsPassedOverOnceAtTheBeginning) {
  EXPECT_EQ(without_byte_order_mark("\xef\xbb\xbf{}"), "{}");
  EXPECT_EQ(without_byte_order_mark("\xef\xbb\xbf\xef\xbb\xbf{}"), "\xef\xbb\xbf{}");
  for (const char* text : {"", "{}", "\xef\xbb", " \xef\xbb\xbf"})
    EXPECT_EQ(without_byte_order_mark(text), text);
}

TEST(Utf8, KnowsWhatIsValid) {
  for (const char* text : {"", "plain ascii text of some length", "\u00fc", "\u20ac", "\U0001F600",
                           "eight by eight, then \u00fc and eight more"})
    EXPECT_TRUE(is_valid_utf8(text)) << text;
  for (const char* text : {"\xff", "abc\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                           "12345678\x80", "1234567\xfc 12345678"})
    EXPECT_FALSE(is_valid_utf8(text)) << text;
  EXPECT_EQ(valid_utf8_prefix("12345678abc\xff"), 11u);
  EXPECT_EQ(replace_invalid_utf8("a\xff\xc3\xbc\xc3"), "a\ufffd\u00fc\ufffd");
}

TEST(JsonText, R03IsValidWhateverItIsMadeOf) {
  const boost::json::object object{{"a", "x\xff"}, {"b\xfc", boost::json::array{"\xc3"}}};
  EXPECT_EQ(json_text(object), R"({"a":"x)"
                               "\ufffd"
                               R"(","b)"
                               "\ufffd"
                               R"(":[")"
                               "\ufffd"
                               R"("]})");
  EXPECT_EQ(json_text(boost::json::value(object)), json_text(object));
  EXPECT_EQ(json_string("\"\n\xff"), R"("\"\n)"
                                     "\ufffd"
                                     R"(")");
}

TEST(JsonText, R03DocumentsOfEarlierVersionsAreReadWithTheirBadBytesReplaced) {
  EXPECT_EQ(stored_object("{\"a\":\"x\xff\"}").at("a").as_string(), "x\ufffd");
  for (const char* text : {"", "[]", "{", "{\"a\":\xff}", "null"})
    EXPECT_THROW(stored_object(text), std::exception) << text;
}

TEST(JsonText, AStoredInstantHasAYearOfFourDigits) {
  EXPECT_EQ(stored_instant(253402300799999).milliseconds, 253402300799999);
  EXPECT_EQ(stored_instant(0).milliseconds, 0);
  EXPECT_THROW(stored_instant(253402300800000), std::exception);
  EXPECT_THROW(stored_instant(-62167219200001), std::exception);
  EXPECT_THROW(stored_instant("1"), std::exception);
}

}  // namespace
}  // namespace sluice
