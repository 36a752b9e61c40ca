// The functions, by the sections of the standard.
#include <gtest/gtest.h>

#include "evaluating.h"

namespace sluice::fhirpath {
namespace {

TEST(Existence, Functions) {
  EXPECT_EQ(eval("{}.empty()"), "true");
  EXPECT_EQ(eval("(1 | 2).exists($this > 1)"), "true");
  EXPECT_EQ(eval("{}.all(false)"), "true");
  EXPECT_EQ(eval("(true | false).anyFalse()"), "true");
  EXPECT_EQ(eval("(true | false).allTrue()"), "false");
  EXPECT_EQ(eval("(1 | 2).subsetOf(3 | 2 | 1)"), "true");
  EXPECT_EQ(eval("(1 | 2).supersetOf(2)"), "true");
  EXPECT_EQ(eval("(1).combine(1).isDistinct()"), "false");
  EXPECT_EQ(eval("(1).combine(1).distinct()"), "1");
}

TEST(Projection, KnowsThisAndIndex) {
  EXPECT_EQ(eval("('a' | 'b').select($this & $index.toString())"), R"("a0" "b1")");
  EXPECT_EQ(eval("(5 | 6 | 7).where($index > 0)"), "6 7");
  EXPECT_EQ(eval("(1 | 2 | 3).aggregate($this + $total, 10)"), "16");
}

TEST(Projection, RepeatEndsAndLeavesOutWhatItHas) {
  EXPECT_EQ(eval("1.repeat(iif($this < 3, $this + 1, 2))"), "2 3");
  EXPECT_EQ(eval("'abc'.repeat(replace('a', 'b'))"), R"("bbc")");
}

TEST(Sorting, ByKeysAndDirection) {
  EXPECT_EQ(eval("(3 | 1 | 2).sort()"), "1 2 3");
  EXPECT_EQ(eval("(3 | 1 | 2).sort($this desc)"), "3 2 1");
  EXPECT_EQ(eval("('3' | '1' | '10').sort()"), R"("1" "10" "3")");
  EXPECT_EQ(
      eval("name.sort(family desc, given.first()).given",
           R"({"resourceType":"Patient","name":[{"family":"A","given":["z"]},{"given":["n"]},)"
           R"({"family":"B","given":["y"]},{"family":"A","given":["x"]}]})"),
      R"("y" "x" "z" "n")");
  EXPECT_EQ(eval("(1 | 'a').sort()"),
            "error: FHIRPath: sort() takes items that can be compared (at character 11)");
}

TEST(Subsetting, Functions) {
  EXPECT_EQ(eval("(1 | 2 | 3).tail()"), "2 3");
  EXPECT_EQ(eval("(1 | 2 | 3).skip(1).take(1)"), "2");
  EXPECT_EQ(eval("(1 | 2 | 3).last()"), "3");
  EXPECT_EQ(eval("(1 | 2)[1]"), "2");
  EXPECT_EQ(eval("(1 | 2)[2]"), "{}");
  EXPECT_EQ(eval("(1 | 2).single()"),
            "error: FHIRPath: 'single' takes one item, not 2 (at character 9)");
  EXPECT_EQ(eval("(1 | 2 | 3).intersect(3 | 4)"), "3");
  EXPECT_EQ(eval("(1 | 2 | 3).exclude(2)"), "1 3");
  EXPECT_EQ(eval("coalesce({}, 2, 1 / 'a')"), "2");
}

TEST(Iif, EvaluatesOnlyWhatItReturns) {
  EXPECT_EQ(eval("iif(true, 1, 1 + 'a')"), "1");
  EXPECT_EQ(eval("iif({}, 1)"), "{}");
  EXPECT_EQ(eval("5.iif($this > 3, 'many')"), R"("many")");
}

TEST(Conversion, ToTheSimpleTypes) {
  EXPECT_EQ(eval("'Yes'.toBoolean()"), "true");
  EXPECT_EQ(eval("2.toBoolean()"), "{}");
  EXPECT_EQ(eval("'+12'.toInteger()"), "12");
  EXPECT_EQ(eval("'3000000000'.toInteger()"), "{}");
  EXPECT_EQ(eval("'3000000000'.toLong()"), "3000000000");
  EXPECT_EQ(eval("'1.50'.toDecimal()"), "1.50");
  EXPECT_EQ(eval("'1e3'.convertsToDecimal()"), "false");
  EXPECT_EQ(eval("true.toDecimal()"), "1.0");
  EXPECT_EQ(eval("@2014-12-14T10:00:00Z.toDate()"), R"("2014-12-14")");
  EXPECT_EQ(eval("'14:30'.toTime()"), R"("14:30")");
  EXPECT_EQ(eval("(1 | 2).toString()"),
            "error: FHIRPath: 'toString' takes one item, not 2 (at character 9)");
  EXPECT_EQ(eval("{}.convertsToInteger()"), "{}");
}

TEST(Conversion, OfQuantities) {
  EXPECT_EQ(eval("(4 days).toString()"), R"("4 days")");
  EXPECT_EQ(eval("53 'km'.toString()"), R"("53 'km'")");
  EXPECT_EQ(eval("'4 days'.toQuantity() = 4 days"), "true");
  EXPECT_EQ(eval("'1 wk'.convertsToQuantity()"), "false");
  EXPECT_EQ(eval("7 days.toQuantity('wk').toString()"), R"("1 'wk'")");
  EXPECT_EQ(eval("182.5 days.toQuantity('a').toString()"), R"("0.5 'a'")");
}

TEST(Strings, AreCountedByCharacters) {
  EXPECT_EQ(eval("'aéb'.length()"), "3");
  EXPECT_EQ(eval("'aéb'.substring(1, 1)"), R"("é")");
  EXPECT_EQ(eval("'aéb'.indexOf('b')"), "2");
  EXPECT_EQ(eval("'abcb'.lastIndexOf('b')"), "3");
  EXPECT_EQ(eval("'abc'.indexOf('')"), "0");
  EXPECT_EQ(eval("'abc'.substring(3)"), "{}");
  EXPECT_EQ(eval("'abc'.substring(1, 0)"), R"("")");
  EXPECT_EQ(eval("'é'.upper()"), R"("É")");
  EXPECT_EQ(eval("'ab'.toChars()"), R"("a" "b")");
  EXPECT_EQ(eval("1.length()"),
            "error: FHIRPath: length() takes text, not System.Integer; toString() makes text of it "
            "(at character 3)");
}

TEST(Strings, AreReplacedSplitAndJoined) {
  EXPECT_EQ(eval("'abcdefg'.replace('cde', '123')"), R"("ab123fg")");
  EXPECT_EQ(eval("'abc'.replace('', 'x')"), R"("xaxbxcx")");
  EXPECT_EQ(eval("'a,b,,c'.split(',').join('|')"), R"("a|b||c")");
  EXPECT_EQ(eval("'\t a '.trim()"), R"("a")");
}

TEST(Strings, AreEncodedAndEscaped) {
  EXPECT_EQ(eval("'test'.encode('base64')"), R"("dGVzdA==")");
  EXPECT_EQ(eval("'subjects?_d'.encode('urlbase64').decode('urlbase64')"), R"("subjects?_d")");
  EXPECT_EQ(eval("'test'.encode('hex')"), R"("74657374")");
  EXPECT_EQ(eval("'7465'.decode('hex')"), R"("te")");
  EXPECT_EQ(eval("'*'.decode('base64')"), "{}");
  EXPECT_EQ(eval("'\"1<2\"'.escape('html')"), R"("&quot;1&lt;2&quot;")");
  EXPECT_EQ(eval("'&quot;1&lt;2&amp;lt;'.unescape('html')"), R"("\"1<2&lt;")");
  EXPECT_EQ(eval("'\"'.escape('json')"), R"("\\\"")");
  EXPECT_EQ(eval("'a'.encode('rot13')"),
            "error: FHIRPath: encode() knows 'hex', 'base64' and 'urlbase64' (at character 12)");
}

TEST(RegularExpressions, MatchPartsOrAll) {
  EXPECT_EQ(eval("'N8000123123'.matches('N[0-9]{8}')"), "true");
  EXPECT_EQ(eval("'N8000123123'.matches('^N[0-9]{8}$')"), "false");
  EXPECT_EQ(eval("'N8000123123'.matchesFull('N[0-9]{10}')"), "true");
  EXPECT_EQ(eval(R"('first line\nsecond line'.matches('^SECOND', 'im'))"), "true");
  EXPECT_EQ(eval(R"('a\nb'.matches('a.b'))"), "true");
  EXPECT_EQ(eval("'a'.matches('(')"),
            "error: FHIRPath: not a regular expression that RE2 understands: missing ): ( "
            "(at character 13)");
}

TEST(RegularExpressions, ReplaceWithGroups) {
  EXPECT_EQ(
      eval(
          R"('11/30/1972'.replaceMatches('\\b(?<month>\\d{1,2})/(?<day>\\d{1,2})/(?<year>\\d{2,4})\\b', '${day}-${month}-${year}'))"),
      R"("30-11-1972")");
  EXPECT_EQ(eval(R"('aaabaa'.replaceMatches('aa', '"aa"'))"), R"("\"aa\"ab\"aa\"")");
  EXPECT_EQ(eval("'ab'.replaceMatches('(a)(b)', '$2$1$$')"), R"("ba$")");
  EXPECT_EQ(eval("'a'.replaceMatches('a', '$1')"),
            "error: FHIRPath: the substitution names a group that the regular expression does not "
            "have (at character 25)");
}

TEST(MathFunctions, AreExactOrRoundedToEightDigits) {
  EXPECT_EQ(eval("(-5.5 'mg').abs() = 5.5 'mg'"), "true");
  EXPECT_EQ(eval("(-1.1).ceiling()"), "-1");
  EXPECT_EQ(eval("(-2.1).floor()"), "-3");
  EXPECT_EQ(eval("(-1.56).truncate()"), "-1");
  EXPECT_EQ(eval("3.14159.round(3)"), "3.142");
  EXPECT_EQ(eval("(-2.5).round()"), "-3");
  EXPECT_EQ(eval("2.sqrt()"), "1.41421356");
  EXPECT_EQ(eval("81.sqrt()"), "9");
  EXPECT_EQ(eval("(-1).sqrt()"), "{}");
  EXPECT_EQ(eval("0.exp()"), "1");
  EXPECT_EQ(eval("16.log(2)"), "4");
  EXPECT_EQ(eval("2.power(3)"), "8");
  EXPECT_EQ(eval("2.5.power(2)"), "6.25");
  EXPECT_EQ(eval("(-1).power(0.5)"), "{}");
  EXPECT_EQ(eval("2.power(-1)"), "0.5");
}

TEST(Boundaries, OfDecimals) {
  EXPECT_EQ(eval("1.587.lowBoundary()"), "1.58650000");
  EXPECT_EQ(eval("1.587.highBoundary(6)"), "1.587500");
  EXPECT_EQ(eval("1.587.lowBoundary(2)"), "1.58");
  EXPECT_EQ(eval("(-1.587).lowBoundary(2)"), "-1.59");
  EXPECT_EQ(eval("(-1.587).highBoundary(0)"), "-1");
  EXPECT_EQ(eval("1.587.highBoundary(0)"), "2");
  EXPECT_EQ(eval("1.0.lowBoundary(99)"), "{}");
}

TEST(Boundaries, OfDatesAndTimes) {
  EXPECT_EQ(eval("@2014.lowBoundary(6)"), R"("2014-01")");
  EXPECT_EQ(eval("@2014.highBoundary(6)"), R"("2014-12")");
  EXPECT_EQ(eval("@2016-02.highBoundary()"), R"("2016-02-29")");
  EXPECT_EQ(eval("@T10:30.highBoundary(9)"), R"("10:30:59.999")");
  EXPECT_EQ(eval("@2014-01-01T08.lowBoundary(17)"), R"("2014-01-01T08:00:00.000+14:00")");
  EXPECT_EQ(eval("@2014-01-01T08Z.highBoundary(17)"), R"("2014-01-01T08:59:59.999Z")");
  EXPECT_EQ(eval("@2014.lowBoundary(9)"), "{}");
}

TEST(Precision, CountsDigits) {
  EXPECT_EQ(eval("1.58700.precision()"), "5");
  EXPECT_EQ(eval("@2014.precision()"), "4");
  EXPECT_EQ(eval("@2014-01-05T10:30:00.000.precision()"), "17");
  EXPECT_EQ(eval("@T10:30.precision()"), "4");
}

TEST(DateParts, AreThoseThatThereAre) {
  EXPECT_EQ(eval("@2014-03-05T10:30:00.250-05:30.minuteOf()"), "30");
  EXPECT_EQ(eval("@2014-03-05T10:30:00.250-05:30.timezoneOffsetOf()"), "-5.5");
  EXPECT_EQ(eval("@2014-03-05T10:30:00.250-05:30.timeOf()"), R"("10:30:00.250")");
  EXPECT_EQ(eval("@2014.monthOf()"), "{}");
  EXPECT_EQ(eval("@T10:30.hourOf()"), "10");
}

TEST(Variables, AreDefinedForWhatFollows) {
  EXPECT_EQ(eval("defineVariable('n', 2).select(%n + 1)"), "3");
  EXPECT_EQ(eval("(1 | 2).select(defineVariable('x').select(%x * 10))"), "10 20");
  EXPECT_EQ(eval("select(defineVariable('x', 1).id) | %x"),
            "error: FHIRPath: there is no variable %x (at character 37)");
  EXPECT_EQ(eval("defineVariable('x', 1).defineVariable('x', 2)"),
            "error: FHIRPath: %x is defined already (at character 39)");
}

TEST(Variables, OfTheEnvironment) {
  EXPECT_EQ(eval("%ucum"), R"("http://unitsofmeasure.org")");
  EXPECT_EQ(eval("%`vs-administrative-gender`"),
            R"("http://hl7.org/fhir/ValueSet/administrative-gender")");
  EXPECT_EQ(eval("%'ext-patient-birthTime'"),
            R"("http://hl7.org/fhir/StructureDefinition/patient-birthTime")");
  EXPECT_EQ(eval("%resource.id = %context.id"), "true");
}

TEST(Refused, FunctionsAreRefusedByNameAndReason) {
  EXPECT_EQ(eval("code.memberOf('x')"),
            "error: FHIRPath: memberOf() is not supported: it needs a terminology service "
            "(at character 6)");
  EXPECT_EQ(eval("conformsTo('x')"),
            "error: FHIRPath: conformsTo() is not supported: it needs a validator with profiles "
            "(at character 1)");
  EXPECT_EQ(eval("text.div.htmlChecks()"),
            "error: FHIRPath: htmlChecks() is not supported: narratives are not checked "
            "(at character 10)");
}

}  // namespace
}  // namespace sluice::fhirpath
