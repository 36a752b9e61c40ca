#include "table/view_definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <span>
#include <utility>

#include "base/utf8.h"
#include "json/json_check.h"
#include "json/json_tokens.h"
#include "json/json_walk.h"

namespace sluice::table {
namespace {

constexpr std::size_t kDepthMax = 128;
constexpr std::size_t kShownMax = 80;

using Names = std::span<const std::string_view>;

// What the elements of a ViewDefinition are called; id and extensions may stand in each.
constexpr std::string_view kRootNames[] = {"resourceType",
                                           "meta",
                                           "implicitRules",
                                           "language",
                                           "text",
                                           "contained",
                                           "url",
                                           "identifier",
                                           "version",
                                           "versionAlgorithmString",
                                           "versionAlgorithmCoding",
                                           "name",
                                           "title",
                                           "status",
                                           "experimental",
                                           "date",
                                           "publisher",
                                           "contact",
                                           "description",
                                           "useContext",
                                           "jurisdiction",
                                           "purpose",
                                           "copyright",
                                           "copyrightLabel",
                                           "approvalDate",
                                           "lastReviewDate",
                                           "effectivePeriod",
                                           "topic",
                                           "author",
                                           "editor",
                                           "reviewer",
                                           "endorser",
                                           "relatedArtifact",
                                           "fhirVersion",
                                           "profile",
                                           "resource",
                                           "constant",
                                           "select",
                                           "where"};
constexpr std::string_view kSelectNames[] = {"column",        "select", "forEach",
                                             "forEachOrNull", "repeat", "unionAll"};
constexpr std::string_view kColumnNames[] = {"name",       "path", "description",
                                             "collection", "type", "tag"};
constexpr std::string_view kTagNames[] = {"name", "value"};
constexpr std::string_view kWhereNames[] = {"path", "description"};

/// Reads members of the definition's objects by their names. A place is where an object stands.
class Reader {
 public:
  explicit Reader(const fhir::JsonTokens& tokens) : tokens_(tokens) {}

  Result<ViewDefinition> read() {
    ViewDefinition view;
    SLUICE_RETURN_IF_ERROR(check_names(0, "", kRootNames));
    const auto type = fhir::string_member(tokens_, 0, "resourceType");
    if (type && *type != "ViewDefinition")
      return invalid(fmt::format("a {} is no ViewDefinition", shortened(*type, kShownMax)));
    SLUICE_ASSIGN_OR_RETURN(view.resource, required_string(0, "", "resource"));
    if (const auto name = fhir::string_member(tokens_, 0, "name")) view.name = *name;
    SLUICE_RETURN_IF_ERROR(
        each_object(0, "", "constant", [&](std::size_t object, const std::string& place) {
          return read_constant(object, place, view);
        }));
    SLUICE_RETURN_IF_ERROR(each_object(
        0, "", "where", [&](std::size_t object, const std::string& place) -> Result<void> {
          if (auto known = check_names(object, place, kWhereNames); !known) return known;
          SLUICE_ASSIGN_OR_RETURN(auto path, required_string(object, place, "path"));
          view.where.push_back({std::move(path), place});
          return {};
        }));
    SLUICE_RETURN_IF_ERROR(read_selects(0, "", "select", 1, view.selects));
    if (view.selects.empty()) return invalid("select is missing");
    return view;
  }

 private:
  std::size_t find(std::size_t object, std::string_view name) const {
    std::size_t found = 0;
    (void)fhir::each_member(tokens_, object,
                            [&](std::size_t key, std::size_t value) -> Result<void> {
                              if (fhir::means(tokens_.raw_string(key), name)) found = value;
                              return {};
                            });
    return found;  // 0 is the root, and no member
  }

  /// A name that is not understood may have meant a filter, and no filter is dropped.
  Result<void> check_names(std::size_t object, const std::string& place, Names names) const {
    std::set<std::string> seen;
    return fhir::each_member(tokens_, object, [&](std::size_t key, std::size_t) -> Result<void> {
      const std::string name = fhir::unescape(tokens_.raw_string(key));
      if (!seen.insert(name).second)
        return invalid(at(place, shortened(name, kShownMax)) + " stands twice");
      if (name.starts_with('_') || name == "id" || name == "extension" ||
          name == "modifierExtension" || std::find(names.begin(), names.end(), name) != names.end())
        return {};
      return invalid(fmt::format("{}: a ViewDefinition has no such element",
                                 at(place, shortened(name, kShownMax))));
    });
  }

  static std::string at(const std::string& place, std::string_view name) {
    return place.empty() ? std::string(name) : fmt::format("{}.{}", place, name);
  }

  Result<std::string> text(std::size_t value, const std::string& place) const {
    if (tokens_.first(value) != '"') return invalid(place + " is not a string");
    return fhir::unescape(tokens_.raw_string(value));
  }

  Result<std::string> required_string(std::size_t object, const std::string& place,
                                      std::string_view name) const {
    const std::size_t value = find(object, name);
    if (value == 0) return invalid(at(place, name) + " is missing");
    SLUICE_ASSIGN_OR_RETURN(auto found, text(value, at(place, name)));
    if (found.empty()) return invalid(at(place, name) + " is empty");
    return found;
  }

  /// Calls `visit(object, place)` for each element of the array that a member is.
  template <class Visit>
  Result<void> each_object(std::size_t object, const std::string& place, std::string_view name,
                           Visit&& visit) const {
    const std::size_t array = find(object, name);
    if (array == 0) return {};
    if (tokens_.first(array) != '[') return invalid(at(place, name) + " is not an array");
    std::size_t number = 0;
    return fhir::each_element(tokens_, array, [&](std::size_t element) -> Result<void> {
      const std::string here = fmt::format("{}[{}]", at(place, name), number++);
      if (tokens_.first(element) != '{') return invalid(here + " is not an object");
      return visit(element, here);
    });
  }

  Result<void> read_selects(std::size_t object, const std::string& place, std::string_view name,
                            std::size_t depth, std::vector<SelectDefinition>& out) {
    return each_object(
        object, place, name, [&](std::size_t element, const std::string& here) -> Result<void> {
          if (depth > kSelectDepthMax)
            return Error{ErrorKind::kTooLarge,
                         fmt::format("more than {} selects are nested", kSelectDepthMax)};
          SLUICE_ASSIGN_OR_RETURN(auto select, read_select(element, here, depth));
          out.push_back(std::move(select));
          return {};
        });
  }

  Result<SelectDefinition> read_select(std::size_t object, const std::string& place,
                                       std::size_t depth) {
    using Each = SelectDefinition::Each;
    if (++selects_ > kSelectsMax)
      return Error{ErrorKind::kTooLarge,
                   fmt::format("the view has more than {} selects", kSelectsMax)};
    SLUICE_RETURN_IF_ERROR(check_names(object, place, kSelectNames));
    SelectDefinition select;
    select.place = place;
    for (const auto& known :
         {std::pair{"forEach", Each::kForEach}, std::pair{"forEachOrNull", Each::kForEachOrNull},
          std::pair{"repeat", Each::kRepeat}}) {
      const char* const name = known.first;
      const Each each = known.second;
      const std::size_t value = find(object, name);
      if (value == 0) continue;
      if (select.each != Each::kNone)
        return invalid(place + " has more than one of forEach, forEachOrNull and repeat");
      select.each = each;
      if (each == Each::kRepeat) {
        if (tokens_.first(value) != '[') return invalid(at(place, name) + " is not an array");
        SLUICE_RETURN_IF_ERROR(
            fhir::each_element(tokens_, value, [&](std::size_t path) -> Result<void> {
              SLUICE_ASSIGN_OR_RETURN(auto found, text(path, at(place, name)));
              select.paths.push_back(std::move(found));
              return {};
            }));
        if (select.paths.empty()) return invalid(at(place, name) + " is empty");
      } else {
        SLUICE_ASSIGN_OR_RETURN(auto found, text(value, at(place, name)));
        select.paths.push_back(std::move(found));
      }
    }
    SLUICE_RETURN_IF_ERROR(each_object(
        object, place, "column", [&](std::size_t element, const std::string& here) -> Result<void> {
          SLUICE_ASSIGN_OR_RETURN(auto column, read_column(element, here));
          select.columns.push_back(std::move(column));
          return {};
        }));
    SLUICE_RETURN_IF_ERROR(read_selects(object, place, "select", depth + 1, select.selects));
    SLUICE_RETURN_IF_ERROR(read_selects(object, place, "unionAll", depth + 1, select.unions));
    return select;
  }

  Result<ColumnDefinition> read_column(std::size_t object, const std::string& place) {
    if (++columns_ > kColumnsMax)
      return Error{ErrorKind::kTooLarge,
                   fmt::format("the view has more than {} columns", kColumnsMax)};
    SLUICE_RETURN_IF_ERROR(check_names(object, place, kColumnNames));
    ColumnDefinition column;
    column.place = place;
    SLUICE_ASSIGN_OR_RETURN(column.name, required_string(object, place, "name"));
    SLUICE_ASSIGN_OR_RETURN(column.path, required_string(object, place, "path"));
    if (const std::size_t type = find(object, "type"); type != 0) {
      SLUICE_ASSIGN_OR_RETURN(column.type, text(type, at(place, "type")));
    }
    if (const std::size_t collection = find(object, "collection"); collection != 0) {
      const std::string_view word = tokens_.scalar(collection);
      if (word != "true" && word != "false")
        return invalid(at(place, "collection") + " is neither true nor false");
      column.is_collection = word == "true";
    }
    SLUICE_RETURN_IF_ERROR(each_object(
        object, place, "tag", [&](std::size_t tag, const std::string& here) -> Result<void> {
          if (auto known = check_names(tag, here, kTagNames); !known) return known;
          SLUICE_ASSIGN_OR_RETURN(const auto name, required_string(tag, here, "name"));
          if (name != "ansi/type") return {};
          SLUICE_ASSIGN_OR_RETURN(column.ansi_type, required_string(tag, here, "value"));
          return {};
        }));
    return column;
  }

  Result<void> read_constant(std::size_t object, const std::string& place, ViewDefinition& view) {
    SLUICE_ASSIGN_OR_RETURN(auto name, required_string(object, place, "name"));
    std::optional<fhirpath::Value> found;
    SLUICE_RETURN_IF_ERROR(
        fhir::each_member(tokens_, object, [&](std::size_t key, std::size_t value) -> Result<void> {
          const std::string member = fhir::unescape(tokens_.raw_string(key));
          if (member == "name" || member == "id" || member == "extension" ||
              member == "modifierExtension" || member.starts_with('_'))
            return {};
          if (!member.starts_with("value"))
            return invalid(fmt::format("{}: a ViewDefinition has no such element",
                                       at(place, shortened(member, kShownMax))));
          if (found) return invalid(place + " has more than one value");
          SLUICE_ASSIGN_OR_RETURN(found, constant(member.substr(5), value, at(place, member)));
          return {};
        }));
    if (!found) return invalid(place + ".value[x] is missing");
    if (!constants_.insert(name).second)
      return invalid(fmt::format("{}: the name '{}' is taken", place, shortened(name, kShownMax)));
    view.constants.push_back({std::move(name), std::move(*found)});
    return {};
  }

  /// The value of `valueType`.
  Result<fhirpath::Value> constant(std::string_view type, std::size_t value,
                                   const std::string& place) const {
    const auto wrong = [&] {
      return invalid(fmt::format("{} is no {}", place, shortened(type, kShownMax)));
    };
    const char first = tokens_.first(value);
    if (first == '{' || first == '[') return wrong();
    if (type == "Boolean") {
      if (first != 't' && first != 'f') return wrong();
      return fhirpath::Value(first == 't');
    }
    if (type == "Integer" || type == "PositiveInt" || type == "UnsignedInt" ||
        type == "Integer64") {
      std::string digits(tokens_.scalar(value));
      if (first == '"') digits = fhir::unescape(tokens_.raw_string(value));  // integer64 in R5
      std::int64_t number = 0;
      const auto [end, failed] =
          std::from_chars(digits.data(), digits.data() + digits.size(), number);
      if (failed != std::errc() || end != digits.data() + digits.size()) return wrong();
      return fhirpath::Value(fhirpath::Integer{number, type == "Integer64"});
    }
    if (type == "Decimal") {
      const auto number =
          first == '"' ? std::nullopt : fhirpath::Decimal::parse(tokens_.scalar(value));
      if (!number) return wrong();
      return fhirpath::Value(*number);
    }
    if (first != '"') return wrong();
    std::string given = fhir::unescape(tokens_.raw_string(value));
    const auto temporal = [&](auto parsed) -> Result<fhirpath::Value> {
      if (!parsed) return wrong();
      return fhirpath::Value(*parsed);
    };
    if (type == "Date") return temporal(fhirpath::Temporal::parse_date(given));
    if (type == "DateTime" || type == "Instant")
      return temporal(fhirpath::Temporal::parse_date_time(given));
    if (type == "Time") return temporal(fhirpath::Temporal::parse_time(given));
    for (const std::string_view known : {"String", "Code", "Id", "Uri", "Url", "Canonical", "Oid",
                                         "Uuid", "Markdown", "Base64Binary"})
      if (type == known) return fhirpath::Value(std::move(given));
    return invalid(fmt::format("{}: a constant cannot be a {}", place, shortened(type, kShownMax)));
  }

  const fhir::JsonTokens& tokens_;
  std::size_t columns_ = 0;
  std::size_t selects_ = 0;
  std::set<std::string> constants_;
};

}  // namespace

Result<ViewDefinition> parse_view_definition(std::string_view json) {
  if (json.size() > kDefinitionSizeMax)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("a ViewDefinition has more than {} bytes", kDefinitionSizeMax)};
  fhir::JsonTokens tokens;
  SLUICE_RETURN_IF_ERROR(tokens.read(json));
  SLUICE_RETURN_IF_ERROR(fhir::check_json_object(tokens, kDepthMax));
  return Reader(tokens).read();
}

}  // namespace sluice::table
