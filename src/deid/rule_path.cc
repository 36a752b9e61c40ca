#include "deid/rule_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "fhir/resource_type.h"
#include "fhirpath/lexer.h"

namespace sluice::deid {
namespace {

using fhirpath::Token;
using fhirpath::TokenKind;
using fhirpath::TypeId;
using fhirpath::TypeKind;

constexpr std::size_t kBranchesMax = 256;

bool is_open(const std::vector<TypeId>& types) {
  const auto& known = fhirpath::known_types();
  return types.empty() || std::any_of(types.begin(), types.end(), [&](TypeId type) {
           return type == fhirpath::system::kAny || type == known.resource ||
                  type == known.domain_resource;
         });
}

void add(std::vector<TypeId>& types, TypeId type) {
  if (std::find(types.begin(), types.end(), type) == types.end()) types.push_back(type);
}

/// The types that an element of this name has anywhere in R4.
std::vector<TypeId> types_of_name(std::string_view name) {
  std::vector<TypeId> types;
  for (TypeId type = fhirpath::system::kQuantity + 1; type < fhirpath::type_count(); ++type)
    if (const auto* row = fhirpath::find_element(type, name); row != nullptr)
      for (const TypeId found : row->types()) add(types, found);
  return types;
}

/// What is not of the simple form leaves `is_simple_` false; its fault is found by FHIRPath.
class PathReader {
 public:
  PathReader(std::string_view text, fhirpath::Strictness strictness)
      : text_(text), strictness_(strictness) {}

  Result<std::vector<Branch>> read() {
    std::size_t position = 0;
    SLUICE_ASSIGN_OR_RETURN(tokens_, fhirpath::read_tokens(text_, position));
    std::vector<Branch> branches;
    while (true) {
      const std::size_t end = end_of_operand();
      SLUICE_RETURN_IF_ERROR(operand(end, branches));
      if (branches.size() > kBranchesMax) return fail(0, "the path has too many parts");
      at_ = end;
      if (tokens_[at_].kind == TokenKind::kEnd) return branches;
      ++at_;
    }
  }

 private:
  Error fail(std::size_t token, std::string message) const {
    return fhirpath::error_at(text_, tokens_[token].position, std::move(message));
  }
  bool is_symbol(std::size_t token, std::string_view symbol) const {
    return tokens_[token].kind == TokenKind::kSymbol && tokens_[token].text == symbol;
  }
  bool is_word(std::size_t token, std::string_view word) const {
    return tokens_[token].kind == TokenKind::kIdentifier && tokens_[token].text == word;
  }
  bool is_name(std::size_t token) const {
    return tokens_[token].kind == TokenKind::kIdentifier ||
           tokens_[token].kind == TokenKind::kDelimited;
  }
  bool is_lookup(std::size_t token) const {
    return (is_word(token, "nodesByType") || is_word(token, "nodesByName")) &&
           is_symbol(token + 1, "(");
  }

  /// The next "|" outside of brackets, or the end.
  std::size_t end_of_operand() const {
    int depth = 0;
    std::size_t at = at_;
    for (; tokens_[at].kind != TokenKind::kEnd; ++at) {
      if (is_symbol(at, "(") || is_symbol(at, "[")) ++depth;
      if (is_symbol(at, ")") || is_symbol(at, "]")) --depth;
      if (depth == 0 && is_symbol(at, "|")) break;
    }
    return at;
  }

  Result<void> operand(std::size_t end, std::vector<Branch>& out) {
    const std::size_t begin = at_;
    if (begin == end) return fail(end, "a path is missing here");
    is_simple_ = true;
    SLUICE_ASSIGN_OR_RETURN(auto simple, typed());
    if (is_simple_ && at_ == end) {
      for (auto& branch : simple) out.push_back(std::move(branch));
      return {};
    }
    at_ = begin;
    SLUICE_ASSIGN_OR_RETURN(auto branch, expression(begin, end));
    out.push_back(std::move(branch));
    return {};
  }

  // ---- simple paths ----

  std::vector<Branch> not_simple() {
    is_simple_ = false;
    return {};
  }

  /// path as Type
  Result<std::vector<Branch>> typed() {
    SLUICE_ASSIGN_OR_RETURN(auto branches, postfix());
    while (is_simple_ && is_word(at_, "as")) {
      ++at_;
      SLUICE_RETURN_IF_ERROR(narrow(branches, false));
    }
    return branches;
  }

  Result<std::vector<Branch>> postfix() {
    std::vector<Branch> branches;
    if (is_symbol(at_, "(")) {
      do {
        ++at_;
        SLUICE_ASSIGN_OR_RETURN(auto more, typed());
        if (!is_simple_) return not_simple();
        for (auto& branch : more) branches.push_back(std::move(branch));
      } while (is_symbol(at_, "|"));
      if (!is_symbol(at_, ")")) return not_simple();
      ++at_;
    } else {
      SLUICE_ASSIGN_OR_RETURN(auto branch, head());
      if (!is_simple_) return not_simple();
      branches.push_back(std::move(branch));
    }
    while (is_symbol(at_, ".")) {
      ++at_;
      if (!is_name(at_)) return not_simple();
      if (is_symbol(at_ + 1, "(")) {
        if (!is_word(at_, "ofType") && !is_word(at_, "as")) return not_simple();
        at_ += 2;
        SLUICE_RETURN_IF_ERROR(narrow(branches, true));
        if (!is_simple_) return not_simple();
        continue;
      }
      for (auto& branch : branches) SLUICE_RETURN_IF_ERROR(step(branch));
      ++at_;
    }
    return branches;
  }

  /// The type at `at_`, and the bracket behind it.
  Result<void> narrow(std::vector<Branch>& branches, bool in_brackets) {
    if (!is_name(at_)) {
      is_simple_ = false;
      return {};
    }
    if (is_word(at_, "FHIR") && is_symbol(at_ + 1, ".")) at_ += 2;
    const auto type = fhirpath::find_fhir_type(tokens_[at_].text);
    if (!type)
      return fail(at_, fmt::format("there is no type '{}'", shortened(tokens_[at_].text, 60)));
    for (auto& branch : branches) {
      std::vector<TypeId> types;
      for (const TypeId each : branch.types)
        if (fhirpath::is_a(each, *type)) types.push_back(each);
      if (types.empty()) types.push_back(*type);
      branch.types = std::move(types);
      branch.steps.push_back({"", *type});
    }
    ++at_;
    if (!in_brackets) return {};
    if (is_symbol(at_, ")"))
      ++at_;
    else
      is_simple_ = false;
    return {};
  }

  Result<Branch> head() {
    Branch branch;
    if (is_lookup(at_)) {
      SLUICE_RETURN_IF_ERROR(lookup(branch));
      return branch;
    }
    if (!is_name(at_) || is_symbol(at_ + 1, "(")) {
      is_simple_ = false;
      return branch;
    }
    const auto type = fhirpath::find_fhir_type(tokens_[at_].text);
    if (type && fhirpath::row_of(*type).kind == TypeKind::kResource) {
      branch.type = *type == fhirpath::known_types().resource ? fhirpath::system::kAny : *type;
      branch.types = {*type};
      ++at_;
      return branch;
    }
    // Without a type the path is one of every resource that has such an element.
    for (const auto resource : fhir::all_resource_types())
      if (const auto id = fhirpath::find_fhir_type(fhir::type_name(resource)))
        add(branch.types, *id);
    SLUICE_RETURN_IF_ERROR(step(branch));
    ++at_;
    return branch;
  }

  Result<void> lookup(Branch& branch) {
    const bool by_type = is_word(at_, "nodesByType");
    const std::size_t argument = at_ + 2;
    if (tokens_[argument].kind != TokenKind::kString || !is_symbol(argument + 1, ")"))
      return fail(argument, fmt::format("{}() takes one name in quotes", tokens_[at_].text));
    const std::string& name = tokens_[argument].text;
    if (by_type) {
      const auto type = fhirpath::find_fhir_type(name);
      if (!type) return fail(argument, fmt::format("there is no type '{}'", shortened(name, 60)));
      branch.head = Head::kByType;
      branch.type = *type;
      branch.types = {*type};
    } else {
      branch.head = Head::kByName;
      branch.name = name;
      branch.types = types_of_name(name);
      if (branch.types.empty() && strictness_ == fhirpath::Strictness::kStrict)
        return fail(argument,
                    fmt::format("no type of R4 has an element '{}'", shortened(name, 60)));
    }
    at_ += 4;
    return {};
  }

  /// Does not move `at_`: one step for several branches.
  Result<void> step(Branch& branch) {
    const std::string& name = tokens_[at_].text;
    std::vector<TypeId> types;
    bool open = is_open(branch.types);
    bool found = false;
    if (open && !branch.types.empty() && !branch.steps.empty())
      return fail(at_, "what is in a resource within another is named from its own type on");
    for (const TypeId each : branch.types) {
      const auto* row = fhirpath::find_element(each, name);
      if (row == nullptr) continue;
      found = true;
      for (const TypeId type : row->types()) add(types, type);
    }
    if (!found && branch.head == Head::kResource && branch.steps.empty()) open = false;
    if (!found && !open && strictness_ == fhirpath::Strictness::kStrict)
      return fail(at_,
                  fmt::format("{} has no element '{}'",
                              branch.types.size() == 1 ? fhirpath::row_of(branch.types[0]).name
                                                       : std::string_view("none of the types here"),
                              shortened(name, 60)));
    branch.types = std::move(types);
    branch.steps.push_back({name, fhirpath::system::kAny});
    return {};
  }

  // ---- others ----

  Result<Branch> expression(std::size_t begin, std::size_t end) {
    Branch branch;
    std::size_t from = begin;
    if (is_lookup(begin)) {
      at_ = begin;
      SLUICE_RETURN_IF_ERROR(lookup(branch));
      from = at_;
      if (!is_symbol(from, ".") && !is_symbol(from, "["))
        return fail(from, "a path goes on with '.' here");
      if (is_symbol(from, ".")) ++from;
    } else if (is_name(begin)) {
      const auto type = fhirpath::find_fhir_type(tokens_[begin].text);
      if (type && fhirpath::row_of(*type).kind == TypeKind::kResource) {
        branch.type = *type == fhirpath::known_types().resource ? fhirpath::system::kAny : *type;
        branch.types = {*type};
      }
    }
    for (std::size_t i = from; i < end; ++i)
      if (is_lookup(i))
        return fail(i, fmt::format("{}() stands at the beginning of a path, or in brackets before "
                                   "names; not within other functions",
                                   tokens_[i].text));
    const std::size_t first = tokens_[from].position;
    // Spaces keep the places of faults what they are in the path.
    std::string text(first, ' ');
    if (is_symbol(from, "[") && first >= 5) text.replace(first - 5, 5, "$this");
    text += text_.substr(first, tokens_[end].position - first);
    fhirpath::CompileOptions options;
    options.strictness = strictness_;
    if (!branch.types.empty() && !is_open(branch.types)) options.context_types = branch.types;
    SLUICE_ASSIGN_OR_RETURN(branch.expression, fhirpath::Expression::compile(text, options));
    const auto results = branch.expression->result_types();
    branch.types.assign(results.begin(), results.end());
    const auto is_value = [](TypeId type) {
      // Ids are of System.String.
      return fhirpath::is_system(type) && type != fhirpath::system::kAny &&
             type != fhirpath::system::kString;
    };
    if (!branch.types.empty() && std::all_of(branch.types.begin(), branch.types.end(), is_value))
      return fail(begin, "the path computes a value and names no element");
    return branch;
  }

  const std::string_view text_;
  const fhirpath::Strictness strictness_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  bool is_simple_ = true;
};

}  // namespace

fhirpath::TypeId type_for_lookup(fhirpath::TypeId type) {
  return fhirpath::row_of(type).kind == TypeKind::kBackbone ? fhirpath::row_of(type).base : type;
}

Result<std::vector<Branch>> read_path(std::string_view text, fhirpath::Strictness strictness) {
  return PathReader(text, strictness).read();
}

}  // namespace sluice::deid
