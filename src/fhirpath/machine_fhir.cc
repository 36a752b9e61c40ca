// The functions on nodes: the tree, types, and what FHIR and SQL on FHIR add.
#include <fmt/format.h>

#include <cstring>

#include "fhirpath/document.h"
#include "fhirpath/machine.h"
#include "json/json_check.h"

namespace sluice::fhirpath {
namespace {

/// Descendants may be many: they are counted as they come.
void append_descendants(const Value& value, std::size_t items_max, Collection& out) {
  const Node* node = value.node();
  if (node == nullptr) return;
  // A vector that grows cannot be walked by references: by index.
  const std::size_t first = out.size();
  append_all_children(*node, out);
  for (std::size_t at = first; at < out.size() && out.size() <= items_max; ++at) {
    const Node child = *out[at].node();
    append_all_children(child, out);
  }
}

std::size_t last_slash(std::string_view text) {
  const void* const found = ::memrchr(text.data(), '/', text.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

/// The type and id of "Patient/1", "http://host/base/Patient/1/_history/2".
struct Target {
  TypeId type;
  std::string_view id;
};
/// `likely`: the type that it probably has.
std::optional<Target> target_of(std::string_view reference, TypeId likely = system::kAny) {
  // By memchr() and its like: this is done for each reference of each row.
  for (const char end : {'#', '?', '|'}) reference = reference.substr(0, reference.find(end));
  if (reference.find('_') != std::string_view::npos)
    reference = reference.substr(0, reference.find("/_history/"));
  const std::size_t slash = last_slash(reference);
  if (slash == std::string_view::npos || slash + 1 == reference.size()) return std::nullopt;
  const std::string_view id = reference.substr(slash + 1);
  std::string_view name = reference.substr(0, slash);
  if (const std::size_t before = last_slash(name); before != std::string_view::npos)
    name = name.substr(before + 1);
  if (likely != system::kAny && row_of(likely).name == name &&
      row_of(likely).kind == TypeKind::kResource)
    return Target{likely, id};
  const auto type = find_fhir_type(name);
  if (!type || row_of(*type).kind != TypeKind::kResource) return std::nullopt;
  return Target{*type, id};
}

std::optional<std::string> reference_text(const Value& value) {
  const Node* node = value.node();
  if (node != nullptr && is_object(*node)) return member_text(*node, "reference");
  const Value converted = to_system(value);
  const auto* text = converted.get<std::string>();
  return text != nullptr ? std::optional(*text) : std::nullopt;
}

/// The resource in `contained` that "#id" names; its container for "#". Returns how many it looked
/// at.
std::size_t append_contained(const Node& node, std::string_view id, Collection& out) {
  const Node container = resource_of(node, false);
  if (id.empty()) {
    out.emplace_back(container);
    return 1;
  }
  Collection contained;
  append_children(container, "contained", find_element(container.type, "contained"), contained);
  for (const auto& value : contained)
    if (member_text(*value.node(), "id") == id) out.push_back(value);
  return contained.size();
}

/// The entry of the Bundle around the node that a reference leads to.
bool append_entry(const Node& node, const std::string& reference, std::size_t& looked_at,
                  Collection& out) {
  const Node root = node.document->root();
  if (root.type != known_types().bundle) return false;
  const auto target = target_of(reference);
  Collection entries;
  append_children(root, "entry", find_element(root.type, "entry"), entries);
  for (const auto& entry : entries) {
    ++looked_at;
    const Node& row = *entry.node();
    Collection resources;
    append_children(row, "resource", find_element(row.type, "resource"), resources);
    if (resources.empty()) continue;
    const Node& resource = *resources[0].node();
    const bool matches =
        member_text(row, "fullUrl") == reference ||
        (target && reference.find(':') == std::string::npos && resource.type == target->type &&
         member_text(resource, "id") == target->id);
    if (!matches) continue;
    out.push_back(resources[0]);
    return true;
  }
  return false;
}

}  // namespace

bool Machine::utility(const Syntax& tree, const Frame& frame, Collection& input, Collection& out) {
  switch (tree.function) {
    case Function::kChildren:
      for (const auto& value : input) {
        if (value.node() != nullptr) append_all_children(*value.node(), out);
        if (!check_size(tree, out)) return false;
      }
      return steps(tree, out.size());
    case Function::kDescendants:
      for (const auto& value : input) {
        append_descendants(value, options_.items_max, out);
        if (!check_size(tree, out)) return false;
      }
      return steps(tree, out.size());
    case Function::kTrace:
      return trace(tree, frame, input, out);
    case Function::kDefineVariable:
      return define(tree, frame, input, out);
    case Function::kAggregate:
      return aggregate(tree, frame, input, out);
    case Function::kTypeOf:
      for (const auto& value : input) out.emplace_back(TypeInfo{type_of(value)});
      return true;
    default:
      break;
  }
  if (tree.function == Function::kNot) {
    std::optional<bool> boolean;
    if (!to_boolean(tree, input, boolean)) return false;
    if (boolean) out.emplace_back(!*boolean);
    return true;
  }
  const Value* one = nullptr;
  if (!single(tree, input, one)) return false;
  if (one == nullptr) return true;
  if (tree.function == Function::kComparable) {
    Lease values(*this);
    const Value* other = nullptr;
    if (!eval_apart(*tree.arguments[0], frame, *values) || !single(tree, *values, other))
      return false;
    if (other == nullptr) return true;
    const Value left = system_value(*one);
    const Value right = system_value(*other);
    const auto* a = left.get<Quantity>();
    const auto* b = right.get<Quantity>();
    if (a == nullptr || b == nullptr) return fail(tree, "comparable() takes quantities");
    out.emplace_back(comparable(*a, *b));
    return true;
  }
  const bool includes = tree.type.includes(type_of(*one));
  if (tree.function == Function::kIs)
    out.emplace_back(includes);
  else if (includes)
    out.push_back(*one);
  return true;
}

bool Machine::trace(const Syntax& tree, const Frame& frame, Collection& input, Collection& out) {
  std::optional<std::string> name;
  if (!text_argument(tree, 0, frame, name)) return false;
  if (options_.trace) {
    Lease shown(*this);
    if (tree.arguments.size() == 2) {
      for (std::size_t i = 0; i < input.size(); ++i) {
        const Frame item{&input[i], static_cast<std::int64_t>(i), frame.total};
        if (!eval_apart(*tree.arguments[1], item, *shown)) return false;
      }
    } else {
      *shown = input;
    }
    options_.trace(name.value_or(""), *shown);
  }
  std::move(input.begin(), input.end(), std::back_inserter(out));
  return true;
}

bool Machine::define(const Syntax& tree, const Frame& frame, Collection& input, Collection& out) {
  Collection values;
  if (tree.arguments.size() == 2) {
    if (!eval_apart(*tree.arguments[1], frame, values)) return false;
  } else {
    values = input;
  }
  defined_.emplace_back(tree.name, std::move(values));
  std::move(input.begin(), input.end(), std::back_inserter(out));
  return true;
}

bool Machine::fhir_function(const Syntax& tree, const Frame& frame, const Collection& input,
                            Collection& out) {
  switch (tree.function) {
    case Function::kExtension:
      return extension(tree, frame, input, out);
    case Function::kResolve:
      return resolve(tree, input, out);
    case Function::kGetReferenceKey:
      return reference_key(tree, input, out);
    case Function::kGetResourceKey:
      for (const auto& value : input) {
        const Node* node = value.node();
        if (node == nullptr) continue;
        if (auto id = member_text(*node, "id");
            id && row_of(node->type).kind == TypeKind::kResource)
          out.emplace_back(std::move(*id));
      }
      return true;
    default:
      break;
  }
  const Value* one = nullptr;
  if (!single(tree, input, one)) return false;
  const Node* node = one == nullptr ? nullptr : one->node();
  const bool has_value =
      one != nullptr && (node == nullptr || (node->value != Node::kNone && !is_object(*node)));
  if (tree.function == Function::kHasValue)
    out.emplace_back(has_value);
  else if (has_value)
    out.push_back(system_value(*one));
  return true;
}

bool Machine::extension(const Syntax& tree, const Frame& frame, const Collection& input,
                        Collection& out) {
  std::optional<std::string> url;
  if (!text_argument(tree, 0, frame, url)) return false;
  if (!url) return true;
  Lease extensions(*this);
  for (const auto& value : input) {
    const Node* node = value.node();
    if (node == nullptr) continue;
    extensions->clear();
    append_children(*node, "extension", find_element(node->type, "extension"), *extensions);
    if (!steps(tree, extensions->size())) return false;
    for (const auto& found : *extensions) {
      const Node& row = *found.node();
      if (!is_object(row)) continue;
      const std::uint32_t member = find_member(*row.document, row.value, "url");
      const auto& tokens = row.document->tokens();
      if (member != Node::kNone && tokens.first(member) == '"' &&
          fhir::means(tokens.raw_string(member), *url))
        out.push_back(found);
    }
  }
  return true;
}

bool Machine::resolve(const Syntax& tree, const Collection& input, Collection& out) {
  for (const auto& value : input) {
    const auto reference = reference_text(value);
    if (!steps(tree, 1 + (reference ? reference->size() / 8 : 0))) return false;
    if (!reference || reference->empty()) continue;
    // A text that is no node's is understood where the evaluation stands.
    const Node* node = value.node() != nullptr ? value.node() : context_->node();
    if (node != nullptr) {
      if (reference->starts_with('#')) {
        const auto id = std::string_view(*reference).substr(1);
        if (!steps(tree, append_contained(*node, id, out))) return false;
        continue;
      }
      std::size_t looked_at = 16;
      const bool found = append_entry(*node, *reference, looked_at, out);
      if (!steps(tree, looked_at)) return false;
      if (found) continue;
    }
    if (options_.resolver == nullptr) continue;
    const auto found = options_.resolver->resolve(*reference);
    if (!found) return fail(tree, found.error().message, found.error().kind);
    if (*found != nullptr) out.emplace_back((*found)->root());
  }
  return true;
}

bool Machine::reference_key(const Syntax& tree, const Collection& input, Collection& out) {
  std::string kept;
  for (const auto& value : input) {
    std::optional<std::string_view> reference;
    if (const Node* const node = value.node(); node != nullptr && is_object(*node)) {
      reference = member_text(*node, "reference", kept);
    } else if (auto text = reference_text(value)) {
      kept = std::move(*text);
      reference = kept;
    }
    if (!steps(tree, 1 + (reference ? reference->size() / 8 : 0))) return false;
    if (!reference) continue;
    const auto target = target_of(*reference, tree.type.fhir);
    if (!target || target->id.empty()) continue;
    if (!tree.arguments.empty() && !tree.type.includes(target->type)) continue;
    out.emplace_back(std::string(target->id));
  }
  return true;
}

}  // namespace sluice::fhirpath
