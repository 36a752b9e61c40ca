// The allow-list of our own rule sets, as a program: what it does not name leads nowhere.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "allow_list_text.h"
#include "deid/program.h"
#include "deid/transform.h"

namespace sluice::deid {

using fhirpath::ElementRow;
using fhirpath::TypeId;
using fhirpath::TypeKind;

namespace {

std::string_view cut(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

/// The table is compiled in: a fault in it is ours.
[[noreturn]] void wrong(std::string_view type, std::string_view element, std::string_view why) {
  throw std::logic_error(fmt::format("allow_list.tsv: {}.{}: {}", type, element, why));
}

}  // namespace

class AllowListCompiler {
 public:
  std::shared_ptr<const Program> run() {
    program_->is_allow_list_ = true;
    program_->roots_.assign(fhirpath::type_count(), kNowhere);
    std::string_view text = allow_list_text();
    while (!text.empty()) {
      std::string_view line = cut(text, '\n');
      if (line.empty() || line[0] == '#') continue;
      const std::string_view name = cut(line, '\t');
      const auto type = fhirpath::find_fhir_type(name);
      if (!type) wrong(name, "", "R4 has no such type");
      rows_[*type] = line;
    }
    for (const auto& [type, elements] : rows_)
      if (fhirpath::row_of(type).kind == TypeKind::kResource) program_->roots_[type] = whole(type);
    program_->finish();
    return program_;
  }

 private:
  PlaceId add(TypeId type, Part part) {
    Place place;
    place.type = type;
    place.part = part;
    program_->places_.push_back(std::move(place));
    return static_cast<PlaceId>(program_->places_.size() - 1);
  }

  /// The place of a type with elements; one for each.
  PlaceId whole(TypeId type) {
    if (const auto found = places_.find(type); found != places_.end()) return found->second;
    const auto row = rows_.find(type);
    if (row == rows_.end()) wrong(fhirpath::row_of(type).name, "", "it has no line of its own");
    const PlaceId number = add(type, Part::kAny);
    places_.emplace(type, number);
    std::string_view rest = row->second;
    while (!rest.empty()) element(number, type, cut(rest, ','));
    return number;
  }

  void element(PlaceId from, TypeId parent, std::string_view entry) {
    const std::string_view parent_name = fhirpath::row_of(parent).name;
    std::string_view types = entry;
    std::string_view name = cut(types, ':');
    const bool is_choice = name.ends_with("[x]");
    if (is_choice) name.remove_suffix(3);
    const ElementRow* row = fhirpath::find_element(parent, name);
    if (row == nullptr || row->is_choice != is_choice || is_choice == types.empty())
      wrong(parent_name, entry, "R4 has no such element");
    if (!is_choice) {
      edge(from, name, target(parent, name, row->types()[0]));
      return;
    }
    while (!types.empty()) {
      const std::string_view type_name = cut(types, '|');
      const auto type = fhirpath::find_fhir_type(type_name);
      const auto known = row->types();
      if (!type || std::find(known.begin(), known.end(), *type) == known.end())
        wrong(parent_name, entry, "R4 has no such type there");
      std::string key(name);
      key += type_name;
      if (auto& first = key[name.size()]; first >= 'a' && first <= 'z')
        first = static_cast<char>(first - 32);
      program_->names_.push_back(std::move(key));
      edge(from, program_->names_.back(), target(parent, name, *type));
    }
  }

  void edge(PlaceId from, std::string_view name, PlaceId to) {
    program_->places_[from].edges.push_back({name, to});
  }

  PlaceId target(TypeId parent, std::string_view name, TypeId type) {
    const auto& row = fhirpath::row_of(type);
    if (type == fhirpath::known_types().resource) return add(type, Part::kResource);
    if (row.kind == TypeKind::kComplex || row.kind == TypeKind::kBackbone) return whole(type);
    return add(type, part_of(fhirpath::row_of(parent), name, row.name));
  }

  /// Texts stand where something knows their form, and nowhere else.
  static Part part_of(const fhirpath::TypeRow& parent, std::string_view name,
                      std::string_view type) {
    struct Row {
      std::string_view parent;
      std::string_view name;
      Part part;
    };
    constexpr Row kTexts[] = {{"Reference", "reference", Part::kReference},
                              {"Reference", "type", Part::kReferenceType},
                              {"Coding", "system", Part::kSystem},
                              {"Quantity", "system", Part::kSystem},
                              {"Age", "system", Part::kSystem},
                              {"Duration", "system", Part::kSystem},
                              {"Address", "state", Part::kState},
                              {"Address", "postalCode", Part::kPostalCode},
                              {"Address", "country", Part::kCountry},
                              {"Bundle.entry", "fullUrl", Part::kFullUrl}};
    for (const auto& row : kTexts)
      if (row.parent == parent.name && row.name == name) return row.part;
    if (parent.kind == TypeKind::kResource && name == "id") return Part::kResourceId;
    constexpr std::string_view kTypes[] = {"boolean",     "integer",  "positiveInt",
                                           "unsignedInt", "decimal",  "code",
                                           "date",        "dateTime", "instant"};
    if (std::find(std::begin(kTypes), std::end(kTypes), type) == std::end(kTypes))
      wrong(parent.name, name, "its type can hold any text");
    return Part::kAny;
  }

  std::shared_ptr<Program> program_ = std::make_shared<Program>();
  std::map<TypeId, std::string_view> rows_;
  std::map<TypeId, PlaceId> places_;
};

std::string_view allow_list_text() {
  return kAllowListText;
}

std::shared_ptr<const Program> Program::of_allow_list() {
  static const std::shared_ptr<const Program> program = AllowListCompiler().run();
  return program;
}

}  // namespace sluice::deid
