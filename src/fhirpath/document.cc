#include "fhirpath/document.h"

#include <algorithm>

#include "json/json_check.h"

namespace sluice::fhirpath {
namespace {

using fhir::JsonTokens;

bool is_key(const JsonTokens& tokens, std::size_t key, std::string_view name) {
  const std::string_view raw = tokens.raw_string(key);
  return raw == name || (raw.find('\\') != std::string_view::npos && fhir::means(raw, name));
}

/// A scalar of which no table knows the type.
TypeId untyped(const Document& document, std::uint32_t token) {
  const auto& tokens = document.tokens();
  switch (tokens.first(token)) {
    case '{':
      return resource_type_of(document, token);
    case '"':
      return system::kString;
    case 't':
    case 'f':
      return system::kBoolean;
    default:
      return tokens.scalar(token).find_first_of(".eE") == std::string_view::npos ? system::kInteger
                                                                                 : system::kDecimal;
  }
}

class Appender {
 public:
  Appender(const Document& document, Collection& out) : document_(document), out_(out) {}

  /// A member's value and the companion of a primitive; arrays item by item.
  void append(std::uint32_t value, std::uint32_t companion, std::optional<TypeId> type) {
    const auto& tokens = document_.tokens();
    const bool many = value != Node::kNone && tokens.first(value) == '[';
    const bool many_companions = companion != Node::kNone && tokens.first(companion) == '[';
    if (!many && !many_companions) return append_one(value, companion, type);
    std::uint32_t item = many ? value + 1 : Node::kNone;
    std::uint32_t beside = many_companions ? companion + 1 : Node::kNone;
    for (;;) {
      const bool has_item = item != Node::kNone && tokens.first(item) != ']';
      const bool has_beside = beside != Node::kNone && tokens.first(beside) != ']';
      if (!has_item && !has_beside) return;
      append_one(has_item ? item : Node::kNone, has_beside ? beside : Node::kNone, type);
      item = has_item ? next(item) : Node::kNone;
      beside = has_beside ? next(beside) : Node::kNone;
    }
  }

 private:
  std::uint32_t next(std::uint32_t item) const {
    const std::size_t behind = document_.behind(item);
    return static_cast<std::uint32_t>(document_.tokens().first(behind) == ',' ? behind + 1
                                                                              : behind);
  }

  void append_one(std::uint32_t value, std::uint32_t companion, std::optional<TypeId> type) {
    const auto& tokens = document_.tokens();
    if (value != Node::kNone && tokens.first(value) == 'n') value = Node::kNone;
    if (companion != Node::kNone && tokens.first(companion) != '{') companion = Node::kNone;
    if (value == Node::kNone && companion == Node::kNone) return;
    TypeId found = type.value_or(system::kAny);
    const auto& known = known_types();
    if (value != Node::kNone &&
        (!type || found == known.resource || found == known.domain_resource))
      found = untyped(document_, value);
    out_.push_back(Node{&document_, value, companion, found});
  }

  const Document& document_;
  Collection& out_;
};

/// "Quantity" of "valueQuantity", if the choice has such a type.
std::optional<TypeId> choice_of(const ElementRow& row, std::string_view key) {
  if (key.size() <= row.name.size() || !key.starts_with(row.name)) return std::nullopt;
  const std::string_view suffix = key.substr(row.name.size());
  for (const TypeId type : row.types()) {
    const std::string_view name = row_of(type).name;
    if (name.size() == suffix.size() && name.substr(1) == suffix.substr(1) &&
        (name[0] == suffix[0] || (name[0] ^ 0x20) == suffix[0]))
      return type;
  }
  return std::nullopt;
}

bool may_have_companion(std::optional<TypeId> type) {
  if (!type) return true;
  const TypeKind kind = row_of(*type).kind;
  return kind == TypeKind::kPrimitive || kind == TypeKind::kSystem;
}

/// An element without a choice.
void append_element(const Node& node, std::string_view name, std::optional<TypeId> type,
                    Collection& out) {
  const auto& document = *node.document;
  const auto& tokens = document.tokens();
  const bool companions = may_have_companion(type);
  std::uint32_t value = Node::kNone;
  std::uint32_t companion = Node::kNone;
  for (std::size_t key = node.value + 1; tokens.first(key) == '"';) {
    const std::string_view raw = tokens.raw_string(key);
    if (value == Node::kNone && is_key(tokens, key, name)) {
      value = static_cast<std::uint32_t>(key + 2);
      if (!companions) break;
    } else if (companions && raw.size() == name.size() + 1 && raw[0] == '_' &&
               raw.substr(1) == name) {
      companion = static_cast<std::uint32_t>(key + 2);
    }
    const std::size_t behind = document.behind(key + 2);
    if (tokens.first(behind) != ',') break;
    key = behind + 1;
  }
  if (value != Node::kNone || companion != Node::kNone)
    Appender(document, out).append(value, companion, type);
}

void append_choice(const Node& node, const ElementRow& row, Collection& out) {
  const auto& document = *node.document;
  const auto& tokens = document.tokens();
  std::uint32_t value = Node::kNone;
  std::uint32_t companion = Node::kNone;
  std::optional<TypeId> type;
  for (std::size_t key = node.value + 1; tokens.first(key) == '"';) {
    std::string_view raw = tokens.raw_string(key);
    const bool beside = raw.starts_with('_');
    if (beside) raw.remove_prefix(1);
    if (const auto found = choice_of(row, raw)) {
      type = found;
      (beside ? companion : value) = static_cast<std::uint32_t>(key + 2);
    }
    const std::size_t behind = document.behind(key + 2);
    if (tokens.first(behind) != ',') break;
    key = behind + 1;
  }
  if (type) Appender(document, out).append(value, companion, type);
}

/// The part of a primitive that is in its companion, as a node of Element.
std::optional<Node> companion_of(const Node& node) {
  if (node.companion == Node::kNone) return std::nullopt;
  return Node{node.document, node.companion, Node::kNone, known_types().element};
}

/// The element that a key belongs to, and its type if that is known.
void append_member(const Node& node, std::string_view key, std::uint32_t value,
                   std::uint32_t companion, Collection& out) {
  std::optional<TypeId> type;
  if (const auto* row = find_element(node.type, key); row != nullptr && !row->is_choice) {
    type = row->types()[0];
  } else if (!is_system(node.type)) {
    for (const auto& element : row_of(node.type).elements())
      if (element.is_choice && !type) type = choice_of(element, key);
  }
  Appender(*node.document, out).append(value, companion, type);
}

}  // namespace

Document::Document(const JsonTokens& tokens) : tokens_(tokens) {
  behind_.resize(tokens.size());
  std::vector<std::uint32_t> open;
  for (std::uint32_t i = 0; i < tokens.size(); ++i) {
    const char c = tokens.first(i);
    behind_[i] = i + 1;
    if (c == '{' || c == '[') {
      open.push_back(i);
    } else if ((c == '}' || c == ']') && !open.empty()) {
      behind_[open.back()] = i + 1;
      open.pop_back();
    }
  }
}

Node Document::root() const {
  return {this, 0, Node::kNone, resource_type_of(*this, 0)};
}

std::string_view Document::text_of(std::size_t token) const {
  const std::size_t begin = tokens_.begin(token);
  return tokens_.text().substr(begin, tokens_.end(behind(token) - 1) - begin);
}

bool is_object(const Node& node) {
  return node.value != Node::kNone && node.document->tokens().first(node.value) == '{';
}

void append_children(const Node& node, std::string_view name, const ElementRow* row,
                     Collection& out) {
  if (!is_object(node)) {
    if (const auto beside = companion_of(node))
      append_children(*beside, name, find_element(beside->type, name), out);
    return;
  }
  if (row == nullptr) {
    // Of what R4 does not know the names are taken as they are.
    if (node.type == system::kAny) append_element(node, name, std::nullopt, out);
    return;
  }
  if (row->is_choice) return append_choice(node, *row, out);
  append_element(node, name, row->types()[0], out);
}

void append_all_children(const Node& node, Collection& out) {
  if (!is_object(node)) {
    if (const auto beside = companion_of(node)) append_all_children(*beside, out);
    return;
  }
  const auto& document = *node.document;
  const auto& tokens = document.tokens();
  for (std::size_t key = node.value + 1; tokens.first(key) == '"';) {
    const std::string name = fhir::unescape(tokens.raw_string(key));
    const auto value = static_cast<std::uint32_t>(key + 2);
    if (name.starts_with('_')) {
      const std::string plain = name.substr(1);
      if (find_member(document, node.value, plain) == Node::kNone)
        append_member(node, plain, Node::kNone, value, out);
    } else if (name != "resourceType") {
      append_member(node, name, value, find_member(document, node.value, "_" + name), out);
    }
    const std::size_t behind = document.behind(value);
    if (tokens.first(behind) != ',') break;
    key = behind + 1;
  }
}

std::uint32_t find_member(const Document& document, std::uint32_t object, std::string_view name) {
  const auto& tokens = document.tokens();
  if (tokens.first(object) != '{') return Node::kNone;
  for (std::size_t key = object + 1; tokens.first(key) == '"';) {
    if (is_key(tokens, key, name)) return static_cast<std::uint32_t>(key + 2);
    const std::size_t behind = document.behind(key + 2);
    if (tokens.first(behind) != ',') break;
    key = behind + 1;
  }
  return Node::kNone;
}

std::optional<std::string> member_text(const Node& node, std::string_view name) {
  if (!is_object(node)) return std::nullopt;
  const std::uint32_t member = find_member(*node.document, node.value, name);
  const auto& tokens = node.document->tokens();
  if (member == Node::kNone || tokens.first(member) != '"') return std::nullopt;
  return fhir::unescape(tokens.raw_string(member));
}

TypeId resource_type_of(const Document& document, std::uint32_t object) {
  const auto name = member_text({&document, object, Node::kNone, system::kAny}, "resourceType");
  if (!name) return system::kAny;
  const auto type = find_fhir_type(*name);
  return type && row_of(*type).kind == TypeKind::kResource ? *type : system::kAny;
}

Node resource_of(const Node& node, bool with_contained) {
  const Document& document = *node.document;
  const auto& tokens = document.tokens();
  const std::uint32_t target = node.value != Node::kNone ? node.value : node.companion;
  Node container = document.root();
  // Down the one path to the node; what it passes of `contained` belongs to its container.
  bool contained = false;
  for (std::size_t at = 0; at < target;) {
    const bool object = tokens.first(at) == '{';
    std::size_t child = at + 1;
    for (;;) {
      const std::size_t value = object ? child + 2 : child;
      if (value > target) return container;
      if (document.behind(value) > target) {
        contained = contained || (!with_contained && object && is_key(tokens, child, "contained"));
        at = value;
        break;
      }
      const std::size_t behind = document.behind(value);
      if (tokens.first(behind) != ',') return container;
      child = behind + 1;
    }
    if (tokens.first(at) != '{' || contained) continue;
    if (find_member(document, static_cast<std::uint32_t>(at), "resourceType") != Node::kNone)
      container = {&document, static_cast<std::uint32_t>(at), Node::kNone,
                   resource_type_of(document, static_cast<std::uint32_t>(at))};
  }
  return container;
}

}  // namespace sluice::fhirpath
