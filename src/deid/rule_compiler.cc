// Rules of the published language become a program: a trie of their paths, and its product with
// R4's types.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "deid/program.h"

namespace sluice::deid {

using fhirpath::TypeId;
using fhirpath::TypeKind;
namespace system = fhirpath::system;

class RuleCompiler {
 public:
  explicit RuleCompiler(RuleSet rules) : program_(std::make_shared<Program>()) {
    program_->rules_ = std::move(rules);
  }

  Result<std::shared_ptr<const Program>> run() {
    SLUICE_RETURN_IF_ERROR(read_rules());
    const auto count = fhirpath::type_count();
    program_->roots_.assign(count, kNowhere);
    for (TypeId type = 0; type < count; ++type)
      if (type == system::kAny || fhirpath::row_of(type).kind == TypeKind::kResource)
        program_->roots_[type] = root(type);
    while (next_ < keys_.size()) {
      if (keys_.size() > Program::kPlacesMax)
        return Error{ErrorKind::kTooLarge, "the rules are too many for one program"};
      expand(static_cast<PlaceId>(next_++));
    }
    program_->finish();
    return std::shared_ptr<const Program>(program_);
  }

 private:
  using State = std::uint32_t;
  using States = std::vector<State>;

  /// A place of the trie.
  struct TrieNode {
    std::map<std::string, State, std::less<>> names;
    std::map<TypeId, State> types;
    RuleId rule = kNoRule;
  };
  /// What makes two places the same.
  struct Key {
    TypeId type;
    Part part;
    RuleId rule;
    States states;
    bool operator<(const Key& other) const {
      return std::tie(type, part, rule, states) <
             std::tie(other.type, other.part, other.rule, other.states);
    }
  };

  // ---- the trie ----

  Result<void> read_rules() {
    program_->replacements_.resize(program_->rules_.rules.size());
    for (std::size_t i = 0; i < program_->rules_.rules.size(); ++i) {
      const Rule& rule = program_->rules_.rules[i];
      const auto id = static_cast<RuleId>(i);
      if (rule.method == Method::kSubstitute) {
        program_->replacements_[i] = std::make_unique<fhir::JsonTokens>();
        SLUICE_RETURN_IF_ERROR(program_->replacements_[i]->read(rule.replace_with));
      }
      for (const Branch& branch : rule.branches) {
        if (branch.expression) {
          program_->expressions_.push_back({id, &branch});
          continue;
        }
        if (branch.steps.empty() && rule.method == Method::kSubstitute &&
            fhirpath::row_of(branch.type).kind == TypeKind::kResource)
          return Error{ErrorKind::kUnsupported,
                       fmt::format("fhirPathRules[{}]: substitute takes no whole resource", i)};
        TrieNode* node = &trie_[head(branch)];
        for (const auto& step : branch.steps) node = &trie_[below(node, step)];
        node->rule = std::min(node->rule, id);
      }
    }
    return {};
  }

  State add_node() {
    trie_.emplace_back();
    return static_cast<State>(trie_.size() - 1);
  }

  template <class Map, class Name>
  State entry(Map& map, const Name& name) {
    if (const auto found = map.find(name); found != map.end()) return found->second;
    const State added = add_node();
    map.emplace(name, added);
    return added;
  }

  State head(const Branch& branch) {
    if (branch.head == Head::kByType) return entry(by_type_, branch.type);
    if (branch.head == Head::kByName) return entry(by_name_, branch.name);
    return entry(by_resource_, branch.type);
  }

  State below(TrieNode* node, const PathStep& step) {
    // A deque: nodes stay where they are.
    return step.name.empty() ? entry(node->types, step.type) : entry(node->names, step.name);
  }

  // ---- the product ----

  /// Adds what a step to a type leads to, from any of the states.
  void close(States& states, TypeId type) {
    for (std::size_t i = 0; i < states.size(); ++i)
      for (const auto& [wanted, state] : trie_[states[i]].types)
        if (fhirpath::is_a(type, wanted)) states.push_back(state);
    std::sort(states.begin(), states.end());
    states.erase(std::unique(states.begin(), states.end()), states.end());
  }

  RuleId rule_of(const States& states) const {
    RuleId rule = kNoRule;
    for (const State state : states) rule = std::min(rule, trie_[state].rule);
    return rule;
  }

  PlaceId place(TypeId type, Part part, RuleId inherited, States states) {
    close(states, type);
    const RuleId rule = std::min(inherited, rule_of(states));
    // Of a state that leads nowhere only its rule counts.
    std::erase_if(states, [&](State state) {
      return trie_[state].names.empty() && trie_[state].types.empty();
    });
    Key key{type, part, rule, std::move(states)};
    const auto found = numbers_.find(key);
    if (found != numbers_.end()) return found->second;
    const auto number = static_cast<PlaceId>(keys_.size());
    numbers_.emplace(key, number);
    keys_.push_back(std::move(key));
    Place added;
    added.type = type;
    added.part = part;
    added.rule = rule;
    program_->places_.push_back(std::move(added));
    return number;
  }

  PlaceId root(TypeId type) {
    States states;
    for (const auto& [wanted, state] : by_resource_)
      if (wanted == system::kAny || fhirpath::is_a(type, wanted)) states.push_back(state);
    if (const auto found = by_type_.find(type); found != by_type_.end())
      states.push_back(found->second);
    return place(type, Part::kAny, kNoRule, std::move(states));
  }

  static Part part_of(TypeId parent, std::string_view name) {
    if (name == "postalCode") return Part::kPostalCode;
    if (parent == fhirpath::known_types().reference && name == "reference") return Part::kReference;
    static const TypeId age = *fhirpath::find_fhir_type("Age");
    return parent == age && name == "value" ? Part::kAgeValue : Part::kAny;
  }

  /// The place of an element. `key` is its name in JSON, which for a choice has the type.
  PlaceId element(const Key& parent, std::string_view name, std::string_view key, TypeId type) {
    States states;
    for (const State state : parent.states) {
      const auto& names = trie_[state].names;
      if (const auto found = names.find(name); found != names.end())
        states.push_back(found->second);
      if (const auto found = names.find(key); key != name && found != names.end())
        states.push_back(found->second);
    }
    if (const auto found = by_type_.find(lookup(parent.type, name, type)); found != by_type_.end())
      states.push_back(found->second);
    for (const auto each : {name, key})
      if (const auto found = by_name_.find(each); found != by_name_.end())
        states.push_back(found->second);
    const auto& known = fhirpath::known_types();
    // A resource within another has rules of its own, unless the element itself is named.
    if (type == known.resource || type == known.domain_resource) {
      close(states, type);
      return place(known.resource, Part::kResource, rule_of(states), {});
    }
    return place(type, part_of(parent.type, name), parent.rule, std::move(states));
  }

  /// Ids and Extension.url have types of System in R4's definitions.
  static TypeId lookup(TypeId parent, std::string_view name, TypeId type) {
    if (type != system::kString) return type_for_lookup(type);
    static const TypeId id = *fhirpath::find_fhir_type("id");
    static const TypeId uri = *fhirpath::find_fhir_type("uri");
    if (name == "url") return uri;
    return fhirpath::row_of(parent).kind == TypeKind::kResource ? id
                                                                : fhirpath::known_types().string;
  }

  void add_edge(PlaceId from, std::string_view name, PlaceId to) {
    program_->places_[from].edges.push_back({name, to});
  }

  std::string_view keep(std::string name) {
    const auto known = kept_.find(name);
    if (known != kept_.end()) return known->second;
    program_->names_.push_back(std::move(name));
    kept_.emplace(program_->names_.back(), program_->names_.back());
    return program_->names_.back();
  }

  void expand(PlaceId number) {
    const Key key = keys_[number];
    if (key.part == Part::kResource) return;
    const auto elements = key.type == system::kAny || fhirpath::is_system(key.type)
                              ? std::span<const fhirpath::ElementRow>()
                              : fhirpath::row_of(key.type).elements();
    for (const auto& row : elements) {
      for (const TypeId type : row.types()) {
        std::string_view name = row.name;
        if (row.is_choice) {
          std::string whole(row.name);
          whole += fhirpath::row_of(type).name;
          if (auto& first = whole[row.name.size()]; first >= 'a' && first <= 'z')
            first = static_cast<char>(first - 32);
          name = keep(std::move(whole));
        }
        add_edge(number, name, element(key, row.name, name, type));
      }
    }
    expand_unknown(number, key, elements);
  }

  /// Members that R4 does not have, by the names that rules have for them, and all others.
  void expand_unknown(PlaceId number, const Key& key,
                      std::span<const fhirpath::ElementRow> elements) {
    std::vector<std::string_view> names;
    for (const State state : key.states)
      for (const auto& [name, below] : trie_[state].names) names.push_back(name);
    for (const auto& [name, below] : by_name_) names.push_back(name);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    for (const auto name : names) {
      const auto& edges = program_->places_[number].edges;
      const bool known =
          std::any_of(elements.begin(), elements.end(),
                      [&](const auto& row) { return row.name == name && !row.is_choice; }) ||
          std::any_of(edges.begin(), edges.end(),
                      [&](const Edge& edge) { return edge.name == name; });
      if (!known) add_edge(number, keep(std::string(name)), element(key, name, name, system::kAny));
    }
    const PlaceId others = place(system::kAny, Part::kAny, key.rule, {});
    program_->places_[number].others = others;
  }

  std::shared_ptr<Program> program_;
  std::deque<TrieNode> trie_;
  std::map<TypeId, State> by_resource_;
  std::map<TypeId, State> by_type_;
  std::map<std::string, State, std::less<>> by_name_;
  std::map<Key, PlaceId> numbers_;
  std::vector<Key> keys_;
  std::size_t next_ = 0;
  std::map<std::string, std::string_view, std::less<>> kept_;
};

Result<std::shared_ptr<const Program>> Program::compile(RuleSet rules) {
  return RuleCompiler(std::move(rules)).run();
}

}  // namespace sluice::deid
