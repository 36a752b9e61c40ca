#include "fhir/light_validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "fhir/reference_syntax.h"
#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::fhir {
namespace {

// "value[x]" is there as "valueQuantity".
bool is_there(const std::vector<std::string>& names, std::string_view mandatory) {
  if (!mandatory.ends_with("[x]"))
    return std::find(names.begin(), names.end(), mandatory) != names.end();
  mandatory.remove_suffix(3);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return name.size() > mandatory.size() && name.starts_with(mandatory);
  });
}

std::string_view to_string(JsonKind kind) {
  switch (kind) {
    case JsonKind::kBoolean:
      return "a boolean";
    case JsonKind::kNumber:
      return "a number";
    case JsonKind::kString:
      return "a string";
    case JsonKind::kObject:
      break;
  }
  return "an object";
}

bool is_of(JsonKind kind, char first) {
  switch (kind) {
    case JsonKind::kBoolean:
      return first == 't' || first == 'f';
    case JsonKind::kNumber:
      return first == '-' || (first >= '0' && first <= '9');
    case JsonKind::kString:
      return first == '"';
    case JsonKind::kObject:
      break;
  }
  return first == '{';
}

class Validation {
 public:
  // With `faults` they are collected, else the first is an error.
  Validation(const JsonTokens& tokens, ResourceType type,
             std::vector<std::string>* faults = nullptr)
      : tokens_(tokens), type_(type), type_name_(type_name(type)), faults_(faults) {}

  Result<void> run() {
    // The reader has checked that this is one object without a key twice.
    SLUICE_RETURN_IF_ERROR(each_member(tokens_, 0, [&](std::size_t key, std::size_t value) {
      return check_member(unescape(tokens_.raw_string(key)), value);
    }));
    for (const auto mandatory : mandatory_root_elements(type_))
      if (!is_there(names_, mandatory))
        SLUICE_RETURN_IF_ERROR(fault(fmt::format("{}.{} is missing", type_name_, mandatory)));
    if (const auto bad = find_bad_reference(tokens_, type_name_)) return fault(*bad);
    return {};
  }

 private:
  Result<void> fault(std::string message) {
    if (faults_ == nullptr) return Error{ErrorKind::kUnprocessable, std::move(message)};
    if (faults_->size() < kFaultsMax) faults_->push_back(std::move(message));
    return {};
  }

  Result<void> check_member(std::string name, std::size_t value) {
    if (name == "resourceType") return {};
    // "_birthDate" holds the id and the extensions of "birthDate".
    const bool is_sibling = name.starts_with('_');
    if (is_sibling) name.erase(0, 1);
    const auto shape = root_element_shape(type_, name);
    if (!shape || (is_sibling && shape->kind == JsonKind::kObject))
      return fault(fmt::format("'{}{}' is not an element of {}", is_sibling ? "_" : "",
                               shortened(name, 64), type_name_));
    SLUICE_RETURN_IF_ERROR(
        check_shape(is_sibling ? "_" + name : name,
                    {is_sibling ? JsonKind::kObject : shape->kind, shape->repeats}, value));
    names_.push_back(std::move(name));
    return {};
  }

  Result<void> check_shape(const std::string& name, ElementShape shape, std::size_t value) {
    const auto wrong = [&] {
      return fault(fmt::format("{}.{} is not {}{}", type_name_, name,
                               shape.repeats ? "an array, each of it " : "",
                               to_string(shape.kind)));
    };
    if (!shape.repeats) {
      if (!is_of(shape.kind, tokens_.first(value))) return wrong();
      return {};
    }
    if (tokens_.first(value) != '[') return wrong();
    return each_element(tokens_, value, [&](std::size_t element) -> Result<void> {
      // null keeps the place of a primitive that has extensions only, or has none.
      const char first = tokens_.first(element);
      if (first != 'n' && !is_of(shape.kind, first)) return wrong();
      return {};
    });
  }

  const JsonTokens& tokens_;
  const ResourceType type_;
  const std::string_view type_name_;
  std::vector<std::string>* const faults_;
  std::vector<std::string> names_;
};

}  // namespace

Result<void> check_shape(const JsonTokens& tokens, ResourceType type) {
  return Validation(tokens, type).run();
}

std::vector<std::string> find_validation_issues(const JsonTokens& tokens, ResourceType type) {
  std::vector<std::string> faults;
  // Every fault goes into `faults`: there is no error left.
  (void)Validation(tokens, type, &faults).run();
  return faults;
}

}  // namespace sluice::fhir
