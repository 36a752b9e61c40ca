// An evaluator of FHIR searches of its own, against which the search engine is tested (Q-01 to
// slow, obvious, and without any code of the engine. It reads resources with Boost.JSON, the
// search parameters from their FHIRPath expressions, and FHIR's rules from the standard's text.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::oracle {

/// A query that the oracle has no opinion about.
struct NotUnderstood : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// ---- values ----

/// Microseconds since 1970 from `begin` to before `end`.
struct Time {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};
std::optional<Time> read_time(const std::string& text);

/// Numbers times 10^20.
__extension__ typedef __int128 Number;
struct Written {
  Number value = 0;
  Number half_of_last_digit = 0;
};
std::optional<Written> read_number(const std::string& text);

/// Without case, accents, punctuation and superfluous white space; Latin letters only.
std::string plain(const std::string& text);

/// Whether what a resource says, from `low` to `high`, is what `prefix` and `value` ask for.
/// `closed`: the ends belong to it.
struct Span {
  std::optional<Number> low;
  std::optional<Number> high;
  bool closed_low = true;
  bool closed_high = true;
};
bool number_holds(const std::string& prefix, const Written& value, const Span& found);
bool time_holds(const std::string& prefix, const Time& value, const Time& found, std::int64_t now);

/// "ge2020" as ("ge", "2020"); "eq" without prefix.
std::pair<std::string, std::string> split_prefix(const std::string& value);
/// Parts between separators without a backslash before them.
std::vector<std::string> split(const std::string& text, char separator);
std::string unescaped(const std::string& text);

// ---- searches ----

/// A line of the table of search parameters.
struct Parameter {
  std::string name, type, expression, components;
  std::vector<std::string> targets;
};

/// An element that an expression leads to; `choice` is the type in the name of a value[x].
struct Node {
  const boost::json::value* value = nullptr;
  std::string choice = {};
};

class Oracle {
 public:
  /// `tables`: the folder of search_parameters.tsv and resource_types.tsv.
  Oracle(const std::string& tables, std::string base_url, std::int64_t now);

  /// A resource of the data that chains and _has see.
  void add(const std::string& line);
  const std::vector<boost::json::value>& resources(const std::string& type) const;
  std::vector<std::string> types() const;

  std::vector<const Parameter*> parameters(const std::string& type) const;
  const Parameter* find(const std::string& type, const std::string& name) const;
  std::vector<Node> nodes(const boost::json::value& resource, const std::string& expression) const;
  /// A component of a composite, by the end of its canonical and its expression, in an element.
  std::pair<const Parameter*, std::vector<Node>> component(
      const std::string& name, const std::string& expression, const Node& element,
      const boost::json::value& resource) const;

  /// Whether all parameters (name, value) hold.
  bool matches(const std::string& type,
               const std::vector<std::pair<std::string, std::string>>& query,
               const boost::json::value& resource) const;

  /// "Patient/1" when a reference is to a resource of this server; with version behind it.
  struct Target {
    std::string type, id, version;
  };
  std::optional<Target> local(const std::string& reference) const;

 private:
  bool holds(const std::string& type, const std::string& name, const std::string& value,
             const boost::json::value& resource) const;
  bool has_holds(const std::string& type, const std::string& name, const std::string& value,
                 const boost::json::value& resource) const;
  bool value_holds(const Parameter& parameter, const std::string& modifier,
                   const std::string& value, const Node& node) const;
  bool composite_holds(const Parameter& parameter, const std::string& value,
                       const boost::json::value& resource) const;
  bool token_holds(const Parameter& parameter, const std::string& value, const Node& node) const;
  bool text_holds(const std::string& value, const Node& node) const;
  bool string_holds(const std::string& modifier, const std::string& value, const Node& node) const;
  bool date_holds(const std::string& value, const Node& node) const;
  bool quantity_holds(const std::string& value, const Node& node) const;
  bool reference_holds(const std::string& modifier, const std::string& value,
                       const Node& node) const;
  std::vector<Node> steps(std::vector<Node> from, std::string path,
                          const boost::json::value& resource) const;
  std::vector<Node> apply(const std::vector<Node>& from, const std::string& function,
                          const std::string& argument) const;
  const Parameter* by_canonical(const std::string& name) const;
  std::string type_of_reference(const boost::json::value& value) const;

  std::map<std::string, std::vector<Parameter>> table_;  // by resource type
  std::map<std::string, Parameter> by_canonical_;
  std::map<std::string, std::vector<boost::json::value>> data_;
  const std::string base_url_;
  const std::int64_t now_;
};

}  // namespace sluice::oracle
