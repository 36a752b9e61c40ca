#include "xml_resource.h"

#include <optional>
#include <stdexcept>

#include "base/json_text.h"
#include "base/utf8.h"
#include "fhirpath/model.h"

namespace sluice::fhirpath {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  XmlElement document() {
    skip();
    return element();
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw std::runtime_error(std::string(what) + " at byte " + std::to_string(at_));
  }
  bool accept(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void until(std::string_view word) {
    at_ = text_.find(word, at_);
    if (at_ == std::string_view::npos) fail("no end");
    at_ += word.size();
  }
  /// Text, comments and declarations.
  void skip() {
    while (at_ < text_.size()) {
      if (accept("<!--"))
        until("-->");
      else if (accept("<?"))
        until("?>");
      else if (text_[at_] != '<')
        ++at_;
      else
        return;
    }
  }
  std::string name() {
    const std::size_t begin = at_;
    at_ = std::min(text_.find_first_of(" \t\r\n/>=", at_), text_.size());
    return std::string(text_.substr(begin, at_ - begin));
  }
  void blank() {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }

  XmlElement element() {
    const std::size_t begin = at_;
    if (!accept("<")) fail("an element is missing");
    XmlElement result{name(), {}, {}, {}};
    for (blank(); text_[at_] != '>' && text_[at_] != '/'; blank()) {
      std::string attribute = name();
      if (!accept("=\"")) fail("a value is missing");
      const std::size_t start = at_;
      until("\"");
      result.attributes[std::move(attribute)] = unescape_xml(text_.substr(start, at_ - 1 - start));
    }
    if (accept("/>")) return result;
    if (!accept(">")) fail("'>' is missing");
    for (skip(); !accept("</"); skip()) result.children.push_back(element());
    if (name() != result.name) fail("another element ends");
    until(">");
    if (result.name == "div") result.source = text_.substr(begin, at_ - begin);
    return result;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

struct Kind {
  TypeId type = system::kAny;
  bool repeats = false;
};

Kind kind_of(TypeId parent, std::string_view name) {
  for (const auto& row : row_of(parent).elements()) {
    if (!row.is_choice && row.name == name) return {row.types()[0], row.repeats};
    if (!row.is_choice || !name.starts_with(row.name)) continue;
    for (const TypeId type : row.types()) {
      std::string key = std::string(row.name) + std::string(row_of(type).name);
      key[row.name.size()] = static_cast<char>(std::toupper(key[row.name.size()]));
      if (key == name) return {type, false};
    }
  }
  throw std::runtime_error("no element " + std::string(name));
}

std::string object_of(const XmlElement& element, TypeId type, std::string members);

/// The value of a primitive; nullopt where it has extensions only.
std::optional<std::string> value_of(const XmlElement& element, TypeId type) {
  if (!element.source.empty()) return json_string(element.source);
  const auto value = element.attributes.find("value");
  if (value == element.attributes.end()) return std::nullopt;
  const TypeId converted = row_of(type).conversion;
  const bool is_plain = converted == system::kBoolean || converted == system::kInteger ||
                        converted == system::kDecimal;
  return is_plain ? value->second : json_string(value->second);
}

bool is_primitive(TypeId type) {
  return row_of(type).kind == TypeKind::kPrimitive || is_system(type);
}

/// `count` elements from `first` on, which have one name.
void append_member(const XmlElement* first, std::size_t count, Kind kind, std::string& out) {
  std::string values;
  std::string companions;
  bool has_values = false;
  bool has_companions = false;
  for (std::size_t i = 0; i < count; ++i) {
    const XmlElement& element = first[i];
    const std::string comma = i == 0 ? "" : ",";
    if (!is_primitive(kind.type)) {
      has_values = true;
      values += comma;
      if (kind.type == known_types().resource)
        values += resource_json(element.children.at(0));
      else
        values += object_of(element, kind.type, "");
      continue;
    }
    const auto value = value_of(element, kind.type);
    has_values = has_values || value.has_value();
    values += comma + value.value_or("null");
    const bool extended =
        element.source.empty() && (!element.children.empty() || element.attributes.contains("id"));
    has_companions = has_companions || extended;
    companions += comma + (extended ? object_of(element, known_types().element, "") : "null");
  }
  const auto add = [&](const std::string& name, const std::string& text) {
    if (!out.empty()) out += ',';
    out += json_string(name) + ":" + (kind.repeats ? "[" + text + "]" : text);
  };
  if (has_values) add(first->name, values);
  if (has_companions) add("_" + first->name, companions);
}

std::string object_of(const XmlElement& element, TypeId type, std::string members) {
  for (const char* name : {"id", "url"}) {
    const auto found = element.attributes.find(name);
    if (found == element.attributes.end()) continue;
    members += (members.empty() ? "" : ",") + json_string(name) + ":" + json_string(found->second);
  }
  for (std::size_t i = 0; i < element.children.size();) {
    std::size_t count = 1;
    while (i + count < element.children.size() &&
           element.children[i + count].name == element.children[i].name)
      ++count;
    append_member(&element.children[i], count, kind_of(type, element.children[i].name), members);
    i += count;
  }
  return "{" + members + "}";
}

}  // namespace

std::string unescape_xml(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find(';');
    if (text[0] != '&' || end == std::string_view::npos || end > 10) {
      out += text[0];
      text.remove_prefix(1);
      continue;
    }
    const std::string name(text.substr(1, end - 1));
    if (name.starts_with("#x"))
      append_utf8(out, static_cast<unsigned>(std::stoul(name.substr(2), nullptr, 16)));
    else if (name.starts_with("#"))
      append_utf8(out, static_cast<unsigned>(std::stoul(name.substr(1))));
    else
      out += name == "lt"     ? '<'
             : name == "gt"   ? '>'
             : name == "quot" ? '"'
             : name == "apos" ? '\''
                              : '&';
    text.remove_prefix(end + 1);
  }
  return out;
}

XmlElement read_xml(std::string_view text) {
  return Reader(text).document();
}

std::string resource_json(const XmlElement& resource) {
  const auto type = find_fhir_type(resource.name);
  if (!type) throw std::runtime_error("no resource " + resource.name);
  return object_of(resource, *type, "\"resourceType\":" + json_string(resource.name));
}

}  // namespace sluice::fhirpath
