#include "fhirpath/binder.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "fhirpath/functions.h"
#include "fhirpath/lexer.h"
#include "fhirpath/regex.h"

namespace sluice::fhirpath {
namespace {

/// Resources of any type can stand where these are.
bool is_abstract(TypeId type) {
  const auto& known = known_types();
  return type == known.resource || type == known.domain_resource || type == known.element ||
         type == known.backbone_element;
}

/// Nodes of an expression that are bound, those of repeat() more than once.
constexpr std::size_t kBindingsMax = 200'000;
/// Instructions of all regular expressions.
constexpr std::size_t kRegexSizeMax = 200'000;

constexpr std::pair<std::string_view, std::string_view> kStandardConstants[] = {
    {"sct", "http://snomed.info/sct"},
    {"loinc", "http://loinc.org"},
    {"ucum", "http://unitsofmeasure.org"}};

class Binder {
 public:
  Binder(std::string_view text, const CompileOptions& options, std::size_t& position)
      : text_(text), options_(options), position_(position) {
    if (!options.context_types.empty()) {
      context_.any = false;
      for (const TypeId type : options.context_types) context_.add(type);
    } else if (!options.root_type.empty()) {
      if (const auto type = find_fhir_type(options.root_type)) context_ = Types::of(*type);
    }
  }

  Result<Types> whole(Syntax& tree) { return bind(tree, context_); }

 private:
  Error fail(const Syntax& tree, std::string message) {
    position_ = tree.position;
    return error_at(text_, tree.position, std::move(message));
  }
  Error too_large(const Syntax& tree, std::string message) {
    position_ = tree.position;
    return error_at(text_, tree.position, std::move(message), ErrorKind::kTooLarge);
  }
  bool is_strict() const { return options_.strictness == Strictness::kStrict; }

  Result<Types> bind(Syntax& tree, const Types& self) {
    // The argument of repeat() is bound twice, and what repeats in it four times.
    if (++bound_ > kBindingsMax) return too_large(tree, "repeat() is nested too deep");
    switch (tree.kind) {
      case SyntaxKind::kLiteral:
        return types_of(tree.literals);
      case SyntaxKind::kThis:
        return self;
      case SyntaxKind::kIndex:
        return Types::of(system::kInteger);
      case SyntaxKind::kTotal:
        return Types();
      case SyntaxKind::kMember:
        return member(tree, self);
      case SyntaxKind::kCall:
        return call(tree, self);
      case SyntaxKind::kVariable:
        return variable(tree);
      case SyntaxKind::kIndexer: {
        SLUICE_ASSIGN_OR_RETURN(auto input, bind(*tree.input, self));
        SLUICE_RETURN_IF_ERROR(apart(*tree.arguments[0], self));
        SLUICE_RETURN_IF_ERROR(check_order(tree, input));
        return input;
      }
      case SyntaxKind::kUnary:
        return bind(*tree.arguments[0], self);
      case SyntaxKind::kBinary:
        return binary(tree, self);
      default:
        break;
    }
    SLUICE_ASSIGN_OR_RETURN(auto input, apart(*tree.arguments[0], self));
    SLUICE_ASSIGN_OR_RETURN(tree.type, specifier(*tree.arguments[1]));
    if (tree.kind == SyntaxKind::kIs) return Types::of(system::kBoolean);
    return narrowed(input, tree.type);
  }

  /// Binds an argument; what it defines is not seen outside of it.
  Result<Types> apart(Syntax& tree, const Types& self) {
    const std::size_t defined = defined_.size();
    auto types = bind(tree, self);
    defined_.resize(defined);
    return types;
  }

  static Types types_of(const Collection& values) {
    Types types;
    types.any = false;
    for (const auto& value : values) types.add(type_of(value));
    return types;
  }

  Result<void> check_order(const Syntax& tree, const Types& input) {
    if (options_.checks_order && !input.ordered)
      return fail(tree, fmt::format("{} needs an order, which children() and descendants() lack",
                                    tree.name.empty() ? "an index" : tree.name + "()"));
    return {};
  }

  // ---- members ----

  Result<Types> member(Syntax& tree, const Types& self) {
    if (!tree.input) {
      // Types that a path can begin with have a capital, which elements have not.
      const bool capital = !tree.name.empty() && tree.name[0] >= 'A' && tree.name[0] <= 'Z';
      if (const auto type = find_fhir_type(tree.name); type && capital) {
        tree.self_type = *type;
        if (self.any) return is_abstract(*type) ? Types() : Types::of(*type);
        Types same;
        same.any = false;
        for (const TypeId id : self.ids)
          if (is_a(id, *type)) same.add(id);
        if (!same.ids.empty()) return same;
        if (is_strict() && row_of(*type).kind == TypeKind::kResource && self.ids.size() == 1)
          return fail(tree, fmt::format("this is evaluated on {}, not {}", short_name(self.ids[0]),
                                        tree.name));
      }
    }
    Types input = self;
    if (tree.input) {
      SLUICE_ASSIGN_OR_RETURN(input, bind(*tree.input, self));
    }
    return selected(tree, input);
  }

  Result<Types> selected(Syntax& tree, const Types& input) {
    if (input.any) return Types();
    Types result;
    result.any = false;
    result.ordered = input.ordered;
    bool found = false;
    for (const TypeId id : input.ids) {
      if (is_abstract(id)) return Types();
      const ElementRow* row = find_element(id, tree.name);
      if (row != nullptr) {
        for (const TypeId type : row->types()) result.add(type);
        if (input.ids.size() == 1) {
          tree.bound_type = id;
          tree.element = row;
        }
      } else if (id == system::kAny || id == system::kQuantity) {
        return Types();
      } else if (tree.name == "value" && row_of(id).kind == TypeKind::kPrimitive) {
        result.add(row_of(id).conversion);
      } else {
        continue;
      }
      found = true;
    }
    if (!found && is_strict() && !input.ids.empty()) return unknown_member(tree, input);
    const bool open = std::any_of(result.ids.begin(), result.ids.end(), is_abstract);
    if (!open) return result;
    Types open_types;
    open_types.ordered = input.ordered;
    return open_types;
  }

  Error unknown_member(const Syntax& tree, const Types& input) {
    std::string names;
    for (std::size_t i = 0; i < input.ids.size() && i < 3; ++i)
      names += (i == 0 ? "" : ", ") + std::string(row_of(input.ids[i]).name);
    if (input.ids.size() > 3) names += ", ...";
    for (const auto& row : row_of(input.ids[0]).elements()) {
      if (!row.is_choice || !tree.name.starts_with(row.name)) continue;
      for (const TypeId type : row.types()) {
        const std::string_view name = row_of(type).name;
        if (tree.name.size() == row.name.size() + name.size() &&
            std::string_view(tree.name).ends_with(name.substr(1)))
          return fail(tree, fmt::format("{} has no element '{}'; write {}.ofType({})", names,
                                        tree.name, row.name, name));
      }
    }
    return fail(tree, fmt::format("{} has no element '{}'", names, shortened(tree.name, 60)));
  }

  // ---- types ----

  /// `FHIR.Patient`, `System.String`, `Patient`.
  Result<TypeSpecifier> specifier(const Syntax& tree) {
    if (tree.kind != SyntaxKind::kMember ||
        (tree.input && (tree.input->kind != SyntaxKind::kMember || tree.input->input != nullptr)))
      return fail(tree, "the name of a type is missing");
    const std::string_view space = tree.input ? std::string_view(tree.input->name) : "";
    if (!space.empty() && space != "FHIR" && space != "System")
      return fail(tree, fmt::format("there is no namespace '{}'; types are of FHIR or System",
                                    shortened(space, 40)));
    TypeSpecifier found;
    const auto fhir = find_fhir_type(tree.name);
    const auto system = find_system_type(tree.name);
    if (space != "System") found.fhir = fhir.value_or(system::kAny);
    if (space != "FHIR") found.system = system.value_or(system::kAny);
    if (found.fhir == system::kAny && found.system == system::kAny &&
        !(space != "FHIR" && tree.name == "Any") && is_strict())
      return fail(tree, fmt::format("there is no type '{}{}{}'", space, space.empty() ? "" : ".",
                                    shortened(tree.name, 40)));
    return found;
  }

  static Types narrowed(const Types& input, const TypeSpecifier& type) {
    Types result;
    result.any = false;
    result.ordered = input.ordered;
    for (const TypeId id : input.ids)
      if (type.includes(id) && !input.any) result.add(id);
    if (result.ids.empty()) {
      for (const TypeId wanted : {type.fhir, type.system})
        if (wanted != system::kAny) result.add(wanted);
    }
    const bool open = std::any_of(result.ids.begin(), result.ids.end(), is_abstract);
    result.any = open || result.ids.empty();
    return result;
  }

  // ---- calls ----

  Result<Types> call(Syntax& tree, const Types& self) {
    Types input = self;
    if (tree.input) {
      SLUICE_ASSIGN_OR_RETURN(input, bind(*tree.input, self));
    }
    const FunctionRow& row = row_of(tree.function);
    const Function function = tree.function;
    if (function == Function::kDefineVariable) return define(tree, self, input);
    const bool names_type = function == Function::kIs || row.returns == Returns::kType ||
                            function == Function::kGetReferenceKey;
    if (names_type && !tree.arguments.empty()) {
      SLUICE_ASSIGN_OR_RETURN(tree.type, specifier(*tree.arguments[0]));
    }
    if (row.returns == Returns::kType) return narrowed(input, tree.type);
    if (names_type) return Types::of(row.type);
    if (function >= Function::kFirst && function <= Function::kTake) {
      SLUICE_RETURN_IF_ERROR(check_order(tree, input));
    }
    std::vector<Types> arguments;
    for (std::size_t i = 0; i < tree.arguments.size(); ++i) {
      const bool each = i >= row.lambda_from;
      // What the second round of repeat() selects from is what the first one selected.
      Types item = input;
      if (tree.function == Function::kRepeat || tree.function == Function::kRepeatAll) {
        SLUICE_ASSIGN_OR_RETURN(const auto first, apart(*tree.arguments[i], item));
        item.add(first);
        if (item.ids != input.ids || item.any) forget(*tree.arguments[i]);
      }
      SLUICE_ASSIGN_OR_RETURN(auto types, apart(*tree.arguments[i], each ? item : self));
      arguments.push_back(std::move(types));
    }
    SLUICE_RETURN_IF_ERROR(compile_pattern(tree));
    return result_of(tree, row, input, arguments);
  }

  /// Takes back what was bound for fewer types.
  static void forget(Syntax& tree) {
    tree.element = nullptr;
    tree.bound_type = system::kAny;
    if (tree.input) forget(*tree.input);
    for (auto& argument : tree.arguments) forget(*argument);
  }

  static Result<Types> result_of(const Syntax& tree, const FunctionRow& row, const Types& input,
                                 const std::vector<Types>& arguments) {
    if (tree.function == Function::kExtension) return Types::of(known_types().extension);
    switch (row.returns) {
      case Returns::kInput:
        return input;
      case Returns::kArgument:
        return arguments[0];
      case Returns::kArguments: {
        Types all;
        all.any = false;
        const std::size_t from = tree.function == Function::kIif ? 1 : 0;
        for (std::size_t i = from; i < arguments.size(); ++i) all.add(arguments[i]);
        return all;
      }
      case Returns::kBoth: {
        Types both = input;
        both.add(arguments[0]);
        return both;
      }
      case Returns::kSystem:
        return Types::of(row.type);
      default:
        break;
    }
    Types unknown;
    unknown.ordered =
        tree.function != Function::kChildren && tree.function != Function::kDescendants;
    return unknown;
  }

  Result<Types> define(Syntax& tree, const Types& self, const Types& input) {
    const Syntax& name = *tree.arguments[0];
    if (name.kind != SyntaxKind::kLiteral || name.literals.size() != 1 ||
        name.literals[0].get<std::string>() == nullptr)
      return fail(name, "the name of the variable must be a text in quotes");
    tree.name = *name.literals[0].get<std::string>();
    if (tree.name == "context" || tree.name == "resource" || tree.name == "rootResource" ||
        options_.constants.contains(tree.name) || options_.variables.contains(tree.name) ||
        std::any_of(std::begin(kStandardConstants), std::end(kStandardConstants),
                    [&](const auto& row) { return row.first == tree.name; }) ||
        std::any_of(defined_.begin(), defined_.end(),
                    [&](const auto& row) { return row.first == tree.name; }))
      return fail(name, fmt::format("%{} is defined already", shortened(tree.name, 40)));
    Types types = input;
    if (tree.arguments.size() == 2) {
      SLUICE_ASSIGN_OR_RETURN(types, apart(*tree.arguments[1], self));
    }
    defined_.emplace_back(tree.name, std::move(types));
    return input;
  }

  Result<void> compile_pattern(Syntax& tree) {
    if (tree.function != Function::kMatches && tree.function != Function::kMatchesFull &&
        tree.function != Function::kReplaceMatches)
      return {};
    const auto text = [](const Syntax& argument) {
      return argument.kind == SyntaxKind::kLiteral && argument.literals.size() == 1
                 ? argument.literals[0].get<std::string>()
                 : nullptr;
    };
    const std::string* pattern = text(*tree.arguments[0]);
    const std::size_t flags_at = tree.function == Function::kReplaceMatches ? 2 : 1;
    const std::string* flags = nullptr;
    if (tree.arguments.size() > flags_at) {
      flags = text(*tree.arguments[flags_at]);
      if (flags == nullptr) return {};
    }
    if (pattern == nullptr) return {};
    auto regex = compile_regex(*pattern, flags == nullptr ? std::string_view() : *flags);
    if (!regex) return fail(*tree.arguments[0], regex.error().message);
    regex_size_ += size_of(**regex);
    if (regex_size_ > kRegexSizeMax)
      return too_large(*tree.arguments[0], "the regular expressions are too large together");
    tree.regex = std::move(*regex);
    return {};
  }

  Result<Types> binary(Syntax& tree, const Types& self) {
    SLUICE_ASSIGN_OR_RETURN(auto left, apart(*tree.arguments[0], self));
    SLUICE_ASSIGN_OR_RETURN(const auto right, apart(*tree.arguments[1], self));
    switch (tree.op) {
      case Operator::kUnion:
        left.add(right);
        return left;
      case Operator::kConcatenate:
        return Types::of(system::kString);
      case Operator::kMultiply:
      case Operator::kDivide:
      case Operator::kDiv:
      case Operator::kMod:
      case Operator::kAdd:
      case Operator::kSubtract:
        return Types();
      default:
        return Types::of(system::kBoolean);
    }
  }

  // ---- variables ----

  Result<Types> variable(Syntax& tree) {
    for (auto at = defined_.rbegin(); at != defined_.rend(); ++at) {
      if (at->first != tree.name) continue;
      tree.variable = Variable::kDefined;
      return at->second;
    }
    if (const auto found = options_.constants.find(tree.name); found != options_.constants.end()) {
      tree.variable = Variable::kLiteral;
      tree.literals = found->second;
      return types_of(tree.literals);
    }
    if (options_.variables.contains(tree.name)) {
      tree.variable = Variable::kCaller;
      return Types();
    }
    if (tree.name == "context") {
      tree.variable = Variable::kContext;
      return context_;
    }
    if (tree.name == "resource" || tree.name == "rootResource") {
      tree.variable = tree.name == "resource" ? Variable::kResource : Variable::kRootResource;
      const bool is_resource =
          !context_.any && std::all_of(context_.ids.begin(), context_.ids.end(), [](TypeId id) {
            return row_of(id).kind == TypeKind::kResource;
          });
      return is_resource ? context_ : Types();
    }
    std::string text;
    for (const auto& [name, meaning] : kStandardConstants)
      if (tree.name == name) text = meaning;
    if (tree.name.starts_with("vs-")) text = "http://hl7.org/fhir/ValueSet/" + tree.name.substr(3);
    if (tree.name.starts_with("ext-"))
      text = "http://hl7.org/fhir/StructureDefinition/" + tree.name.substr(4);
    if (text.empty())
      return fail(tree, fmt::format("there is no variable %{}", shortened(tree.name, 40)));
    tree.variable = Variable::kLiteral;
    tree.literals = {Value(std::move(text))};
    return Types::of(system::kString);
  }

  std::string_view text_;
  const CompileOptions& options_;
  std::size_t& position_;
  Types context_;
  std::vector<std::pair<std::string, Types>> defined_;
  std::size_t bound_ = 0;
  std::size_t regex_size_ = 0;
};

}  // namespace

Types Types::of(TypeId type) {
  Types types;
  types.any = false;
  types.ids.push_back(type);
  return types;
}

void Types::add(TypeId type) {
  if (std::find(ids.begin(), ids.end(), type) == ids.end()) ids.push_back(type);
}

void Types::add(const Types& other) {
  any = any || other.any;
  ordered = ordered && other.ordered;
  for (const TypeId type : other.ids) add(type);
}

Result<Types> bind(Syntax& tree, std::string_view text, const CompileOptions& options,
                   std::size_t& position) {
  return Binder(text, options, position).whole(tree);
}

}  // namespace sluice::fhirpath
