// The header fields of an answer.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::transport {

/// Names in lower case; of repeated ones the last, where they are not asked for as a list.
class AnswerHeaders {
 public:
  /// Takes a line "Name: value"; a status line starts over.
  void take(std::string_view line);
  /// Empty when there is none.
  const std::string& get(const std::string& name) const;
  /// All of a name, with commas between them (RFC 9110 section 5.3).
  std::string list(const std::string& name) const;
  bool has(const std::string& name) const { return values_.contains(name); }

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

}  // namespace sluice::transport
