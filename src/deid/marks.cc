// Rules whose paths are expressions: evaluated before a resource is walked, their results are marks
// on its tokens.
#include <algorithm>

#include "deid/walker.h"
#include "json/json_check.h"

namespace sluice::deid {

using fhirpath::Node;
using fhirpath::TypeId;

namespace {

constexpr std::size_t kNone = 0;

}  // namespace

void Walker::find_marks() {
  mark_resource(0);
  std::sort(marks_.begin(), marks_.end());
}

/// A resource by itself: those within it are visited apart.
void Walker::mark_resource(std::size_t token) {
  if (tokens_->first(token) != '{') return;
  const TypeId type = fhirpath::resource_type_of(document(), static_cast<std::uint32_t>(token));
  const Node node{&document(), static_cast<std::uint32_t>(token), Node::kNone, type};
  for (const auto& rule : program_.expressions()) {
    const Branch& branch = *rule.branch;
    const bool is_meant =
        branch.head == Head::kResource
            ? branch.type == fhirpath::system::kAny || fhirpath::is_a(type, branch.type)
            : branch.head == Head::kByType && branch.type == type;
    if (is_meant) mark(rule, node);
  }
  mark_members(token, program_.at(program_.root(type)));
}

void Walker::mark_members(std::size_t token, const Place& place) {
  for (std::size_t key = token + 1; tokens_->first(key) == '"' && !error_;) {
    const std::string_view name = name_of(key);
    const std::size_t value = key + 2;
    if (!name.starts_with('_')) {
      const std::size_t beside = find_key(token, "_" + std::string(name));
      mark_in(value, beside == kNone ? kNone : beside + 2, program_.step(place, name), name,
              &place);
    } else if (find_key(token, name.substr(1)) == kNone) {
      mark_in(kNone, value, program_.step(place, name.substr(1)), name.substr(1), &place);
    }
    const std::size_t behind = tokens_->behind(value);
    if (tokens_->first(behind) != ',') break;
    key = behind + 1;
  }
}

/// An element: its value, what is beside it, and what is in both.
void Walker::mark_in(std::size_t token, std::size_t companion, PlaceId id, std::string_view name,
                     const Place* parent) {
  const std::size_t here = token != kNone ? token : companion;
  const Place& place = program_.at(id);
  if (tokens_->first(here) == '[') {
    std::size_t beside = token != kNone && companion != kNone && tokens_->first(companion) == '['
                             ? companion + 1
                             : kNone;
    for (std::size_t item = here + 1; tokens_->first(item) != ']' && !error_;) {
      const bool is_there = beside != kNone && tokens_->first(beside) != ']';
      if (token != kNone)
        mark_in(item, is_there ? beside : kNone, id, name, parent);
      else
        mark_in(kNone, item, id, name, parent);
      if (is_there) {
        const std::size_t next = tokens_->behind(beside);
        beside = tokens_->first(next) == ',' ? next + 1 : next;
      }
      const std::size_t behind = tokens_->behind(item);
      if (tokens_->first(behind) != ',') break;
      item = behind + 1;
    }
    return;
  }
  if (place.part == Part::kResource) return mark_resource(here);
  const auto number = [](std::size_t at) {
    return at == kNone ? Node::kNone : static_cast<std::uint32_t>(at);
  };
  const Node node{&document(), number(token), number(companion), place.type};
  for (const auto& rule : program_.expressions()) {
    const Branch& branch = *rule.branch;
    if (branch.head == Head::kByType && branch.type == type_for_lookup(place.type))
      mark(rule, node);
    if (branch.head != Head::kByName) continue;
    const auto* row = fhirpath::find_element(parent->type, branch.name);
    if (name == branch.name || (row != nullptr && row->is_choice && name.starts_with(branch.name)))
      mark(rule, node);
  }
  for (const std::size_t at : {token, companion})
    if (at != kNone && tokens_->first(at) == '{') mark_members(at, place);
}

void Walker::mark(const ExpressionRule& rule, const Node& node) {
  const auto found = evaluation_.evaluate(*rule.branch->expression, fhirpath::Value(node));
  if (!found) {
    fail(rule.rule, "the path cannot be evaluated on a resource");
    return;
  }
  for (const auto& value : *found) {
    const Node* element = value.node();
    if (element == nullptr || element->document != &document()) {
      fail(rule.rule, "the path gives a value that is no element");
      return;
    }
    for (const std::uint32_t token : {element->value, element->companion})
      if (token != Node::kNone) marks_.emplace_back(token, rule.rule);
  }
}

/// The first rule that marks a token.
RuleId Walker::marked(std::size_t token) const {
  const auto found = std::lower_bound(marks_.begin(), marks_.end(), std::pair(token, RuleId{0}));
  return found != marks_.end() && found->first == token ? found->second : kNoRule;
}

Walker::Flow Walker::with_mark(Flow flow, std::size_t token) const {
  if (!flow.is_forced && !marks_.empty()) flow.rule = std::min(flow.rule, marked(token));
  return flow;
}

}  // namespace sluice::deid
