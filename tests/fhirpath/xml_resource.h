// FHIR's XML form of a resource as JSON: just enough for the inputs of HL7's tests.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::fhirpath {

struct XmlElement {
  std::string name;
  std::map<std::string, std::string, std::less<>> attributes;
  std::vector<XmlElement> children;
  std::string source;  ///< of a div, which FHIR's JSON keeps as it is
};

/// Throws std::runtime_error for what it does not understand.
XmlElement read_xml(std::string_view text);
/// By the table of R4's elements.
std::string resource_json(const XmlElement& resource);

/// `&lt;`, `&#xE9;` and the like as what they mean.
std::string unescape_xml(std::string_view text);

}  // namespace sluice::fhirpath
