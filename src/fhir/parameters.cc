#include "fhir/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/utf8.h"
#include "json/json_check.h"
#include "json/json_tokens.h"
#include "json/json_walk.h"

namespace sluice::fhir {
namespace {

constexpr std::size_t kDepthMax = 100;

/// The JSON form of a value[x].
enum class Form { kString, kNumber, kInteger, kIntegerOrString, kBoolean, kReference, kCoding };

struct Kind {
  std::string_view name;
  Form form;
};

constexpr std::array kKinds = {
    Kind{"valueString", Form::kString},
    Kind{"valueInstant", Form::kString},
    Kind{"valueCode", Form::kString},
    Kind{"valueUri", Form::kString},
    Kind{"valueUrl", Form::kString},
    Kind{"valueCanonical", Form::kString},
    Kind{"valueDate", Form::kString},
    Kind{"valueDateTime", Form::kString},
    Kind{"valueId", Form::kString},
    Kind{"valueBoolean", Form::kBoolean},
    Kind{"valueInteger", Form::kInteger},
    Kind{"valueUnsignedInt", Form::kInteger},
    Kind{"valuePositiveInt", Form::kInteger},
    // Of R5, where it is a string in JSON; clients send numbers too.
    Kind{"valueInteger64", Form::kIntegerOrString},
    Kind{"valueDecimal", Form::kNumber},
    Kind{"valueReference", Form::kReference},
    Kind{"valueCoding", Form::kCoding},
};

bool is_integer(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Members that say nothing of a request: they may stand there and are not looked at.
bool is_decoration(std::string_view key) {
  return key == "id" || key == "extension" || key.starts_with('_');
}
bool is_root_decoration(std::string_view key) {
  return is_decoration(key) || key == "meta" || key == "implicitRules" || key == "language";
}

class ParametersReader {
 public:
  /// `is_nested`: entries may have a resource or parts.
  Result<std::vector<NestedParameter>> read(std::string_view json, bool is_nested) {
    is_nested_ = is_nested;
    SLUICE_RETURN_IF_ERROR(tokens_.read(json));
    SLUICE_ASSIGN_OR_RETURN(const JsonTraits traits, check_json_object(tokens_, kDepthMax));
    (void)traits;
    std::size_t type = 0;
    std::size_t list = 0;
    SLUICE_RETURN_IF_ERROR(
        each_member(tokens_, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
          const std::string name = unescape(tokens_.raw_string(key));
          if (name == "resourceType" || name == "parameter") {
            std::size_t& place = name == "parameter" ? list : type;
            if (place != 0) return invalid(fmt::format("Parameters: two members {}", name));
            place = value;
            return {};
          }
          if (is_root_decoration(name)) return {};
          return invalid(fmt::format("Parameters: '{}' is not an element of it", name));
        }));
    if (type == 0 || tokens_.first(type) != '"')
      return invalid("the body has no resourceType, Parameters is wanted");
    if (const std::string name = unescape(tokens_.raw_string(type)); name != "Parameters")
      return invalid(fmt::format("resourceType is '{}', not Parameters", shortened(name, 64)));
    std::vector<NestedParameter> out;
    if (list == 0) return out;
    if (tokens_.first(list) != '[') return invalid("Parameters.parameter is not an array");
    SLUICE_RETURN_IF_ERROR(each_element(tokens_, list, [&](std::size_t entry) -> Result<void> {
      auto done = read_entry(entry, out);
      ++index_;
      return done;
    }));
    return out;
  }

 private:
  /// How an entry is called in messages: by its place, and by its name once that is known.
  Error bad_entry(std::string_view what) const {
    const std::string name = name_.empty() ? "" : fmt::format(" '{}'", name_);
    return invalid(fmt::format("Parameters.parameter[{}]{}: {}", index_, name, what));
  }

  Result<void> read_entry(std::size_t entry, std::vector<NestedParameter>& out) {
    if (++count_ > kParametersMax)
      return Error{ErrorKind::kTooLarge,
                   fmt::format("Parameters has more than {} parameters", kParametersMax)};
    name_.clear();
    if (tokens_.first(entry) != '{') return bad_entry("not an object");
    std::optional<NestedParameter> parameter;
    // The name first, so that every other message can say it.
    SLUICE_RETURN_IF_ERROR(each_member(tokens_, entry, [&](std::size_t key, std::size_t value) {
      return means(tokens_.raw_string(key), "name") ? read_name(value) : Result<void>();
    }));
    if (name_.empty()) return bad_entry("it has no name");
    SLUICE_RETURN_IF_ERROR(
        each_member(tokens_, entry, [&](std::size_t key, std::size_t value) -> Result<void> {
          const std::string member = unescape(tokens_.raw_string(key));
          if (member == "name" || is_decoration(member)) return {};
          const bool has_more = is_nested_ && (member == "resource" || member == "part");
          if (!member.starts_with("value") && !has_more)
            return bad_entry(fmt::format("'{}' is not supported", member));
          if (parameter) return bad_entry("it has two values");
          if (has_more) {
            parameter.emplace(NestedParameter{{name_, {}, {}}});
            return member == "part" ? read_parts(value, *parameter)
                                    : read_resource(value, *parameter);
          }
          SLUICE_ASSIGN_OR_RETURN(auto simple, read_value(member, value));
          parameter.emplace(NestedParameter{std::move(simple)});
          return {};
        }));
    if (!parameter) return bad_entry("it has no value");
    out.push_back(std::move(*parameter));
    return {};
  }

  Result<void> read_resource(std::size_t value, NestedParameter& parameter) const {
    if (tokens_.first(value) != '{') return bad_entry("its resource is not an object");
    const std::size_t begin = tokens_.begin(value);
    const std::size_t end = tokens_.end(tokens_.behind(value) - 1);
    parameter.resource = tokens_.text().substr(begin, end - begin);
    return {};
  }

  Result<void> read_parts(std::size_t value, NestedParameter& parameter) {
    if (tokens_.first(value) != '[') return bad_entry("its part is not an array");
    const std::string name = name_;
    SLUICE_RETURN_IF_ERROR(each_element(
        tokens_, value, [&](std::size_t part) { return read_entry(part, parameter.parts); }));
    name_ = name;
    return {};
  }

  Result<void> read_name(std::size_t value) {
    if (!name_.empty()) return bad_entry("it has two names");
    if (tokens_.first(value) != '"') return bad_entry("its name is not a string");
    name_ = unescape(tokens_.raw_string(value));
    return {};
  }

  Result<Parameter> read_value(std::string_view member, std::size_t value) const {
    const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                   [&](const Kind& known) { return known.name == member; });
    if (kind == kKinds.end()) return bad_entry(fmt::format("{} is not supported", member));
    const auto wrong = [&] { return bad_entry(fmt::format("{} has a wrong value", member)); };
    const char first = tokens_.first(value);
    Parameter out{name_, {}, std::string(member)};
    const bool is_number = first == '-' || (first >= '0' && first <= '9');
    switch (kind->form) {
      case Form::kString:
        if (first != '"') return wrong();
        break;
      case Form::kNumber:
        if (!is_number) return wrong();
        break;
      case Form::kInteger:
      case Form::kIntegerOrString: {
        const bool may_be_string = kind->form == Form::kIntegerOrString;
        if (!is_number && !(may_be_string && first == '"')) return wrong();
        if (!is_integer(text_of(value))) return wrong();
        break;
      }
      case Form::kBoolean:
        if (first != 't' && first != 'f') return wrong();
        break;
      case Form::kReference:
      case Form::kCoding: {
        if (first != '{') return wrong();
        const auto inner = string_member(value, kind->form == Form::kCoding ? "code" : "reference");
        if (!inner) return wrong();
        out.value = *inner;
        if (kind->form == Form::kCoding) out.system = string_member(value, "system").value_or("");
        return out;
      }
    }
    out.value = text_of(value);
    return out;
  }

  /// A string's meaning, or the bytes of a number or literal.
  std::string text_of(std::size_t value) const {
    return tokens_.first(value) == '"' ? unescape(tokens_.raw_string(value))
                                       : std::string(tokens_.scalar(value));
  }

  /// The one member `name` of an object, if it is a string.
  std::optional<std::string> string_member(std::size_t object, std::string_view name) const {
    std::optional<std::string> text;
    std::size_t count = 0;
    (void)each_member(tokens_, object, [&](std::size_t key, std::size_t value) -> Result<void> {
      if (!means(tokens_.raw_string(key), name)) return {};
      ++count;
      if (tokens_.first(value) == '"') text = unescape(tokens_.raw_string(value));
      return {};
    });
    return count == 1 ? text : std::nullopt;
  }

  JsonTokens tokens_;
  bool is_nested_ = false;
  std::size_t count_ = 0;  // of entries and parts
  std::size_t index_ = 0;  // of the entry at hand
  std::string name_;       // of the entry at hand
};

}  // namespace

Result<std::vector<Parameter>> read_parameters(std::string_view json) {
  SLUICE_ASSIGN_OR_RETURN(auto all, ParametersReader().read(json, false));
  std::vector<Parameter> parameters;
  parameters.reserve(all.size());
  for (auto& each : all) parameters.push_back(std::move(each.value));
  return parameters;
}

Result<std::vector<NestedParameter>> read_nested_parameters(std::string_view json) {
  return ParametersReader().read(json, true);
}

}  // namespace sluice::fhir
