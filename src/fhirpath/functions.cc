#include "fhirpath/functions.h"

#include "fhirpath/model.h"

namespace sluice::fhirpath {
namespace {

using enum Function;
using enum Returns;
constexpr std::uint8_t kMany = 254;
constexpr std::uint8_t kNone = kNoLambda;

constexpr FunctionRow kFunctions[] = {
    {"empty", kEmpty, 0, 0, kNone, kSystem, system::kBoolean},
    {"exists", kExists, 0, 1, 0, kSystem, system::kBoolean},
    {"all", kAll, 1, 1, 0, kSystem, system::kBoolean},
    {"allTrue", kAllTrue, 0, 0, kNone, kSystem, system::kBoolean},
    {"anyTrue", kAnyTrue, 0, 0, kNone, kSystem, system::kBoolean},
    {"allFalse", kAllFalse, 0, 0, kNone, kSystem, system::kBoolean},
    {"anyFalse", kAnyFalse, 0, 0, kNone, kSystem, system::kBoolean},
    {"subsetOf", kSubsetOf, 1, 1, kNone, kSystem, system::kBoolean},
    {"supersetOf", kSupersetOf, 1, 1, kNone, kSystem, system::kBoolean},
    {"count", kCount, 0, 0, kNone, kSystem, system::kInteger},
    {"distinct", kDistinct, 0, 0, kNone, kInput},
    {"isDistinct", kIsDistinct, 0, 0, kNone, kSystem, system::kBoolean},
    {"where", kWhere, 1, 1, 0, kInput},
    {"select", kSelect, 1, 1, 0, kArgument},
    {"repeat", kRepeat, 1, 1, 0, kArgument},
    {"repeatAll", kRepeatAll, 1, 1, 0, kArgument},
    {"ofType", kOfType, 1, 1, kNone, kType},
    {"coalesce", kCoalesce, 1, kMany, kNone, kArguments},
    {"sort", kSort, 0, kMany, 0, kInput},
    {"single", kSingle, 0, 0, kNone, kInput},
    {"first", kFirst, 0, 0, kNone, kInput},
    {"last", kLast, 0, 0, kNone, kInput},
    {"tail", kTail, 0, 0, kNone, kInput},
    {"skip", kSkip, 1, 1, kNone, kInput},
    {"take", kTake, 1, 1, kNone, kInput},
    {"intersect", kIntersect, 1, 1, kNone, kInput},
    {"exclude", kExclude, 1, 1, kNone, kInput},
    {"union", kUnion, 1, 1, kNone, kBoth},
    {"combine", kCombine, 1, 2, kNone, kBoth},
    {"iif", kIif, 2, 3, 0, kArguments},
    {"toBoolean", kToBoolean, 0, 0, kNone, kSystem, system::kBoolean},
    {"convertsToBoolean", kConvertsToBoolean, 0, 0, kNone, kSystem, system::kBoolean},
    {"toInteger", kToInteger, 0, 0, kNone, kSystem, system::kInteger},
    {"convertsToInteger", kConvertsToInteger, 0, 0, kNone, kSystem, system::kBoolean},
    {"toLong", kToLong, 0, 0, kNone, kSystem, system::kLong},
    {"convertsToLong", kConvertsToLong, 0, 0, kNone, kSystem, system::kBoolean},
    {"toDate", kToDate, 0, 0, kNone, kSystem, system::kDate},
    {"convertsToDate", kConvertsToDate, 0, 0, kNone, kSystem, system::kBoolean},
    {"toDateTime", kToDateTime, 0, 0, kNone, kSystem, system::kDateTime},
    {"convertsToDateTime", kConvertsToDateTime, 0, 0, kNone, kSystem, system::kBoolean},
    {"toDecimal", kToDecimal, 0, 0, kNone, kSystem, system::kDecimal},
    {"convertsToDecimal", kConvertsToDecimal, 0, 0, kNone, kSystem, system::kBoolean},
    {"toQuantity", kToQuantity, 0, 1, kNone, kSystem, system::kQuantity},
    {"convertsToQuantity", kConvertsToQuantity, 0, 1, kNone, kSystem, system::kBoolean},
    {"toString", kToString, 0, 0, kNone, kSystem, system::kString},
    {"convertsToString", kConvertsToString, 0, 0, kNone, kSystem, system::kBoolean},
    {"toTime", kToTime, 0, 0, kNone, kSystem, system::kTime},
    {"convertsToTime", kConvertsToTime, 0, 0, kNone, kSystem, system::kBoolean},
    {"indexOf", kIndexOf, 1, 1, kNone, kSystem, system::kInteger},
    {"lastIndexOf", kLastIndexOf, 1, 1, kNone, kSystem, system::kInteger},
    {"substring", kSubstring, 1, 2, kNone, kSystem, system::kString},
    {"startsWith", kStartsWith, 1, 1, kNone, kSystem, system::kBoolean},
    {"endsWith", kEndsWith, 1, 1, kNone, kSystem, system::kBoolean},
    {"contains", kContains, 1, 1, kNone, kSystem, system::kBoolean},
    {"upper", kUpper, 0, 0, kNone, kSystem, system::kString},
    {"lower", kLower, 0, 0, kNone, kSystem, system::kString},
    {"replace", kReplace, 2, 2, kNone, kSystem, system::kString},
    {"matches", kMatches, 1, 2, kNone, kSystem, system::kBoolean},
    {"matchesFull", kMatchesFull, 1, 2, kNone, kSystem, system::kBoolean},
    {"replaceMatches", kReplaceMatches, 2, 3, kNone, kSystem, system::kString},
    {"length", kLength, 0, 0, kNone, kSystem, system::kInteger},
    {"toChars", kToChars, 0, 0, kNone, kSystem, system::kString},
    {"encode", kEncode, 1, 1, kNone, kSystem, system::kString},
    {"decode", kDecode, 1, 1, kNone, kSystem, system::kString},
    {"escape", kEscape, 1, 1, kNone, kSystem, system::kString},
    {"unescape", kUnescape, 1, 1, kNone, kSystem, system::kString},
    {"trim", kTrim, 0, 0, kNone, kSystem, system::kString},
    {"split", kSplit, 1, 1, kNone, kSystem, system::kString},
    {"join", kJoin, 0, 1, kNone, kSystem, system::kString},
    {"abs", kAbs, 0, 0, kNone, kAny},
    {"ceiling", kCeiling, 0, 0, kNone, kAny},
    {"exp", kExp, 0, 0, kNone, kSystem, system::kDecimal},
    {"floor", kFloor, 0, 0, kNone, kAny},
    {"ln", kLn, 0, 0, kNone, kSystem, system::kDecimal},
    {"log", kLog, 1, 1, kNone, kSystem, system::kDecimal},
    {"power", kPower, 1, 1, kNone, kSystem, system::kDecimal},
    {"round", kRound, 0, 1, kNone, kAny},
    {"sqrt", kSqrt, 0, 0, kNone, kSystem, system::kDecimal},
    {"truncate", kTruncate, 0, 0, kNone, kAny},
    {"children", kChildren, 0, 0, kNone, kAny},
    {"descendants", kDescendants, 0, 0, kNone, kAny},
    {"trace", kTrace, 1, 2, 1, kInput},
    {"now", kNow, 0, 0, kNone, kSystem, system::kDateTime},
    {"timeOfDay", kTimeOfDay, 0, 0, kNone, kSystem, system::kTime},
    {"today", kToday, 0, 0, kNone, kSystem, system::kDate},
    {"defineVariable", kDefineVariable, 1, 2, kNone, kInput},
    {"lowBoundary", kLowBoundary, 0, 1, kNone, kAny},
    {"highBoundary", kHighBoundary, 0, 1, kNone, kAny},
    {"precision", kPrecision, 0, 0, kNone, kSystem, system::kInteger},
    {"yearOf", kYearOf, 0, 0, kNone, kSystem, system::kInteger},
    {"monthOf", kMonthOf, 0, 0, kNone, kSystem, system::kInteger},
    {"dayOf", kDayOf, 0, 0, kNone, kSystem, system::kInteger},
    {"hourOf", kHourOf, 0, 0, kNone, kSystem, system::kInteger},
    {"minuteOf", kMinuteOf, 0, 0, kNone, kSystem, system::kInteger},
    {"secondOf", kSecondOf, 0, 0, kNone, kSystem, system::kInteger},
    {"millisecondOf", kMillisecondOf, 0, 0, kNone, kSystem, system::kInteger},
    {"timezoneOffsetOf", kTimezoneOffsetOf, 0, 0, kNone, kSystem, system::kDecimal},
    {"dateOf", kDateOf, 0, 0, kNone, kSystem, system::kDate},
    {"timeOf", kTimeOf, 0, 0, kNone, kSystem, system::kTime},
    {"comparable", kComparable, 1, 1, kNone, kSystem, system::kBoolean},
    {"is", kIs, 1, 1, kNone, kSystem, system::kBoolean},
    {"as", kAs, 1, 1, kNone, kType},
    {"not", kNot, 0, 0, kNone, kSystem, system::kBoolean},
    {"aggregate", kAggregate, 1, 2, 0, kAny},
    {"type", kTypeOf, 0, 0, kNone, kAny},
    {"extension", kExtension, 1, 1, kNone, kAny},
    {"hasValue", kHasValue, 0, 0, kNone, kSystem, system::kBoolean},
    {"getValue", kGetValue, 0, 0, kNone, kAny},
    {"resolve", kResolve, 0, 0, kNone, kAny},
    {"getResourceKey", kGetResourceKey, 0, 0, kNone, kSystem, system::kString},
    {"getReferenceKey", kGetReferenceKey, 0, 1, kNone, kSystem, system::kString},
    {"memberOf", kRefused, 0, kMany, kNone, kAny, 0, "it needs a terminology service"},
    {"subsumes", kRefused, 0, kMany, kNone, kAny, 0, "it needs a terminology service"},
    {"subsumedBy", kRefused, 0, kMany, kNone, kAny, 0, "it needs a terminology service"},
    {"conformsTo", kRefused, 0, kMany, kNone, kAny, 0, "it needs a validator with profiles"},
    {"elementDefinition", kRefused, 0, kMany, kNone, kAny, 0,
     "it needs the definitions of profiles"},
    {"slice", kRefused, 0, kMany, kNone, kAny, 0, "it needs the definitions of profiles"},
    {"checkModifiers", kRefused, 0, kMany, kNone, kAny, 0, "modifier extensions are not checked"},
    {"htmlChecks", kRefused, 0, kMany, kNone, kAny, 0, "narratives are not checked"},
    {"pathname", kRefused, 0, kMany, kNone, kAny, 0, "paths of nodes are not kept"},
    {"duration", kRefused, 0, kMany, kNone, kAny, 0, "intervals of time are not computed"},
    {"difference", kRefused, 0, kMany, kNone, kAny, 0, "intervals of time are not computed"},
};

consteval bool in_order() {
  for (std::size_t i = 0; i < static_cast<std::size_t>(kRefused); ++i)
    if (kFunctions[i].function != static_cast<Function>(i)) return false;
  return true;
}
static_assert(in_order(), "row_of() finds a row by its number");

}  // namespace

const FunctionRow* find_function(std::string_view name) {
  for (const auto& row : kFunctions)
    if (row.name == name) return &row;
  return nullptr;
}

const FunctionRow& row_of(Function function) {
  return kFunctions[static_cast<std::size_t>(function)];
}

}  // namespace sluice::fhirpath
