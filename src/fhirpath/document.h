// A resource as nodes: the tokens of its JSON, and the steps from a node to what it contains.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fhirpath/value.h"
#include "json/json_tokens.h"

namespace sluice::fhirpath {

/// The tokens must be those of a checked JSON object and outlive the document; so must the
/// document its nodes. Not to be moved while there are nodes.
class Document {
 public:
  /// For read().
  Document() = default;
  explicit Document(const fhir::JsonTokens& tokens) { read(tokens); }
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  /// Makes it the document of other tokens, and uses its memory again; the nodes of those before
  /// are no more.
  void read(const fhir::JsonTokens& tokens);

  const fhir::JsonTokens& tokens() const { return *tokens_; }
  /// Of the type that `resourceType` names, kAny for one that R4 does not have.
  Node root() const { return {this, 0, Node::kNone, root_type_}; }
  /// The token behind the value that begins with `token`; in constant time.
  std::size_t behind(std::size_t token) const {
    const char c = tokens_->first(token);
    return c == '{' || c == '[' ? behind_[token] : token + 1;
  }
  /// The value's text.
  std::string_view text_of(std::size_t token) const;
  /// The same without white space between its tokens, so that it is one line.
  void append_compact(std::size_t token, std::string& out) const;
  /// The token of the innermost resource that contains the token, or begins there.
  /// `with_contained`: one in `contained` counts; else the resource that contains that. The first
  /// call walks all tokens. One thread at a time.
  std::uint32_t resource_around(std::uint32_t token, bool with_contained) const;
  /// False: no string of the text has a backslash, each means its bytes.
  bool has_escapes() const { return has_escapes_; }
  /// False: no key begins with "_", no primitive has an id or extensions.
  bool has_companions() const { return has_companions_; }

  /// Calls `visit(key token, bytes of the key)` for each member of the object that begins with
  /// token `object`, until it returns true. Those of the resource itself were found by read(), for
  /// most expressions begin there.
  template <class Visit>
  void each_key(std::uint32_t object, const Visit& visit) const {
    if (object != 0) return walk_keys(object, visit);
    for (const auto& key : root_keys_)
      if (visit(key.token, key.name)) return;
  }

 private:
  struct Key {
    std::uint32_t token;
    std::string_view name;
  };
  template <class Visit>
  void walk_keys(std::uint32_t object, const Visit& visit) const {
    for (std::uint32_t key = object + 1; tokens_->first(key) == '"';) {
      if (visit(key, tokens_->raw_string(key))) return;
      const auto behind = static_cast<std::uint32_t>(this->behind(key + 2));
      if (tokens_->first(behind) != ',') return;
      key = behind + 1;
    }
  }

  struct Part {
    std::uint32_t begin;
    std::uint32_t around;  ///< of the parts, that which contains this one
    bool is_contained;
  };
  void find_parts() const;

  const fhir::JsonTokens* tokens_ = nullptr;
  std::vector<std::uint32_t> behind_;  // of brackets that open; nothing is known of others
  std::vector<std::uint32_t> open_;
  std::vector<Key> root_keys_;
  TypeId root_type_ = system::kAny;
  bool has_escapes_ = false;
  bool has_companions_ = false;
  /// The resources in the order of their begin, the root first; empty: not looked for yet.
  mutable std::vector<Part> parts_;
};

/// Appends the children of `node` that `name` selects. `row`: the element of the node's type, null
/// for what the table does not know; then a member of this name is taken as it is. Returns how many
/// members it looked at.
std::size_t append_children(const Node& node, std::string_view name, const ElementRow* row,
                            Collection& out);
/// The same for steps between: nodes cost less than values.
std::size_t append_children(const Node& node, std::string_view name, const ElementRow* row,
                            std::vector<Node>& out);
/// Appends all children.
void append_all_children(const Node& node, Collection& out);

/// The token of the member `name`, Node::kNone if there is none.
std::uint32_t find_member(const Document& document, std::uint32_t object, std::string_view name);
/// A string member's meaning.
std::optional<std::string> member_text(const Node& node, std::string_view name);
/// The same without a copy: a view into the document, or into `unescaped`.
std::optional<std::string_view> member_text(const Node& node, std::string_view name,
                                            std::string& unescaped);
/// The type that an object's `resourceType` names; kAny for none that R4 has.
TypeId resource_type_of(const Document& document, std::uint32_t object);
bool is_object(const Node& node);
/// The innermost resource that contains the node, or is it. `with_contained`: one in `contained`
/// counts; else the resource that contains that.
Node resource_of(const Node& node, bool with_contained);

}  // namespace sluice::fhirpath
