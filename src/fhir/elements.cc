#include "fhir/elements.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "fhir/contained_references.h"
#include "fhir/r4_tables.h"
#include "json/json_check.h"
#include "json/json_tokens.h"
#include "json/json_walk.h"

namespace sluice::fhir {
namespace {

constexpr std::string_view kSubsettedSystem =
    "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
constexpr std::string_view kSubsettedCode = "SUBSETTED";
constexpr std::string_view kSubsettedCoding =
    R"({"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"})";

/// resourceType is a member in JSON but no element; who asks for it gets what he would get anyway.
bool may_be_selected(ResourceType type, std::string_view element) {
  return element == "resourceType" || is_root_element(type, element);
}

/// A set of member names, small and asked often: by length, for lengths nearly tell names apart.
class NameSet {
 public:
  void add(std::string_view name) {
    if (contains(name)) return;
    if (by_length_.size() <= name.size()) by_length_.resize(name.size() + 1);
    by_length_[name.size()].emplace_back(name);
  }
  bool contains(std::string_view name) const {
    if (name.size() >= by_length_.size()) return false;
    const auto& names = by_length_[name.size()];
    return std::find(names.begin(), names.end(), name) != names.end();
  }

 private:
  std::vector<std::vector<std::string>> by_length_;
};

/// Adds the member names that an element has in JSON: its own, or those of a choice's types.
void add_element(NameSet& names, ResourceType type, std::string_view element) {
  if (element.ends_with("[x]")) element.remove_suffix(3);
  for (const r4::RootElement& root : r4::row(type).root_elements) {
    if (root.name == element || root.choice == element) names.add(root.name);
  }
}

}  // namespace

struct ElementsSelection::Impl {
  std::vector<std::string> of_all_types;
  std::vector<std::pair<ResourceType, std::string>> of_one_type;
};

Result<ElementsSelection> ElementsSelection::parse(const std::vector<std::string>& values,
                                                   const std::vector<ResourceType>& types) {
  auto impl = std::make_shared<Impl>();
  for (const std::string& value : values) {
    const std::size_t dot = value.find('.');
    if (dot != std::string::npos) {
      const std::string_view name = std::string_view(value).substr(0, dot);
      const std::string_view element = std::string_view(value).substr(dot + 1);
      const auto type = find_resource_type(name);
      if (!type) {
        return invalid(fmt::format("_elements: '{}' does not begin with a resource type", value));
      }
      if (!may_be_selected(*type, element)) {
        return invalid(fmt::format("_elements: '{}' is not a root element of {}", value, name));
      }
      impl->of_one_type.emplace_back(*type, element);
    } else {
      const bool is_known = std::any_of(types.begin(), types.end(), [&](ResourceType type) {
        return may_be_selected(type, value);
      });
      if (!is_known) {
        return invalid(
            fmt::format("_elements: '{}' is not a root element of any requested type", value));
      }
      impl->of_all_types.push_back(value);
    }
  }
  ElementsSelection selection;
  selection.impl_ = std::move(impl);
  return selection;
}

bool ElementsSelection::applies_to(ResourceType type) const {
  return !impl_->of_all_types.empty() ||
         std::any_of(impl_->of_one_type.begin(), impl_->of_one_type.end(),
                     [&](const auto& of_one) { return of_one.first == type; });
}

struct ElementsProjector::Impl {
  Impl(const ElementsSelection& selection, ResourceType type);
  Impl(Summary summary, ResourceType type);
  void keep_always(ResourceType type);
  Result<void> project(std::string_view line, std::string& out);
  bool is_kept(std::size_t key) const;
  Result<void> append_meta(std::size_t key, std::string& out) const;
  std::size_t tag_of(std::size_t meta) const;
  bool has_subsetted(std::size_t tag) const;

  bool applies;
  bool are_left_out = false;  // the named ones, else the others
  NameSet named;
  JsonTokens tokens;
  JsonTokens projected_tokens;  // of a projection that is read once more
  std::string projected;
};

ElementsProjector::Impl::Impl(const ElementsSelection& selection, ResourceType type)
    : applies(selection.applies_to(type)) {
  keep_always(type);
  for (const std::string& element : selection.impl_->of_all_types)
    add_element(named, type, element);
  for (const auto& [of_type, element] : selection.impl_->of_one_type) {
    if (of_type == type) add_element(named, type, element);
  }
}

ElementsProjector::Impl::Impl(Summary summary, ResourceType type)
    : applies(true), are_left_out(summary == Summary::kData) {
  if (summary == Summary::kData) {
    named.add("text");
    return;
  }
  keep_always(type);
  if (summary == Summary::kText) {
    named.add("text");
    return;
  }
  for (const std::string_view element : r4::row(type).summary) add_element(named, type, element);
}

void ElementsProjector::Impl::keep_always(ResourceType type) {
  // Without the last two, what says that the rest means something else would be gone.
  for (const std::string_view name :
       {"resourceType", "id", "meta", "implicitRules", "modifierExtension"})
    named.add(name);
  for (const std::string_view element : mandatory_root_elements(type)) {
    add_element(named, type, element);
  }
}

bool ElementsProjector::Impl::is_kept(std::size_t key) const {
  std::string_view name = tokens.raw_string(key);
  std::string unescaped;
  if (name.find('\\') != std::string_view::npos) name = unescaped = unescape(name);
  if (name.starts_with('_')) name.remove_prefix(1);
  return named.contains(name) != are_left_out;
}

/// The token of the value of meta.tag; 0 if there is none.
std::size_t ElementsProjector::Impl::tag_of(std::size_t meta) const {
  std::size_t tag = 0;
  (void)each_member(tokens, meta, [&](std::size_t key, std::size_t value) -> Result<void> {
    if (means(tokens.raw_string(key), "tag")) tag = value;
    return {};
  });
  return tag;
}

bool ElementsProjector::Impl::has_subsetted(std::size_t tag) const {
  bool found = false;
  (void)each_element(tokens, tag, [&](std::size_t coding) -> Result<void> {
    if (tokens.first(coding) != '{') return {};
    bool is_system = false;
    bool is_code = false;
    (void)each_member(tokens, coding, [&](std::size_t key, std::size_t value) -> Result<void> {
      if (tokens.first(value) != '"') return {};
      const std::string_view name = tokens.raw_string(key);
      const std::string_view text = tokens.raw_string(value);
      is_system = is_system || (means(name, "system") && means(text, kSubsettedSystem));
      is_code = is_code || (means(name, "code") && means(text, kSubsettedCode));
      return {};
    });
    found = found || (is_system && is_code);
    return {};
  });
  return found;
}

/// The member meta with the tag.
Result<void> ElementsProjector::Impl::append_meta(std::size_t key, std::string& out) const {
  const std::size_t meta = key + 2;
  if (tokens.first(meta) != '{') return corrupt("stored resource: meta is not an object");
  const std::string_view text = tokens.text();
  const std::size_t meta_end = tokens.closing(meta);
  const auto append = [&](std::size_t from, std::size_t to) {
    out.append(text.substr(from, to - from));
  };
  const std::size_t tag = tag_of(meta);
  if (tag == 0) {
    append(tokens.begin(key), tokens.begin(meta_end));
    if (meta_end > meta + 1) out.push_back(',');
    fmt::format_to(std::back_inserter(out), R"("tag":[{}]}})", kSubsettedCoding);
  } else if (tokens.first(tag) != '[') {
    // Not FHIR, but the loader takes it; the mark matters more than what stood there.
    append(tokens.begin(key), tokens.begin(tag));
    fmt::format_to(std::back_inserter(out), "[{}]", kSubsettedCoding);
    append(tokens.end(tokens.behind(tag) - 1), tokens.begin(meta_end) + 1);
  } else if (has_subsetted(tag)) {
    append(tokens.begin(key), tokens.begin(meta_end) + 1);
  } else {
    const std::size_t tag_end = tokens.closing(tag);
    append(tokens.begin(key), tokens.begin(tag_end));
    if (tag_end > tag + 1) out.push_back(',');
    out.append(kSubsettedCoding);
    append(tokens.begin(tag_end), tokens.begin(meta_end) + 1);
  }
  return {};
}

Result<void> ElementsProjector::Impl::project(std::string_view line, std::string& out) {
  if (!applies) {
    out.append(line);
    return {};
  }
  const auto broken = [] { return corrupt("stored resource: not one JSON object"); };
  if (!tokens.read(line) || tokens.size() < 2 || tokens.first(0) != '{') return broken();
  const std::size_t last = tokens.size() - 1;
  if (tokens.first(last) != '}') return broken();
  const std::size_t start = out.size();
  bool has_meta = false;
  bool has_cut_contained = false;
  char before = '{';
  // Only root members are looked at; what is inside them is skipped by counting brackets.
  for (std::size_t key = last == 1 ? 2 : 1; key <= last;) {
    if (key + 3 > last || tokens.first(key) != '"' || tokens.first(key + 1) != ':') return broken();
    const std::size_t behind = tokens.behind(key + 2);
    if (behind > last || tokens.first(behind) != (behind == last ? '}' : ',')) return broken();
    if (is_kept(key)) {
      out.push_back(before);
      before = ',';
      if (means(tokens.raw_string(key), "meta")) {
        has_meta = true;
        SLUICE_RETURN_IF_ERROR(append_meta(key, out));
      } else {
        const std::size_t from = tokens.begin(key);
        out.append(tokens.text().substr(from, tokens.end(behind - 1) - from));
      }
    } else if (means(tokens.raw_string(key), "contained")) {
      has_cut_contained = true;
    }
    key = behind + 1;
  }
  if (!has_meta) {
    out.push_back(before);
    fmt::format_to(std::back_inserter(out), R"("meta":{{"tag":[{}]}})", kSubsettedCoding);
  }
  out.push_back('}');
  if (!has_cut_contained) return {};
  projected.assign(out, start);
  out.resize(start);
  return cut_contained_references(projected, projected_tokens, out);
}

ElementsProjector::ElementsProjector(const ElementsSelection& selection, ResourceType type)
    : impl_(std::make_unique<Impl>(selection, type)) {}
ElementsProjector::ElementsProjector(Summary summary, ResourceType type)
    : impl_(std::make_unique<Impl>(summary, type)) {}
ElementsProjector::~ElementsProjector() = default;
ElementsProjector::ElementsProjector(ElementsProjector&&) noexcept = default;
ElementsProjector& ElementsProjector::operator=(ElementsProjector&&) noexcept = default;

Result<void> ElementsProjector::project(std::string_view line, std::string& out) {
  return impl_->project(line, out);
}

}  // namespace sluice::fhir
