#include "rest/json_patch.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::rest {
namespace {

using fhir::JsonNode;
using fhir::JsonPointer;
using fhir::JsonTokens;

constexpr std::size_t kOperationsMax = 10000;
constexpr std::size_t kPatchDepthMax = 110;  // a resource's value within an operation
constexpr std::size_t kShownMax = 128;       // of a pointer in a message

std::string shown(std::string_view pointer) {
  return std::string(shortened(pointer, kShownMax)) + (pointer.size() > kShownMax ? "..." : "");
}

std::string text_of(const JsonPointer& steps, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += '/';
    for (const char c : steps[i]) {
      if (c == '~' || c == '/')
        text += c == '~' ? "~0" : "~1";
      else
        text += c;
    }
  }
  return shown(text);
}

}  // namespace

/// Reads the operations of one patch.
class PatchReader {
 public:
  explicit PatchReader(JsonPatch& patch) : patch_(patch), tokens_(*patch.tokens_) {}

  Result<void> read() {
    return fhir::each_element(tokens_, 0, [&](std::size_t token) -> Result<void> {
      if (patch_.operations_.size() == kOperationsMax)
        return Error{ErrorKind::kTooLarge,
                     fmt::format("a patch has at most {} operations", kOperationsMax)};
      auto operation = operation_at(token);
      if (!operation)
        return invalid(
            fmt::format("operation {}: {}", patch_.operations_.size(), operation.error().message));
      patch_.operations_.push_back(std::move(*operation));
      return {};
    });
  }

 private:
  using Kind = JsonPatch::Kind;

  struct Members {
    std::size_t op = 0;  // tokens of the values; 0: not there
    std::size_t path = 0;
    std::size_t from = 0;
    std::size_t value = 0;
  };

  Result<Members> members_at(std::size_t object) const {
    if (tokens_.first(object) != '{') return invalid("not an object");
    Members members;
    SLUICE_RETURN_IF_ERROR(
        fhir::each_member(tokens_, object, [&](std::size_t key, std::size_t value) -> Result<void> {
          const std::string name = fhir::unescape(tokens_.raw_string(key));
          std::size_t* const member = name == "op"      ? &members.op
                                      : name == "path"  ? &members.path
                                      : name == "from"  ? &members.from
                                      : name == "value" ? &members.value
                                                        : nullptr;
          if (member == nullptr) return {};
          if (*member != 0) return invalid(fmt::format("'{}' stands twice", name));
          *member = value;
          return {};
        }));
    return members;
  }

  Result<std::string> string_at(std::size_t token, std::string_view name) const {
    if (token == 0) return invalid(fmt::format("'{}' is missing", name));
    if (tokens_.first(token) != '"') return invalid(fmt::format("'{}' is not a string", name));
    return fhir::unescape(tokens_.raw_string(token));
  }

  Result<JsonPointer> pointer_at(std::size_t token, std::string_view name) const {
    SLUICE_ASSIGN_OR_RETURN(const std::string text, string_at(token, name));
    auto pointer = fhir::parse_json_pointer(text);
    if (!pointer)
      return invalid(fmt::format("'{}' '{}' {}", name, shown(text), pointer.error().message));
    return pointer;
  }

  Result<JsonPatch::Operation> operation_at(std::size_t object) const {
    constexpr std::string_view kNames[] = {"add", "remove", "replace", "move", "copy", "test"};
    SLUICE_ASSIGN_OR_RETURN(const Members members, members_at(object));
    SLUICE_ASSIGN_OR_RETURN(const std::string op, string_at(members.op, "op"));
    const auto* const name = std::find(std::begin(kNames), std::end(kNames), op);
    if (name == std::end(kNames))
      return invalid(
          fmt::format("op '{}' is none of add, remove, replace, move, copy and test", shown(op)));
    JsonPatch::Operation operation;
    operation.kind = static_cast<Kind>(name - std::begin(kNames));
    SLUICE_ASSIGN_OR_RETURN(operation.path, pointer_at(members.path, "path"));
    operation.name = fmt::format("operation {} ({} '{}')", patch_.operations_.size(), op,
                                 text_of(operation.path, operation.path.size()));
    if (operation.kind == Kind::kMove || operation.kind == Kind::kCopy) {
      SLUICE_ASSIGN_OR_RETURN(operation.from, pointer_at(members.from, "from"));
    }
    operation.value = members.value;
    const bool needs_value = operation.kind == Kind::kAdd || operation.kind == Kind::kReplace ||
                             operation.kind == Kind::kTest;
    if (needs_value && members.value == 0) return invalid("'value' is missing");
    return operation;
  }

  JsonPatch& patch_;
  const JsonTokens& tokens_;
};

/// The operations, done one after the other on one text.
class PatchRun {
 public:
  PatchRun(const JsonPatch& patch, const JsonTokens& text, const PatchLimits& limits)
      : patch_(patch),
        limits_(limits),
        root_(text, 0),
        // Enough for any patch that was written for the text, but not for rewriting it again and
        // again.
        effort_left_(std::max<std::size_t>(kEffortMin, kEffortFactor * text.text().size())) {}

  Result<std::string> run() {
    for (const auto& operation : patch_.operations_) {
      auto done = perform(operation);
      if (!done) {
        Error error = std::move(done).error();
        error.message = fmt::format("{}: {}", operation.name, error.message);
        return error;
      }
    }
    std::string out;
    root_.append_to(out);
    return out;
  }

 private:
  using Kind = JsonPatch::Kind;
  using Operation = JsonPatch::Operation;
  static constexpr std::size_t kEffortMin = 64u << 20;  // in bytes and values that are gone over
  static constexpr std::size_t kEffortFactor = 16;

  static Error failed(std::string message) {
    return {ErrorKind::kUnprocessable, std::move(message)};
  }

  Result<void> spend(std::size_t effort) {
    if (effort > effort_left_)
      return Error{ErrorKind::kTooLarge, "the patch takes too much work for what it changes"};
    effort_left_ -= effort;
    return {};
  }

  Result<void> open(JsonNode& node) {
    SLUICE_RETURN_IF_ERROR(spend(node.bytes_to_open() + 1));
    node.open();
    return {};
  }

  Error missing(const JsonPointer& path, std::size_t steps) const {
    return failed(fmt::format("there is no '{}'", text_of(path, steps)));
  }

  /// The child of `parent` that the last of the first `steps` steps of `path` names.
  Result<std::size_t> child_at(JsonNode& parent, const JsonPointer& path, std::size_t steps) {
    SLUICE_RETURN_IF_ERROR(open(parent));
    const std::string& step = path[steps - 1];
    if (parent.is_object()) {
      SLUICE_RETURN_IF_ERROR(spend(parent.child_count()));
      const auto found = parent.find(step);
      if (!found) return missing(path, steps);
      return *found;
    }
    if (!parent.is_array()) return missing(path, steps);
    const auto index = fhir::array_index(step);
    if (!index && step != "-")
      return failed(fmt::format("'{}' is not an index of an array", text_of(path, steps)));
    if (!index || *index >= parent.child_count()) return missing(path, steps);
    return *index;
  }

  /// The value at the first `steps` steps of `path`; `changes`: it is about to be changed.
  Result<JsonNode*> node_at(const JsonPointer& path, std::size_t steps, bool changes) {
    JsonNode* node = &root_;
    for (std::size_t i = 0; i < steps; ++i) {
      SLUICE_ASSIGN_OR_RETURN(const std::size_t child, child_at(*node, path, i + 1));
      if (changes) node->set_changed();
      node = &node->child(child);
    }
    return node;
  }

  /// Something of that depth is put at `path`: counted, and not too deep.
  Result<void> admit(const JsonPointer& path, const JsonNode& value, bool is_new) {
    const auto extent = value.extent();
    SLUICE_RETURN_IF_ERROR(spend(extent.bytes));
    if (path.size() + extent.depth > limits_.depth_max)
      return failed(fmt::format("nested more than {} levels deep", limits_.depth_max));
    if (!is_new) return {};
    added_ += extent.bytes;
    if (added_ <= limits_.added_max) return {};
    return Error{ErrorKind::kTooLarge,
                 fmt::format("the patch adds more than {} bytes", limits_.added_max)};
  }

  Result<void> perform(const Operation& operation) {
    switch (operation.kind) {
      case Kind::kAdd: {
        JsonNode value(*patch_.tokens_, operation.value);
        SLUICE_RETURN_IF_ERROR(admit(operation.path, value, true));
        return put(operation.path, std::move(value));
      }
      case Kind::kRemove: {
        SLUICE_RETURN_IF_ERROR(take(operation.path));
        return {};
      }
      case Kind::kReplace:
        return replace(operation);
      case Kind::kMove:
        return move(operation);
      case Kind::kCopy: {
        SLUICE_ASSIGN_OR_RETURN(const JsonNode* const from,
                                node_at(operation.from, operation.from.size(), false));
        SLUICE_RETURN_IF_ERROR(admit(operation.path, *from, true));
        return put(operation.path, from->clone());
      }
      case Kind::kTest:
        return test(operation);
    }
    return {};
  }

  Result<void> put(const JsonPointer& path, JsonNode value) {
    if (path.empty()) {
      root_ = std::move(value);
      return {};
    }
    SLUICE_ASSIGN_OR_RETURN(JsonNode* const parent, node_at(path, path.size() - 1, true));
    SLUICE_RETURN_IF_ERROR(open(*parent));
    const std::string& step = path.back();
    if (parent->is_array()) {
      const auto index = step == "-" ? parent->child_count() : fhir::array_index(step);
      if (!index)
        return failed(fmt::format("'{}' is not an index of an array", text_of(path, path.size())));
      if (*index > parent->child_count())
        return failed(fmt::format("the array ends before '{}'", text_of(path, path.size())));
      SLUICE_RETURN_IF_ERROR(spend(parent->child_count() - *index));
      parent->insert_element(*index, std::move(value));
      return {};
    }
    if (!parent->is_object()) return missing(path, path.size());
    SLUICE_RETURN_IF_ERROR(spend(parent->child_count()));
    if (const auto found = parent->find(step)) {
      parent->child(*found) = std::move(value);
      parent->set_changed();
    } else {
      parent->add_member(keys_.emplace_back(fhir::escape(step)), std::move(value));
    }
    return {};
  }

  Result<JsonNode> take(const JsonPointer& path) {
    if (path.empty()) return failed("the whole resource cannot be taken away");
    SLUICE_ASSIGN_OR_RETURN(JsonNode* const parent, node_at(path, path.size() - 1, true));
    SLUICE_ASSIGN_OR_RETURN(const std::size_t child, child_at(*parent, path, path.size()));
    SLUICE_RETURN_IF_ERROR(spend(parent->child_count() - child));
    return parent->take_child(child);
  }

  Result<void> replace(const Operation& operation) {
    JsonNode value(*patch_.tokens_, operation.value);
    SLUICE_ASSIGN_OR_RETURN(const JsonNode* const old,
                            node_at(operation.path, operation.path.size(), false));
    SLUICE_RETURN_IF_ERROR(admit(operation.path, value, true));
    // What is the same stays as it is, bytes and all: then there is no new version.
    SLUICE_RETURN_IF_ERROR(spend(old->extent().bytes));
    if (old->is_same_text(value)) return {};
    SLUICE_ASSIGN_OR_RETURN(JsonNode* const place,
                            node_at(operation.path, operation.path.size(), true));
    *place = std::move(value);
    return {};
  }

  Result<void> move(const Operation& operation) {
    const auto& from = operation.from;
    const auto& path = operation.path;
    if (from == path) {
      SLUICE_RETURN_IF_ERROR(node_at(from, from.size(), false));
      return {};
    }
    if (from.size() < path.size() && std::equal(from.begin(), from.end(), path.begin()))
      return failed("a value cannot be moved into itself");
    SLUICE_ASSIGN_OR_RETURN(JsonNode value, take(from));
    SLUICE_RETURN_IF_ERROR(admit(path, value, false));
    return put(path, std::move(value));
  }

  Result<void> test(const Operation& operation) {
    const JsonNode value(*patch_.tokens_, operation.value);
    SLUICE_ASSIGN_OR_RETURN(const JsonNode* const found,
                            node_at(operation.path, operation.path.size(), false));
    SLUICE_RETURN_IF_ERROR(spend(value.extent().bytes));
    SLUICE_RETURN_IF_ERROR(spend(found->extent().bytes));
    if (same_value(*found, value)) return {};
    return failed("the test failed: there is another value");
  }

  const JsonPatch& patch_;
  const PatchLimits& limits_;
  JsonNode root_;
  std::deque<std::string> keys_;  // of new members; a deque: nodes have views of them
  std::size_t effort_left_;
  std::size_t added_ = 0;
};

Result<JsonPatch> JsonPatch::parse(std::string_view text) {
  JsonPatch patch;
  patch.tokens_ = std::make_unique<JsonTokens>();
  const auto fails = [](const Error& error) {
    return Error{error.kind, "the patch: " + error.message};
  };
  if (auto tokens = patch.tokens_->read(text); !tokens) return fails(tokens.error());
  if (auto checked = fhir::check_json_array(*patch.tokens_, kPatchDepthMax); !checked)
    return fails(checked.error());
  SLUICE_RETURN_IF_ERROR(PatchReader(patch).read());
  return patch;
}

Result<std::string> JsonPatch::apply(std::string_view json, const PatchLimits& limits) const {
  JsonTokens tokens;
  if (!tokens.read(json) || !fhir::check_json_object(tokens, limits.depth_max))
    return corrupt("what is to be patched is not JSON");
  return PatchRun(*this, tokens, limits).run();
}

}  // namespace sluice::rest
