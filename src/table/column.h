// A column of a table: its name, what its values are, and how the formats with types store them
// (E-05).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fhirpath/value.h"

namespace sluice::table {

/// How Parquet stores a value. The formats of text write each value as it is.
enum class Storage : std::uint8_t {
  kText,
  kBoolean,
  kInteger,  ///< 32 bits
  kInteger64,
  kDecimal,  ///< exact, of a precision and a scale
  kDate,
  kTimestamp,  ///< a moment with a zone, kept in UTC to the microsecond
  kBinary,     ///< base64 in the resource
};

struct Column {
  std::string name;
  std::string type = {};  ///< of FHIR or System: "string"; empty: not known
  Storage storage = Storage::kText;
  int precision = 0;  ///< kDecimal
  int scale = 0;      ///< kDecimal
  bool is_collection = false;
};

/// What values of a type are stored as, E-05: instant, boolean, integers, base64Binary; all others
/// are text. `type` may be the URL of its StructureDefinition.
Storage storage_of(std::string_view type);

/// Sets how the column is stored by a tag ansi/type: "DECIMAL(10, 2)", "date". kUnsupported for a
/// type that no format here has.
Result<void> set_ansi_type(Column& column, std::string_view ansi_type);

/// The URL of a StructureDefinition without what stands before the type.
std::string_view short_type(std::string_view type);

/// A value of a column as text: the string itself, digits, true, base64; complex values as JSON.
void append_text(const fhirpath::Value& value, std::string& out);
/// The same where it stands somewhere already, and lives as long as the value and its document;
/// nullopt where it must be made.
std::optional<std::string_view> text_view(const fhirpath::Value& value);

}  // namespace sluice::table
