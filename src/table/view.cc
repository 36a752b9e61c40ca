#include "table/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "base/utf8.h"
#include "fhir/additional_resources.h"
#include "fhirpath/model.h"
#include "table/view_program.h"

namespace sluice::table {
namespace {

using fhirpath::TypeId;
using Types = std::vector<TypeId>;

constexpr std::size_t kNameMax = 255;
/// Instructions of all regular expressions.
constexpr std::size_t kRegexSizeMax = 500'000;

/// SQL's regular identifier, sql-name of the guide.
bool is_sql_name(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !name.empty() && name.size() <= kNameMax && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

bool is_boolean(TypeId type) {
  return type == fhirpath::system::kAny || type == fhirpath::system::kBoolean ||
         fhirpath::row_of(type).conversion == fhirpath::system::kBoolean;
}

class Compiler {
 public:
  explicit Compiler(const ViewDefinition& definition) : definition_(definition) {}

  Result<View::Program> compile() {
    View::Program program;
    program.name = definition_.name;
    if (!program.name.empty() && !is_sql_name(program.name))
      return invalid(
          fmt::format("name: '{}' is no name for a table: a letter, then letters, digits "
                      "and _",
                      shortened(program.name, 80)));
    const auto type = fhir::find_resource_type(definition_.resource);
    if (!type || fhir::is_additional_resource(*type))
      return invalid(fmt::format("resource: '{}' is no resource type of R4",
                                 shortened(definition_.resource, 80)));
    program.type = *type;
    options_.variables.emplace(kRowIndex);
    for (const auto& constant : definition_.constants) {
      if (!is_sql_name(constant.name))
        return invalid(fmt::format("constant '{}': a name is a letter, then letters, digits and _",
                                   shortened(constant.name, 80)));
      options_.constants.emplace(constant.name, fhirpath::Collection{constant.value});
    }
    Types root;
    if (const auto known = fhirpath::find_fhir_type(definition_.resource)) root.push_back(*known);
    for (const auto& where : definition_.where) {
      SLUICE_ASSIGN_OR_RETURN(auto expression,
                              expression_of(where.path, root, where.place + ".path"));
      const auto results = expression.result_types();
      if (!results.empty() && std::none_of(results.begin(), results.end(), is_boolean))
        return invalid(fmt::format("{}.path is a {}, not a condition", where.place,
                                   fhirpath::short_name(results.front())));
      program.where.push_back({std::move(expression), where.place});
    }
    for (const auto& select : definition_.selects) {
      SLUICE_ASSIGN_OR_RETURN(auto compiled, compile_select(select, root));
      program.selects.push_back(std::move(compiled));
    }
    if (columns_.empty()) return invalid("the view has no columns");
    program.columns = std::move(columns_);
    return program;
  }

 private:
  Result<fhirpath::Expression> expression_of(
      const std::string& path, const Types& context, const std::string& place,
      fhirpath::Strictness strictness = fhirpath::Strictness::kStrict) {
    options_.context_types = context;
    options_.strictness = strictness;
    auto compiled = fhirpath::Expression::compile(path, options_);
    if (compiled) {
      regex_size_ += compiled->regex_size();
      if (regex_size_ <= kRegexSizeMax) return compiled;
      return Error{ErrorKind::kTooLarge,
                   place + ": the regular expressions of the view are too large together"};
    }
    return Error{compiled.error().kind, fmt::format("{}: {}", place, compiled.error().message),
                 compiled.error().detail};
  }

  Result<SelectProgram> compile_select(const SelectDefinition& select, const Types& context) {
    SelectProgram program;
    program.each = select.each;
    program.place = select.place;
    program.first_column = columns_.size();
    Types inner = context;
    if (select.each == SelectDefinition::Each::kRepeat) {
      SLUICE_ASSIGN_OR_RETURN(inner, compile_repeat(select, context, program));
    } else if (select.each != SelectDefinition::Each::kNone) {
      const char* const name =
          select.each == SelectDefinition::Each::kForEach ? "forEach" : "forEachOrNull";
      SLUICE_ASSIGN_OR_RETURN(auto path, expression_of(select.paths.front(), context,
                                                       fmt::format("{}.{}", select.place, name)));
      inner.assign(path.result_types().begin(), path.result_types().end());
      program.paths.push_back(std::move(path));
    }
    for (const auto& column : select.columns) {
      SLUICE_ASSIGN_OR_RETURN(auto compiled, compile_column(column, inner));
      program.columns.push_back(std::move(compiled));
    }
    for (const auto& nested : select.selects) {
      SLUICE_ASSIGN_OR_RETURN(auto compiled, compile_select(nested, inner));
      program.selects.push_back(std::move(compiled));
    }
    SLUICE_RETURN_IF_ERROR(compile_unions(select, inner, program));
    program.end_column = columns_.size();
    return program;
  }

  // What a path leads to is followed by each of the paths again, so that their contexts are all
  // that they lead to.
  Result<Types> compile_repeat(const SelectDefinition& select, const Types& context,
                               SelectProgram& program) {
    const std::string place = select.place + ".repeat";
    std::set<TypeId> results;
    Types reached = context;
    bool is_known = !context.empty();
    for (bool has_grown = true; is_known && has_grown;) {
      const std::size_t before = results.size();
      for (const auto& path : select.paths) {
        SLUICE_ASSIGN_OR_RETURN(
            const auto expression,
            expression_of(path, reached, place, fhirpath::Strictness::kLenient));
        const auto types = expression.result_types();
        results.insert(types.begin(), types.end());
      }
      is_known = !results.contains(fhirpath::system::kAny);
      has_grown = results.size() > before;
      std::set<TypeId> all(context.begin(), context.end());
      all.insert(results.begin(), results.end());
      reached.assign(all.begin(), all.end());
    }
    if (!is_known) reached.clear();
    for (const auto& path : select.paths) {
      // What no element has repeats nothing: what follows a path may have other names.
      SLUICE_ASSIGN_OR_RETURN(auto expression,
                              expression_of(path, reached, place, fhirpath::Strictness::kLenient));
      program.paths.push_back(std::move(expression));
    }
    return is_known ? Types(results.begin(), results.end()) : Types();
  }

  Result<void> compile_unions(const SelectDefinition& select, const Types& context,
                              SelectProgram& program) {
    const std::size_t begin = columns_.size();
    std::size_t end = begin;
    for (std::size_t i = 0; i < select.unions.size(); ++i) {
      const auto& branch = select.unions[i];
      if (i == 0) {
        SLUICE_ASSIGN_OR_RETURN(auto compiled, compile_select(branch, context));
        program.unions.push_back(std::move(compiled));
        end = columns_.size();
        continue;
      }
      // Compiled as if its columns stood first, then laid over those of the first branch.
      std::vector<Column> first(columns_.begin() + static_cast<std::ptrdiff_t>(begin),
                                columns_.end());
      columns_.resize(begin);
      for (const auto& column : first) names_.erase(column.name);
      SLUICE_ASSIGN_OR_RETURN(auto compiled, compile_select(branch, context));
      program.unions.push_back(std::move(compiled));
      SLUICE_RETURN_IF_ERROR(check_union(first, begin, branch));
      columns_.resize(begin);
      columns_.insert(columns_.end(), first.begin(), first.end());
      for (const auto& column : first) names_.insert(column.name);
      end = columns_.size();
    }
    columns_.resize(std::max(end, begin));
    return {};
  }

  /// Branches agree in the names and the order of their columns (E-02), and in their types.
  Result<void> check_union(std::vector<Column>& first, std::size_t begin,
                           const SelectDefinition& branch) const {
    const std::span<const Column> others = std::span(columns_).subspan(begin);
    if (others.size() != first.size())
      return invalid(fmt::format("{} has {} columns, the branch before it {}", branch.place,
                                 others.size(), first.size()));
    for (std::size_t i = 0; i < first.size(); ++i) {
      Column& column = first[i];
      const Column& other = others[i];
      if (other.name != column.name)
        return invalid(fmt::format("{}: the column '{}' stands where the branch before it has '{}'",
                                   branch.place, other.name, column.name));
      if (other.is_collection != column.is_collection)
        return invalid(fmt::format("{}: the column '{}' is a collection in one branch only",
                                   branch.place, other.name));
      if (other.storage != column.storage || other.precision != column.precision ||
          other.scale != column.scale)
        return invalid(
            fmt::format("{}: the column '{}' has the type {}, in the branch before it {}",
                        branch.place, other.name, other.type, column.type));
      if (other.type != column.type) column.type.clear();
    }
    return {};
  }

  Result<ColumnProgram> compile_column(const ColumnDefinition& definition, const Types& context) {
    if (!is_sql_name(definition.name))
      return invalid(
          fmt::format("{}.name: '{}' is no name for a column: a letter, then letters, "
                      "digits and _",
                      definition.place, shortened(definition.name, 80)));
    if (!names_.insert(definition.name).second)
      return invalid(
          fmt::format("{}.name: there are two columns '{}'", definition.place, definition.name));
    SLUICE_ASSIGN_OR_RETURN(auto expression,
                            expression_of(definition.path, context, definition.place + ".path"));
    Column column{.name = definition.name, .is_collection = definition.is_collection};
    column.type = std::string(short_type(definition.type));
    const auto results = expression.result_types();
    if (column.type.empty() && results.size() == 1)
      column.type = std::string(fhirpath::short_name(results.front()));
    column.storage = storage_of(column.type);
    if (!definition.ansi_type.empty()) {
      if (auto set = set_ansi_type(column, definition.ansi_type); !set)
        return Error{set.error().kind,
                     fmt::format("{}: {}", definition.place, set.error().message)};
    }
    columns_.push_back(std::move(column));
    return ColumnProgram{columns_.size() - 1, std::move(expression), definition.place,
                         definition.path == fmt::format("%{}", kRowIndex)};
  }

  const ViewDefinition& definition_;
  fhirpath::CompileOptions options_;
  std::vector<Column> columns_;
  std::set<std::string, std::less<>> names_;
  std::size_t regex_size_ = 0;
};

}  // namespace

Result<View> View::compile(std::string_view json) {
  SLUICE_ASSIGN_OR_RETURN(const auto definition, parse_view_definition(json));
  return compile(definition);
}

Result<View> View::compile(const ViewDefinition& definition) {
  SLUICE_ASSIGN_OR_RETURN(auto program, Compiler(definition).compile());
  View view;
  view.program_ = std::make_shared<const Program>(std::move(program));
  return view;
}

const std::string& View::name() const {
  return program_->name;
}

fhir::ResourceType View::type() const {
  return program_->type;
}

const std::vector<Column>& View::columns() const {
  return program_->columns;
}

}  // namespace sluice::table
