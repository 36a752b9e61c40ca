#include "fhirpath/document.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "json/json_check.h"

namespace sluice::fhirpath {
namespace {

using fhir::JsonTokens;

/// Whether the bytes of a key mean the name.
inline bool is_key(const Document& document, std::string_view raw, std::string_view name) {
  if (raw.size() == name.size() && std::memcmp(raw.data(), name.data(), name.size()) == 0)
    return true;
  return document.has_escapes() && raw.find('\\') != std::string_view::npos &&
         fhir::means(raw, name);
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

/// To a Collection or a vector of nodes.
template <class Out>
class Appender {
 public:
  Appender(const Document& document, Out& out) : document_(document), out_(out) {}

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
  Out& out_;
};

/// "Quantity" of "valueQuantity", if the choice has such a type.
std::optional<TypeId> choice_of(const ElementRow& row, std::string_view key) {
  if (key.size() <= row.name.size() || key[0] != row.name[0] || !key.starts_with(row.name))
    return std::nullopt;
  const std::string_view suffix = key.substr(row.name.size());
  for (const TypeId type : row.types()) {
    const std::string_view name = row_of(type).name;
    if (name.size() == suffix.size() && name.substr(1) == suffix.substr(1) &&
        (name[0] == suffix[0] || (name[0] ^ 0x20) == suffix[0]))
      return type;
  }
  return std::nullopt;
}

bool may_have_companion(const Document& document, std::optional<TypeId> type) {
  if (!document.has_companions()) return false;
  if (!type) return true;
  const TypeKind kind = row_of(*type).kind;
  return kind == TypeKind::kPrimitive || kind == TypeKind::kSystem;
}

/// An element without a choice. Returns how many members were looked at.
template <class Out>
std::size_t append_element(const Node& node, std::string_view name, std::optional<TypeId> type,
                           Out& out) {
  const auto& document = *node.document;
  const bool companions = may_have_companion(document, type);
  std::uint32_t value = Node::kNone;
  std::uint32_t companion = Node::kNone;
  std::size_t looked_at = 0;
  document.each_key(node.value, [&](std::uint32_t key, std::string_view raw) {
    ++looked_at;
    if (value == Node::kNone && is_key(document, raw, name)) {
      value = key + 2;
      return !companions;
    }
    if (companions && raw.size() == name.size() + 1 && raw[0] == '_' && raw.substr(1) == name)
      companion = key + 2;
    return false;
  });
  if (value != Node::kNone || companion != Node::kNone)
    Appender(document, out).append(value, companion, type);
  return looked_at;
}

template <class Out>
std::size_t append_choice(const Node& node, const ElementRow& row, Out& out) {
  const auto& document = *node.document;
  std::uint32_t value = Node::kNone;
  std::uint32_t companion = Node::kNone;
  std::optional<TypeId> type;
  std::size_t looked_at = 0;
  document.each_key(node.value, [&](std::uint32_t key, std::string_view raw) {
    ++looked_at;
    const bool beside = document.has_companions() && raw.starts_with('_');
    if (beside) raw.remove_prefix(1);
    const auto found = choice_of(row, raw);
    if (!found) return false;
    type = found;
    (beside ? companion : value) = key + 2;
    return !document.has_companions();
  });
  if (type) Appender(document, out).append(value, companion, type);
  return looked_at;
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

/// The members of an object, found by name in logarithmic time: an object may have very many.
class Members {
 public:
  struct Member {
    std::string name;
    std::uint32_t value;
  };

  Members(const Document& document, std::uint32_t object) {
    document.each_key(object, [&](std::uint32_t key, std::string_view raw) {
      all_.push_back({fhir::unescape(raw), key + 2});
      has_companions_ = has_companions_ || all_.back().name.starts_with('_');
      return false;
    });
    if (!has_companions_) return;
    for (const auto& member : all_) by_name_.push_back(&member);
    // The first of equal names is found first.
    std::stable_sort(by_name_.begin(), by_name_.end(),
                     [](const Member* a, const Member* b) { return a->name < b->name; });
  }

  const std::vector<Member>& all() const { return all_; }
  std::uint32_t companion_of(const std::string& name) const {
    return has_companions_ ? find("_" + name) : Node::kNone;
  }
  /// Only of an object that has companions.
  std::uint32_t find(std::string_view name) const {
    const auto found = std::lower_bound(
        by_name_.begin(), by_name_.end(), name,
        [](const Member* member, std::string_view of) { return member->name < of; });
    return found != by_name_.end() && (*found)->name == name ? (*found)->value : Node::kNone;
  }

 private:
  std::vector<Member> all_;
  std::vector<const Member*> by_name_;
  bool has_companions_ = false;
};

template <class Out>
std::size_t append_selected(const Node& node, std::string_view name, const ElementRow* row,
                            Out& out) {
  if (!is_object(node)) {
    const auto beside = companion_of(node);
    return beside ? append_selected(*beside, name, find_element(beside->type, name), out) : 0;
  }
  // Of what R4 does not know the names are taken as they are.
  if (row == nullptr)
    return node.type == system::kAny ? append_element(node, name, std::nullopt, out) : 0;
  if (row->is_choice) return append_choice(node, *row, out);
  return append_element(node, name, row->types()[0], out);
}

/// Whether a string begins with an underscore.
bool has_underscored(std::string_view text) {
  for (std::size_t at = text.find('_', 1); at != std::string_view::npos;
       at = text.find('_', at + 1))
    if (text[at - 1] == '"') return true;
  return false;
}

/// As resource_type_of(). `likely`: what it probably is.
TypeId type_of_resource(const Document& document, std::uint32_t object, TypeId likely) {
  std::string unescaped;
  const auto name =
      member_text({&document, object, Node::kNone, system::kAny}, "resourceType", unescaped);
  if (!name) return system::kAny;
  if (likely != system::kAny && row_of(likely).name == *name) return likely;
  const auto type = find_fhir_type(*name);
  return type && row_of(*type).kind == TypeKind::kResource ? *type : system::kAny;
}

}  // namespace

void Document::read(const JsonTokens& tokens) {
  tokens_ = &tokens;
  // What stands there of the text before is never asked for. One large text is not kept for ever.
  constexpr std::size_t kKeptTokensMax = 4u << 20;
  if (behind_.size() > kKeptTokensMax) behind_ = {};
  if (behind_.size() < tokens.size()) behind_.resize(tokens.size());
  open_.clear();
  parts_.clear();
  const std::size_t begin = tokens.begin(0);
  const std::string_view text = tokens.text().substr(begin, tokens.begin(tokens.size()) - begin);
  has_escapes_ = text.find('\\') != std::string_view::npos;
  // An escape may mean the underscore.
  has_companions_ = has_escapes_ || has_underscored(text);
  for (std::uint32_t i = 0; i < tokens.size(); ++i) {
    // '[' | 0x20 is '{'; no token begins with what else this maps.
    const char bracket = static_cast<char>(tokens.first(i) | 0x20);
    if (bracket == '{') {
      open_.push_back(i);
    } else if (bracket == '}' && !open_.empty()) {
      behind_[open_.back()] = i + 1;
      open_.pop_back();
    }
  }
  root_keys_.clear();
  walk_keys(0, [&](std::uint32_t key, std::string_view name) {
    root_keys_.push_back({key, name});
    return false;
  });
  // Resources of one type follow each other.
  root_type_ = type_of_resource(*this, 0, root_type_);
}

std::string_view Document::text_of(std::size_t token) const {
  const std::size_t begin = tokens_->begin(token);
  return tokens_->text().substr(begin, tokens_->end(behind(token) - 1) - begin);
}

void Document::append_compact(std::size_t token, std::string& out) const {
  for (std::size_t i = token; i < behind(token); ++i)
    out += tokens_->text().substr(tokens_->begin(i), tokens_->end(i) - tokens_->begin(i));
}

// A resource is an object with a resourceType, and the root.
void Document::find_parts() const {
  struct Open {
    std::uint32_t token;
    bool is_contained;
    bool is_resource;
  };
  std::vector<Open> open;
  for (std::uint32_t i = 0; i < tokens_->size(); ++i) {
    const char c = tokens_->first(i);
    if (c == '{' || c == '[') {
      const bool is_member = i > 1 && tokens_->first(i - 1) == ':';
      const bool is_contained =
          (!open.empty() && open.back().is_contained) ||
          (is_member && is_key(*this, tokens_->raw_string(i - 2), "contained"));
      open.push_back({i, is_contained, i == 0});
      if (i == 0) parts_.push_back({0, 0, false});
    } else if ((c == '}' || c == ']') && !open.empty()) {
      open.pop_back();
    } else if (c == '"' && !open.empty() && !open.back().is_resource && i + 1 < tokens_->size() &&
               tokens_->first(i + 1) == ':' &&
               is_key(*this, tokens_->raw_string(i), "resourceType")) {
      open.back().is_resource = true;
      parts_.push_back({open.back().token, 0, open.back().is_contained});
    }
  }
  std::sort(parts_.begin(), parts_.end(),
            [](const Part& a, const Part& b) { return a.begin < b.begin; });
  std::vector<std::uint32_t> around;
  for (std::uint32_t i = 0; i < parts_.size(); ++i) {
    while (!around.empty() && behind_[parts_[around.back()].begin] <= parts_[i].begin)
      around.pop_back();
    parts_[i].around = around.empty() ? 0 : around.back();
    around.push_back(i);
  }
}

std::uint32_t Document::resource_around(std::uint32_t token, bool with_contained) const {
  if (token == 0) return 0;
  if (parts_.empty()) find_parts();
  const auto next =
      std::upper_bound(parts_.begin(), parts_.end(), token,
                       [](std::uint32_t of, const Part& part) { return of < part.begin; });
  auto at = static_cast<std::size_t>(next - parts_.begin());
  if (at > 0) --at;
  while (at != 0 &&
         (behind_[parts_[at].begin] <= token || (!with_contained && parts_[at].is_contained)))
    at = parts_[at].around;
  return parts_.empty() ? 0 : parts_[at].begin;
}

bool is_object(const Node& node) {
  return node.value != Node::kNone && node.document->tokens().first(node.value) == '{';
}

std::size_t append_children(const Node& node, std::string_view name, const ElementRow* row,
                            Collection& out) {
  return append_selected(node, name, row, out);
}

std::size_t append_children(const Node& node, std::string_view name, const ElementRow* row,
                            std::vector<Node>& out) {
  return append_selected(node, name, row, out);
}

void append_all_children(const Node& node, Collection& out) {
  if (!is_object(node)) {
    if (const auto beside = companion_of(node)) append_all_children(*beside, out);
    return;
  }
  const Members members(*node.document, node.value);
  for (const auto& member : members.all()) {
    if (member.name.starts_with('_')) {
      const std::string plain = member.name.substr(1);
      if (members.find(plain) == Node::kNone)
        append_member(node, plain, Node::kNone, member.value, out);
    } else if (member.name != "resourceType") {
      append_member(node, member.name, member.value, members.companion_of(member.name), out);
    }
  }
}

std::uint32_t find_member(const Document& document, std::uint32_t object, std::string_view name) {
  if (document.tokens().first(object) != '{') return Node::kNone;
  std::uint32_t found = Node::kNone;
  document.each_key(object, [&](std::uint32_t key, std::string_view raw) {
    if (!is_key(document, raw, name)) return false;
    found = key + 2;
    return true;
  });
  return found;
}

std::optional<std::string> member_text(const Node& node, std::string_view name) {
  std::string unescaped;
  const auto text = member_text(node, name, unescaped);
  if (!text) return std::nullopt;
  return unescaped.empty() ? std::string(*text) : std::move(unescaped);
}

std::optional<std::string_view> member_text(const Node& node, std::string_view name,
                                            std::string& unescaped) {
  if (!is_object(node)) return std::nullopt;
  const std::uint32_t member = find_member(*node.document, node.value, name);
  const auto& tokens = node.document->tokens();
  if (member == Node::kNone || tokens.first(member) != '"') return std::nullopt;
  const std::string_view raw = tokens.raw_string(member);
  if (!node.document->has_escapes()) return raw;
  fhir::unescape(raw, unescaped);
  return unescaped;
}

TypeId resource_type_of(const Document& document, std::uint32_t object) {
  return type_of_resource(document, object, system::kAny);
}

Node resource_of(const Node& node, bool with_contained) {
  const Document& document = *node.document;
  const std::uint32_t target = node.value != Node::kNone ? node.value : node.companion;
  const std::uint32_t found = document.resource_around(target, with_contained);
  return found == 0 ? document.root()
                    : Node{&document, found, Node::kNone, resource_type_of(document, found)};
}

}  // namespace sluice::fhirpath
