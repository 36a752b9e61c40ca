#include "fhirpath/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "fhirpath/functions.h"
#include "fhirpath/lexer.h"

namespace sluice::fhirpath {
namespace {

using Tree = std::unique_ptr<Syntax>;

struct Infix {
  std::string_view word;
  Operator op;
  int level;  // the higher, the tighter
};
constexpr int kTypeLevel = 9;
constexpr Infix kInfixes[] = {
    {"*", Operator::kMultiply, 11},    {"/", Operator::kDivide, 11},
    {"div", Operator::kDiv, 11},       {"mod", Operator::kMod, 11},
    {"+", Operator::kAdd, 10},         {"-", Operator::kSubtract, 10},
    {"&", Operator::kConcatenate, 10}, {"|", Operator::kUnion, 8},
    {"<", Operator::kLess, 7},         {"<=", Operator::kLessOrEqual, 7},
    {">", Operator::kGreater, 7},      {">=", Operator::kGreaterOrEqual, 7},
    {"=", Operator::kEqual, 6},        {"!=", Operator::kNotEqual, 6},
    {"~", Operator::kEquivalent, 6},   {"!~", Operator::kNotEquivalent, 6},
    {"in", Operator::kIn, 5},          {"contains", Operator::kContains, 5},
    {"and", Operator::kAnd, 4},        {"or", Operator::kOr, 3},
    {"xor", Operator::kXor, 3},        {"implies", Operator::kImplies, 2}};

/// Words that stand for an operator wherever they stand.
constexpr std::string_view kReserved[] = {"div", "mod", "and", "or", "xor", "implies"};

class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens, std::size_t& position)
      : text_(text), tokens_(std::move(tokens)), position_(position) {}

  Result<Tree> whole() {
    SLUICE_ASSIGN_OR_RETURN(auto tree, expression(0));
    if (token().kind != TokenKind::kEnd) return unexpected();
    return tree;
  }

 private:
  const Token& token(std::size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  bool is_symbol(std::string_view symbol, std::size_t ahead = 0) const {
    return token(ahead).kind == TokenKind::kSymbol && token(ahead).text == symbol;
  }
  bool accept(std::string_view symbol) {
    if (!is_symbol(symbol)) return false;
    ++at_;
    return true;
  }

  Error fail(std::size_t at, std::string message) {
    position_ = at;
    return error_at(text_, at, std::move(message));
  }
  Error unexpected() {
    if (token().kind == TokenKind::kEnd)
      return fail(token().position, "the expression ends too early");
    const std::size_t end = at_ + 1 < tokens_.size() ? tokens_[at_ + 1].position : text_.size();
    auto shown = text_.substr(token().position, end - token().position);
    while (!shown.empty() && shown.back() == ' ') shown.remove_suffix(1);
    return fail(token().position, fmt::format("'{}' does not belong here", shortened(shown, 40)));
  }
  Result<void> expect(std::string_view symbol) {
    if (accept(symbol)) return {};
    if (token().kind == TokenKind::kEnd)
      return fail(token().position, fmt::format("'{}' is missing", symbol));
    return unexpected();
  }

  static Tree make(SyntaxKind kind, std::size_t position) {
    auto tree = std::make_unique<Syntax>();
    tree->kind = kind;
    tree->position = position;
    return tree;
  }
  /// With its depth; a tree that is too deep is an error.
  Result<Tree> done(Tree tree) {
    std::size_t below = tree->input ? tree->input->depth : 0;
    for (const auto& argument : tree->arguments) below = std::max(below, argument->depth);
    tree->depth = below + 1;
    if (tree->depth > kSyntaxDepthMax)
      return fail(tree->position, fmt::format("the expression is nested more than {} levels deep",
                                              kSyntaxDepthMax));
    return tree;
  }

  const Infix* infix() const {
    const auto kind = token().kind;
    if (kind != TokenKind::kSymbol && kind != TokenKind::kIdentifier) return nullptr;
    const auto found = std::find_if(std::begin(kInfixes), std::end(kInfixes),
                                    [&](const Infix& row) { return row.word == token().text; });
    return found == std::end(kInfixes) ? nullptr : &*found;
  }

  Result<Tree> expression(int level_min) {
    if (++nesting_ > kSyntaxDepthMax)
      return fail(token().position, fmt::format("the expression is nested more than {} levels deep",
                                                kSyntaxDepthMax));
    SLUICE_ASSIGN_OR_RETURN(auto left, prefix());
    for (;;) {
      const bool is = token().kind == TokenKind::kIdentifier && token().text == "is";
      const bool as = token().kind == TokenKind::kIdentifier && token().text == "as";
      if ((is || as) && kTypeLevel >= level_min) {
        auto tree = make(is ? SyntaxKind::kIs : SyntaxKind::kAs, token().position);
        ++at_;
        SLUICE_ASSIGN_OR_RETURN(auto type, type_name());
        tree->arguments.push_back(std::move(left));
        tree->arguments.push_back(std::move(type));
        SLUICE_ASSIGN_OR_RETURN(left, done(std::move(tree)));
        continue;
      }
      const Infix* row = infix();
      if (row == nullptr || row->level < level_min) break;
      auto tree = make(SyntaxKind::kBinary, token().position);
      tree->op = row->op;
      tree->name = row->word;
      ++at_;
      SLUICE_ASSIGN_OR_RETURN(auto right, expression(row->level + 1));
      tree->arguments.push_back(std::move(left));
      tree->arguments.push_back(std::move(right));
      SLUICE_ASSIGN_OR_RETURN(left, done(std::move(tree)));
    }
    --nesting_;
    return left;
  }

  /// Identifiers with dots between them, as a path.
  Result<Tree> type_name() {
    SLUICE_ASSIGN_OR_RETURN(auto tree, type_part());
    while (is_symbol(".") &&
           (token(1).kind == TokenKind::kIdentifier || token(1).kind == TokenKind::kDelimited) &&
           !is_symbol("(", 2)) {
      ++at_;
      SLUICE_ASSIGN_OR_RETURN(auto part, type_part());
      part->input = std::move(tree);
      SLUICE_ASSIGN_OR_RETURN(tree, done(std::move(part)));
    }
    return tree;
  }
  Result<Tree> type_part() {
    if (token().kind != TokenKind::kIdentifier && token().kind != TokenKind::kDelimited)
      return fail(token().position, "the name of a type is missing");
    auto tree = make(SyntaxKind::kMember, token().position);
    tree->name = tokens_[at_++].text;
    return done(std::move(tree));
  }

  Result<Tree> prefix() {
    if (is_symbol("+") || is_symbol("-")) {
      auto tree = make(SyntaxKind::kUnary, token().position);
      tree->op = token().text == "-" ? Operator::kSubtract : Operator::kAdd;
      ++at_;
      if (++nesting_ > kSyntaxDepthMax) return fail(tree->position, "too many signs");
      SLUICE_ASSIGN_OR_RETURN(auto operand, prefix());
      --nesting_;
      tree->arguments.push_back(std::move(operand));
      return done(std::move(tree));
    }
    SLUICE_ASSIGN_OR_RETURN(auto tree, term());
    for (;;) {
      const std::size_t position = token().position;
      if (accept(".")) {
        SLUICE_ASSIGN_OR_RETURN(tree, invocation(std::move(tree)));
      } else if (accept("[")) {
        auto indexer = make(SyntaxKind::kIndexer, position);
        indexer->input = std::move(tree);
        SLUICE_ASSIGN_OR_RETURN(auto index, expression(0));
        indexer->arguments.push_back(std::move(index));
        SLUICE_RETURN_IF_ERROR(expect("]"));
        SLUICE_ASSIGN_OR_RETURN(tree, done(std::move(indexer)));
      } else {
        return tree;
      }
    }
  }

  /// A member, a function or $this of `input`, which may be missing.
  Result<Tree> invocation(Tree input) {
    const Token& name = token();
    if (name.kind == TokenKind::kDollar) {
      auto tree = make(name.text == "$this"    ? SyntaxKind::kThis
                       : name.text == "$index" ? SyntaxKind::kIndex
                                               : SyntaxKind::kTotal,
                       name.position);
      if (input) return fail(name.position, fmt::format("{} is no member", name.text));
      ++at_;
      return done(std::move(tree));
    }
    if (name.kind != TokenKind::kIdentifier && name.kind != TokenKind::kDelimited)
      return unexpected();
    if (!is_symbol("(", 1)) {
      if (is_symbol("{", 1)) return fail(name.position, "making objects is not supported");
      auto tree = make(SyntaxKind::kMember, name.position);
      tree->name = name.text;
      tree->delimited = name.kind == TokenKind::kDelimited;
      tree->input = std::move(input);
      ++at_;
      return done(std::move(tree));
    }
    return call(std::move(input));
  }

  Result<Tree> call(Tree input) {
    const Token& name = token();
    auto tree = make(SyntaxKind::kCall, name.position);
    tree->name = name.text;
    const FunctionRow* row = find_function(name.text);
    if (row == nullptr)
      return fail(name.position,
                  fmt::format("there is no function {}()", shortened(name.text, 40)));
    if (row->function == Function::kRefused) {
      position_ = name.position;
      return error_at(text_, name.position,
                      fmt::format("{}() is not supported: {}", name.text, row->refused),
                      ErrorKind::kUnsupported);
    }
    tree->function = row->function;
    tree->input = std::move(input);
    at_ += 2;
    if (!is_symbol(")")) {
      do {
        SLUICE_ASSIGN_OR_RETURN(auto argument, expression(0));
        tree->arguments.push_back(std::move(argument));
        if (row->function == Function::kSort) {
          const bool word = token().kind == TokenKind::kIdentifier;
          tree->descending.push_back(word && token().text == "desc");
          if (word && (token().text == "desc" || token().text == "asc")) ++at_;
        }
      } while (accept(","));
    }
    SLUICE_RETURN_IF_ERROR(expect(")"));
    const std::size_t count = tree->arguments.size();
    if (count < row->arguments_min || count > row->arguments_max)
      return fail(tree->position, fmt::format("{}() takes {} arguments, not {}", row->name,
                                              expected_count(*row), count));
    return done(std::move(tree));
  }

  static std::string expected_count(const FunctionRow& row) {
    if (row.arguments_max == row.arguments_min) return std::to_string(row.arguments_min);
    if (row.arguments_max > 3) return fmt::format("at least {}", row.arguments_min);
    return fmt::format("{} to {}", row.arguments_min, row.arguments_max);
  }

  Result<Tree> term() {
    const Token& first = token();
    switch (first.kind) {
      case TokenKind::kIdentifier:
        if (first.text == "true" || first.text == "false") {
          auto tree = make(SyntaxKind::kLiteral, first.position);
          tree->literals.emplace_back(first.text == "true");
          ++at_;
          return done(std::move(tree));
        }
        if (std::find(std::begin(kReserved), std::end(kReserved), first.text) !=
            std::end(kReserved))
          return unexpected();
        return invocation(nullptr);
      case TokenKind::kDelimited:
      case TokenKind::kDollar:
        return invocation(nullptr);
      case TokenKind::kSymbol:
        return bracketed();
      case TokenKind::kEnd:
        return unexpected();
      default:
        return literal();
    }
  }

  Result<Tree> bracketed() {
    const std::size_t position = token().position;
    if (accept("(")) {
      SLUICE_ASSIGN_OR_RETURN(auto tree, expression(0));
      SLUICE_RETURN_IF_ERROR(expect(")"));
      return tree;
    }
    if (is_symbol("{") && is_symbol("}", 1)) {
      at_ += 2;
      return done(make(SyntaxKind::kLiteral, position));
    }
    if (!accept("%")) return unexpected();
    const auto kind = token().kind;
    if (kind != TokenKind::kIdentifier && kind != TokenKind::kDelimited &&
        kind != TokenKind::kString)
      return fail(position, "the name of the variable is missing");
    auto tree = make(SyntaxKind::kVariable, position);
    tree->name = tokens_[at_++].text;
    return done(std::move(tree));
  }

  Result<Tree> literal() {
    const Token& first = tokens_[at_++];
    auto tree = make(SyntaxKind::kLiteral, first.position);
    const auto add = [&](auto value) { tree->literals.emplace_back(std::move(value)); };
    std::optional<Temporal> temporal;
    switch (first.kind) {
      case TokenKind::kString:
        add(first.text);
        return done(std::move(tree));
      case TokenKind::kDate:
        temporal = Temporal::parse_date(first.text);
        break;
      case TokenKind::kDateTime:
        temporal = Temporal::parse_date_time(first.text);
        break;
      case TokenKind::kTime:
        temporal = Temporal::parse_time(first.text);
        break;
      default:
        return number(std::move(tree), first);
    }
    if (!temporal) return fail(first.position, "there is no such date or time");
    add(*temporal);
    return done(std::move(tree));
  }

  Result<Tree> number(Tree tree, const Token& first) {
    const auto value = Decimal::parse(first.text);
    if (!value) return fail(first.position, "the number has too many digits");
    if (token().kind == TokenKind::kString && first.kind != TokenKind::kLong) {
      tree->literals.emplace_back(Quantity{*value, tokens_[at_++].text, false});
      return done(std::move(tree));
    }
    if (token().kind == TokenKind::kIdentifier && first.kind != TokenKind::kLong) {
      if (const auto unit = calendar_unit(token().text)) {
        ++at_;
        tree->literals.emplace_back(Quantity{*value, std::string(calendar_word(*unit)), true});
        return done(std::move(tree));
      }
    }
    if (first.kind == TokenKind::kDecimal) {
      tree->literals.emplace_back(*value);
      return done(std::move(tree));
    }
    const bool is_long = first.kind == TokenKind::kLong;
    const auto integer = value->to_integer();
    if (!integer || (!is_long && *integer > std::numeric_limits<std::int32_t>::max()))
      return fail(first.position, is_long ? "the number is too large for a Long"
                                          : "the number is too large for an Integer");
    tree->literals.emplace_back(Integer{*integer, is_long});
    return done(std::move(tree));
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  std::size_t& position_;
  std::size_t at_ = 0;
  std::size_t nesting_ = 0;
};

}  // namespace

Result<std::unique_ptr<Syntax>> parse(std::string_view expression, std::size_t& position) {
  SLUICE_ASSIGN_OR_RETURN(auto tokens, read_tokens(expression, position));
  return Parser(expression, std::move(tokens), position).whole();
}

}  // namespace sluice::fhirpath
