// A ViewDefinition of SQL on FHIR (3.0.0-ballot) as it is written, read from its JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhirpath/value.h"

namespace sluice::table {

/// Larger definitions are refused.
inline constexpr std::size_t kDefinitionSizeMax = 1u << 20;
/// Deeper nested selects are refused.
inline constexpr std::size_t kSelectDepthMax = 32;
/// A view with more columns, or more selects, is refused.
inline constexpr std::size_t kColumnsMax = 2'000;
inline constexpr std::size_t kSelectsMax = 1'000;

/// E-02: ViewDefinition.select.column.
struct ColumnDefinition {
  std::string name;
  std::string path;
  std::string type = {};  ///< of FHIR: "string", or a StructureDefinition's URL; empty: none
  bool is_collection = false;
  std::string ansi_type = {};  ///< of the tag ansi/type, E-05
  std::string place = {};      ///< "select[0].column[2]", for messages
};

/// E-02: ViewDefinition.select.
struct SelectDefinition {
  enum class Each { kNone, kForEach, kForEachOrNull, kRepeat };
  Each each = Each::kNone;
  std::vector<std::string> paths = {};  ///< of kRepeat one or more, of the others one
  std::vector<ColumnDefinition> columns = {};
  std::vector<SelectDefinition> selects = {};
  std::vector<SelectDefinition> unions = {};
  std::string place = {};
};

struct ConstantDefinition {
  std::string name;
  fhirpath::Value value;
};

struct WhereDefinition {
  std::string path;
  std::string place;
};

struct ViewDefinition {
  std::string name = {};  ///< empty: it has none
  std::string resource;   ///< the type of its resources
  std::vector<ConstantDefinition> constants = {};
  std::vector<WhereDefinition> where = {};
  std::vector<SelectDefinition> selects;
};

/// Reads the JSON of a ViewDefinition (E-01). `resourceType` may be missing. Elements that say
/// nothing of the table are not looked at; those that a ViewDefinition does not have, or that stand
/// twice, are kInvalid. kInvalid says what is wrong and where
/// ("select[0].column[1].path is missing"); kTooLarge for a limit.
Result<ViewDefinition> parse_view_definition(std::string_view json);

}  // namespace sluice::table
