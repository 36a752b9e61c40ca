#include "fhirpath/machine.h"

#include <fmt/format.h>

#include "fhirpath/document.h"
#include "fhirpath/equality.h"
#include "fhirpath/lexer.h"

namespace sluice::fhirpath {
namespace {

// What costs as much as a step.
constexpr std::size_t kTextOfStep = 8;  // bytes
constexpr std::size_t kMembersOfStep = 16;
constexpr std::size_t kFewItems = 4096;
// Items that are kept room for: one large result must not stay for ever.
constexpr std::size_t kKept = 4096;

/// The element of the node's type that the name means; null for none.
const ElementRow* element_of(const Syntax& tree, const Node& node) {
  return node.type == tree.bound_type && tree.element != nullptr
             ? tree.element
             : find_element(node.type, tree.name);
}

/// Whether it selects the value of a primitive, which is of System.
bool is_value_of(const Syntax& tree, const Node& node) {
  return tree.name == "value" && row_of(node.type).kind == TypeKind::kPrimitive;
}

bool is_path(const Syntax& tree) {
  return tree.kind == SyntaxKind::kMember && (tree.input == nullptr || is_path(*tree.input));
}

}  // namespace

Machine::Machine(EvaluationOptions options) : options_(std::move(options)) {}

std::unique_ptr<Collection> Machine::borrow() {
  if (pool_.empty()) return std::make_unique<Collection>();
  auto values = std::move(pool_.back());
  pool_.pop_back();
  return values;
}

void Machine::give_back(std::unique_ptr<Collection> values) {
  if (values->capacity() > kKept) return;
  values->clear();
  pool_.push_back(std::move(values));
}

bool Machine::run(const Expression& expression, const Value& context, const Variables& variables,
                  Collection& out) {
  expression_ = &expression;
  context_ = &context;
  variables_ = &variables;
  steps_ = 0;
  now_.reset();
  defined_.clear();
  return eval(expression.syntax(), Frame{&context}, out);
}

bool Machine::fail(const Syntax& tree, std::string message, ErrorKind kind) {
  error_position_ = tree.position;
  error_ = error_at(expression_->text(), tree.position, std::move(message), kind);
  return false;
}

bool Machine::too_many_steps(const Syntax& tree) {
  return fail(tree, fmt::format("the evaluation takes more than {} steps", options_.steps_max),
              ErrorKind::kTooLarge);
}

bool Machine::steps(const Syntax& tree, std::size_t count) {
  steps_ += count;
  return steps_ <= options_.steps_max || too_many_steps(tree);
}

Value Machine::system_value(const Value& value) {
  if (const Node* node = value.node(); node != nullptr && node->value != Node::kNone) {
    const auto& tokens = node->document->tokens();
    if (tokens.first(node->value) == '"')
      steps_ += tokens.raw_string(node->value).size() / kTextOfStep;
  }
  return to_system(value);
}

bool Machine::append_copies(const Syntax& tree, const Collection& values, Collection& out) {
  std::size_t texts = 0;
  for (const auto& value : values)
    if (const auto* text = value.get<std::string>()) texts += text->size();
  if (!steps(tree, values.size() + texts / kTextOfStep)) return false;
  out.insert(out.end(), values.begin(), values.end());
  return check_size(tree, out);
}

bool Machine::check_room(const Syntax& tree, const Collection& values, std::size_t more) {
  const std::size_t count = values.size() + more;
  bool fits = count <= options_.items_max;
  // Few items need no look at what else is held.
  if (fits && count > kFewItems) {
    std::size_t held = count;
    for (const Collection* other : leased_)
      if (other != &values) held += other->size();
    fits = held <= 2 * options_.items_max;
  }
  return fits || too_many_items(tree);
}

bool Machine::too_many_items(const Syntax& tree) {
  return fail(tree, fmt::format("there are more than {} items", options_.items_max),
              ErrorKind::kTooLarge);
}

bool Machine::push_text(const Syntax& tree, std::string text, Collection& out) {
  if (text.size() > options_.text_max)
    return fail(tree, fmt::format("a text is longer than {} bytes", options_.text_max),
                ErrorKind::kTooLarge);
  if (!steps(tree, text.size() / kTextOfStep)) return false;
  out.emplace_back(std::move(text));
  return true;
}

bool Machine::single(const Syntax& tree, const Collection& values, const Value*& one) {
  one = values.empty() ? nullptr : &values[0];
  if (values.size() <= 1) return true;
  const std::string_view name = tree.name.empty() ? std::string_view("this") : tree.name;
  return fail(tree, fmt::format("'{}' takes one item, not {}", name, values.size()));
}

bool Machine::to_boolean(const Syntax& tree, const Collection& values,
                         std::optional<bool>& boolean) {
  const Value* one = nullptr;
  if (!single(tree, values, one)) return false;
  boolean.reset();
  if (one == nullptr) return true;
  if (const bool* value = one->get<bool>()) {
    boolean = *value;
    return true;
  }
  const Value converted = system_value(*one);
  const bool* value = converted.get<bool>();
  boolean = value == nullptr || *value;
  return true;
}

bool Machine::holds(const Syntax& criterion, const Frame& frame, std::optional<bool>& result) {
  Lease values(*this);
  return eval_apart(criterion, frame, *values) && to_boolean(criterion, *values, result);
}

bool Machine::text_argument(const Syntax& tree, std::size_t at, const Frame& frame,
                            std::optional<std::string>& text) {
  text.reset();
  Lease values(*this);
  const Value* one = nullptr;
  if (!eval_apart(*tree.arguments[at], frame, *values) || !single(tree, *values, one)) return false;
  if (one == nullptr) return true;
  Value converted = system_value(*one);
  auto* found = std::get_if<std::string>(&converted.data);
  if (found == nullptr)
    return fail(*tree.arguments[at],
                fmt::format("{}() takes text here, not {}", tree.name, type_name(*one)));
  text = std::move(*found);
  return true;
}

bool Machine::integer_argument(const Syntax& tree, std::size_t at, const Frame& frame,
                               std::optional<std::int64_t>& number) {
  number.reset();
  Lease values(*this);
  const Value* one = nullptr;
  if (!eval_apart(*tree.arguments[at], frame, *values) || !single(tree, *values, one)) return false;
  if (one == nullptr) return true;
  const Value converted = system_value(*one);
  const auto* found = converted.get<Integer>();
  if (found == nullptr)
    return fail(*tree.arguments[at],
                fmt::format("an Integer is needed here, not {}", type_name(*one)));
  number = found->value;
  return true;
}

bool Machine::is_in(const Syntax& tree, const Value& value, const Collection& values, bool& found) {
  found = false;
  for (const auto& other : values) {
    if (!step(tree)) return false;
    if (compare([&](Work& work) { return equal(value, other, work); }) != true) continue;
    found = true;
    break;
  }
  return step(tree);
}

bool Machine::append_distinct(const Syntax& tree, const Collection& values, Collection& out) {
  for (const auto& value : values) {
    bool found = false;
    if (!is_in(tree, value, out, found)) return false;
    if (!found) out.push_back(value);
  }
  return true;
}

void Machine::push_integer(std::optional<std::int64_t> value, bool is_long, Collection& out) {
  if (!value) return;
  if (!is_long && (*value > std::numeric_limits<std::int32_t>::max() ||
                   *value < std::numeric_limits<std::int32_t>::min()))
    return;  // overflow is {}
  out.emplace_back(Integer{*value, is_long});
}

// ---- the tree ----

bool Machine::eval_apart(const Syntax& tree, const Frame& frame, Collection& out) {
  const std::size_t defined = defined_.size();
  const bool ok = eval(tree, frame, out);
  defined_.resize(defined);
  return ok;
}

bool Machine::eval(const Syntax& tree, const Frame& frame, Collection& out) {
  if (!step(tree)) return false;
  switch (tree.kind) {
    case SyntaxKind::kLiteral:
      return literal(tree, out);
    case SyntaxKind::kThis:
      if (frame.self != nullptr) out.push_back(*frame.self);
      return true;
    case SyntaxKind::kIndex:
      out.emplace_back(Integer{frame.index});
      return true;
    case SyntaxKind::kTotal:
      return frame.total == nullptr || append_copies(tree, *frame.total, out);
    case SyntaxKind::kMember:
      return member(tree, frame, out);
    case SyntaxKind::kCall:
      return call(tree, frame, out);
    case SyntaxKind::kVariable:
      return variable(tree, out);
    case SyntaxKind::kIndexer:
      return indexer(tree, frame, out);
    case SyntaxKind::kUnary:
      return unary(tree, frame, out);
    case SyntaxKind::kBinary:
      return binary(tree, frame, out);
    default:
      return type_operator(tree, frame, out);
  }
}

bool Machine::literal(const Syntax& tree, Collection& out) {
  return append_copies(tree, tree.literals, out);
}

bool Machine::member(const Syntax& tree, const Frame& frame, Collection& out) {
  const Node* const self = frame.self == nullptr ? nullptr : frame.self->node();
  if (tree.input == nullptr) {
    if (frame.self == nullptr) return true;
    if (tree.self_type != system::kAny && self != nullptr && is_a(self->type, tree.self_type)) {
      out.push_back(*frame.self);
      return true;
    }
    return select_member(tree, *frame.self, out);
  }
  if (self != nullptr && is_path(*tree.input)) return path(tree, *self, out);
  Lease input(*this);
  if (!eval(*tree.input, frame, *input)) return false;
  for (const auto& value : *input)
    if (!step(tree) || !select_member(tree, value, out)) return false;
  return check_size(tree, out);
}

/// Names after names, which are most of what is evaluated: without collections between them.
bool Machine::path(const Syntax& tree, const Node& start, Collection& out) {
  members_.clear();
  for (const Syntax* each = &tree; each != nullptr; each = each->input.get())
    members_.push_back(each);
  if (!steps(tree, members_.size())) return false;
  nodes_.assign(1, start);
  const Syntax& first = *members_.back();
  if (first.self_type != system::kAny && is_a(start.type, first.self_type)) members_.pop_back();
  for (std::size_t i = members_.size(); i-- > 1;) {
    const Syntax& member = *members_[i];
    next_nodes_.clear();
    for (const auto& node : nodes_) {
      const ElementRow* const row = element_of(member, node);
      // A value of System, which has no members that a name selects.
      if (row == nullptr && is_value_of(member, node)) continue;
      const std::size_t looked_at = append_children(node, member.name, row, next_nodes_);
      if (!steps(member, 1 + looked_at / kMembersOfStep)) return false;
      if (next_nodes_.size() > options_.items_max) return too_many_items(member);
    }
    nodes_.swap(next_nodes_);
  }
  for (const auto& node : nodes_)
    if (!step(tree) || !select_node(tree, node, out)) return false;
  if (nodes_.capacity() > kKept) nodes_ = {};
  if (next_nodes_.capacity() > kKept) next_nodes_ = {};
  return check_size(tree, out);
}

bool Machine::select_node(const Syntax& tree, const Node& node, Collection& out) {
  const ElementRow* const row = element_of(tree, node);
  if (row == nullptr && is_value_of(tree, node)) {
    Value converted = system_value(node);
    if (converted.node() == nullptr) out.push_back(std::move(converted));
    return true;
  }
  const std::size_t looked_at = append_children(node, tree.name, row, out);
  return looked_at <= kMembersOfStep || steps(tree, looked_at / kMembersOfStep);
}

bool Machine::select_member(const Syntax& tree, const Value& value, Collection& out) {
  if (const Node* node = value.node()) return select_node(tree, *node, out);
  if (const auto* quantity = value.get<Quantity>()) {
    if (tree.name == "value") out.emplace_back(quantity->value);
    if (tree.name == "unit" || tree.name == "code") out.emplace_back(quantity->unit);
  } else if (const auto* info = value.get<TypeInfo>()) {
    if (tree.name == "namespace")
      out.emplace_back(std::string(is_system(info->type) ? "System" : "FHIR"));
    if (tree.name == "name") out.emplace_back(std::string(short_name(info->type)));
  }
  return true;
}

bool Machine::variable(const Syntax& tree, Collection& out) {
  const Collection* values = nullptr;
  switch (tree.variable) {
    case Variable::kLiteral:
      values = &tree.literals;
      break;
    case Variable::kCaller:
      if (const auto found = variables_->find(tree.name); found != variables_->end())
        values = &found->second;
      break;
    case Variable::kDefined:
      for (const auto& [name, defined] : defined_)
        if (name == tree.name) values = &defined;
      break;
    case Variable::kContext:
      out.push_back(*context_);
      return true;
    case Variable::kResource:
    case Variable::kRootResource:
      if (const Node* node = context_->node())
        out.emplace_back(resource_of(*node, tree.variable == Variable::kResource));
      return true;
    case Variable::kNone:
      break;
  }
  return values == nullptr || append_copies(tree, *values, out);
}

bool Machine::indexer(const Syntax& tree, const Frame& frame, Collection& out) {
  Lease input(*this);
  std::optional<std::int64_t> index;
  if (!eval(*tree.input, frame, *input) || !integer_argument(tree, 0, frame, index)) return false;
  if (index && *index >= 0 && static_cast<std::size_t>(*index) < input->size())
    out.push_back(std::move((*input)[static_cast<std::size_t>(*index)]));
  return true;
}

bool Machine::type_operator(const Syntax& tree, const Frame& frame, Collection& out) {
  Lease input(*this);
  const Value* one = nullptr;
  if (!eval_apart(*tree.arguments[0], frame, *input) || !single(tree, *input, one)) return false;
  if (one == nullptr) return true;
  const bool matches = tree.type.includes(type_of(*one));
  if (tree.kind == SyntaxKind::kIs)
    out.emplace_back(matches);
  else if (matches)
    out.push_back(*one);
  return true;
}

}  // namespace sluice::fhirpath
