// Random resources and random queries for the test against the oracle. Resources are built along
// the table of search parameters, with edge cases of every data type; values of queries are taken
// from resources and changed a little, so that they are near what is there.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "oracle.h"

namespace sluice::oracle {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
  bool chance(std::size_t one_in) { return below(one_in) == 0; }
  template <class T>
  const T& of(const std::vector<T>& list) {
    return list[below(list.size())];
  }

 private:
  std::mt19937_64 engine_;
};

/// Builds resources by the engine's table of paths and data types.
class ResourceMaker {
 public:
  explicit ResourceMaker(const std::string& table_path);

  std::vector<std::string> types() const;
  boost::json::object make(Random& random, const std::string& type, const std::string& id) const;

 private:
  struct Row {
    std::string parameter_type;
    std::vector<std::string> targets;
    std::vector<std::string> paths;
  };
  std::map<std::string, std::vector<Row>> rows_;
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// A query of one or two parameters that the server should understand.
class QueryMaker {
 public:
  explicit QueryMaker(const Oracle& oracle, std::string base_url)
      : oracle_(oracle), base_url_(std::move(base_url)) {}

  Pairs make(Random& random, const std::string& type) const;

 private:
  std::pair<std::string, std::string> parameter(Random& random, const std::string& type,
                                                bool deep) const;
  /// Whether its values have parts: these have texts, and references that can be followed.
  bool leads_to_objects(const std::string& type, const Parameter& parameter) const;
  std::pair<std::string, std::string> has(Random& random, const std::string& type) const;
  std::string value(Random& random, const Parameter& parameter, const std::string& modifier,
                    const std::vector<Node>& nodes) const;
  std::string token(Random& random, const Parameter& parameter, const Node& node) const;
  std::string composite(Random& random, const Parameter& parameter,
                        const boost::json::value& resource) const;

  const Oracle& oracle_;
  const std::string base_url_;
};

/// "a=b&c=d" with escapes, and back.
std::string query_string(const Pairs& query);
Pairs pairs_of(const std::string& query);

}  // namespace sluice::oracle
