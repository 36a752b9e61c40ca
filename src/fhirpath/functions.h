// The functions of the language: what they are called, what they take, and what they return.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::fhirpath {

enum class Function : std::uint8_t {
  kEmpty,
  kExists,
  kAll,
  kAllTrue,
  kAnyTrue,
  kAllFalse,
  kAnyFalse,
  kSubsetOf,
  kSupersetOf,
  kCount,
  kDistinct,
  kIsDistinct,
  kWhere,
  kSelect,
  kRepeat,
  kRepeatAll,
  kOfType,
  kCoalesce,
  kSort,
  kSingle,
  kFirst,
  kLast,
  kTail,
  kSkip,
  kTake,
  kIntersect,
  kExclude,
  kUnion,
  kCombine,
  kIif,
  kToBoolean,
  kConvertsToBoolean,
  kToInteger,
  kConvertsToInteger,
  kToLong,
  kConvertsToLong,
  kToDate,
  kConvertsToDate,
  kToDateTime,
  kConvertsToDateTime,
  kToDecimal,
  kConvertsToDecimal,
  kToQuantity,
  kConvertsToQuantity,
  kToString,
  kConvertsToString,
  kToTime,
  kConvertsToTime,
  kIndexOf,
  kLastIndexOf,
  kSubstring,
  kStartsWith,
  kEndsWith,
  kContains,
  kUpper,
  kLower,
  kReplace,
  kMatches,
  kMatchesFull,
  kReplaceMatches,
  kLength,
  kToChars,
  kEncode,
  kDecode,
  kEscape,
  kUnescape,
  kTrim,
  kSplit,
  kJoin,
  kAbs,
  kCeiling,
  kExp,
  kFloor,
  kLn,
  kLog,
  kPower,
  kRound,
  kSqrt,
  kTruncate,
  kChildren,
  kDescendants,
  kTrace,
  kNow,
  kTimeOfDay,
  kToday,
  kDefineVariable,
  kLowBoundary,
  kHighBoundary,
  kPrecision,
  kYearOf,
  kMonthOf,
  kDayOf,
  kHourOf,
  kMinuteOf,
  kSecondOf,
  kMillisecondOf,
  kTimezoneOffsetOf,
  kDateOf,
  kTimeOf,
  kComparable,
  kIs,
  kAs,
  kNot,
  kAggregate,
  kTypeOf,
  kExtension,
  kHasValue,
  kGetValue,
  kResolve,
  kGetResourceKey,
  kGetReferenceKey,
  kRefused  ///< known, and refused with a reason
};

/// What a function returns, for checking names.
enum class Returns : std::uint8_t {
  kAny,
  kInput,      ///< items of its input
  kArgument,   ///< what its first argument returns
  kArguments,  ///< what its arguments from the second on return, or the first for coalesce()
  kBoth,       ///< items of the input or of the first argument
  kType,       ///< items of the type that it is given
  kSystem      ///< a System type
};

struct FunctionRow {
  std::string_view name;
  Function function;
  std::uint8_t arguments_min;
  std::uint8_t arguments_max;
  /// The arguments from this one on are evaluated for each item, which is their $this.
  std::uint8_t lambda_from;
  Returns returns;
  std::uint16_t type = 0;  ///< for Returns::kSystem
  std::string_view refused = {};
};

/// No argument is evaluated for each item.
inline constexpr std::uint8_t kNoLambda = 255;

/// Null for a name that is no function.
const FunctionRow* find_function(std::string_view name);
const FunctionRow& row_of(Function function);

}  // namespace sluice::fhirpath
