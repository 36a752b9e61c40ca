#include "fhirpath/expression.h"

#include <fmt/format.h>

#include <utility>

#include "fhirpath/binder.h"
#include "fhirpath/evaluation.h"
#include "fhirpath/lexer.h"
#include "fhirpath/machine.h"
#include "fhirpath/parser.h"
#include "fhirpath/regex.h"

namespace sluice::fhirpath {

namespace {

std::size_t regex_size_of(const Syntax& tree) {
  std::size_t size = tree.regex == nullptr ? 0 : size_of(*tree.regex);
  if (tree.input) size += regex_size_of(*tree.input);
  for (const auto& argument : tree.arguments) size += regex_size_of(*argument);
  return size;
}

}  // namespace

struct Expression::Program {
  std::string text;
  std::unique_ptr<Syntax> tree;
  std::vector<TypeId> result_types;
};

Result<Expression> Expression::compile(std::string_view text, const CompileOptions& options,
                                       std::size_t* position) {
  std::size_t ignored = 0;
  std::size_t& at = position == nullptr ? ignored : *position;
  at = 0;
  if (text.size() > kExpressionSizeMax)
    return Error{
        ErrorKind::kTooLarge,
        fmt::format("FHIRPath: the expression is longer than {} bytes", kExpressionSizeMax)};
  auto program = std::make_shared<Program>();
  program->text = text;
  SLUICE_ASSIGN_OR_RETURN(program->tree, parse(text, at));
  SLUICE_ASSIGN_OR_RETURN(auto types, bind(*program->tree, text, options, at));
  if (!types.any) program->result_types = std::move(types.ids);
  Expression expression;
  expression.program_ = std::move(program);
  return expression;
}

const std::string& Expression::text() const {
  return program_->text;
}
std::span<const TypeId> Expression::result_types() const {
  return program_->result_types;
}
std::size_t Expression::regex_size() const {
  return regex_size_of(*program_->tree);
}
const Syntax& Expression::syntax() const {
  return *program_->tree;
}

class Evaluation::Impl {
 public:
  explicit Impl(EvaluationOptions options) : machine(std::move(options)) {}
  Machine machine;
};

Evaluation::Evaluation(EvaluationOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
Evaluation::~Evaluation() = default;
Evaluation::Evaluation(Evaluation&&) noexcept = default;
Evaluation& Evaluation::operator=(Evaluation&&) noexcept = default;

Result<Collection> Evaluation::evaluate(const Expression& expression, const Document& document,
                                        const Variables& variables) {
  return evaluate(expression, Value(document.root()), variables);
}

Result<Collection> Evaluation::evaluate(const Expression& expression, const Value& context,
                                        const Variables& variables) {
  Collection out;
  SLUICE_RETURN_IF_ERROR(evaluate(expression, context, variables, out));
  return out;
}

Result<void> Evaluation::evaluate(const Expression& expression, const Value& context,
                                  const Variables& variables, Collection& out) {
  out.clear();
  if (!impl_->machine.run(expression, context, variables, out)) return impl_->machine.error();
  return {};
}

std::size_t Evaluation::steps() const {
  return impl_->machine.steps();
}

std::size_t Evaluation::error_position() const {
  return impl_->machine.error_position();
}

}  // namespace sluice::fhirpath
