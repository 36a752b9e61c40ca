// A JSON value that can be changed in parts. Unchanged values are references into the text, so that
// they keep every byte: the digits of numbers, escapes, white space.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/json_tokens.h"

namespace sluice::fhir {

/// A value in a checked text, which must outlive it. Opening an object or array makes nodes of its
/// members or elements. Not thread-safe.
class JsonNode {
 public:
  /// The value that begins with token `token`.
  JsonNode(const JsonTokens& tokens, std::size_t token)
      : tokens_(&tokens), token_(static_cast<std::uint32_t>(token)) {}
  JsonNode clone() const;

  bool is_object() const { return tokens_->first(token_) == '{'; }
  bool is_array() const { return tokens_->first(token_) == '['; }
  bool is_container() const { return is_object() || is_array(); }

  /// How many bytes open() would go over; 0 for what is open.
  std::size_t bytes_to_open() const;
  /// Does nothing to what is open or no container. What follows needs an open container.
  void open();

  std::size_t child_count() const { return opened_->children.size(); }
  JsonNode& child(std::size_t at) { return opened_->children[at]; }
  const JsonNode& child(std::size_t at) const { return opened_->children[at]; }
  /// The number of an object's member.
  std::optional<std::size_t> find(std::string_view key) const;

  /// Marks this value to be written again from its children. Code that changes a node must mark all
  /// its ancestors.
  void set_changed() { opened_->changed = true; }
  void insert_element(std::size_t at, JsonNode value);
  /// `raw_key`: the bytes between the quotes; must outlive the node.
  void add_member(std::string_view raw_key, JsonNode value);
  JsonNode take_child(std::size_t at);

  /// Appends the value's text.
  void append_to(std::string& out) const;

  struct Extent {
    std::size_t bytes = 0;
    std::size_t depth = 0;  ///< 0 for a scalar, 1 for {}
  };
  /// About how long the text is, and how deep its containers are nested.
  Extent extent() const;

  /// Whether both texts are the same, byte by byte.
  bool is_same_text(const JsonNode& other) const;
  /// Whether two values mean the same: numbers by their value, strings by their characters, members
  /// in any order (RFC 6902 section 4.6).
  friend bool same_value(const JsonNode& a, const JsonNode& b);

 private:
  struct Opened {
    bool changed = false;
    std::vector<std::string_view> raw_keys;  // of an object's members
    std::vector<JsonNode> children;
  };

  bool is_as_in_text() const { return opened_ == nullptr || !opened_->changed; }
  std::string_view text() const;
  /// This node, or an open copy of it in `copy`: looking must not change it.
  const JsonNode& opened(std::optional<JsonNode>& copy) const;
  std::vector<std::pair<std::string, std::size_t>> sorted_keys() const;

  const JsonTokens* tokens_;
  std::uint32_t token_;
  std::unique_ptr<Opened> opened_;
};

}  // namespace sluice::fhir
