#include "json/json_indent.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::fhir {
namespace {

constexpr std::string_view kWhiteSpace = " \t\r\n";

// Where the string that begins at `begin` ends: behind its closing quote.
std::size_t string_end(std::string_view json, std::size_t begin) {
  std::size_t at = begin + 1;
  while (at < json.size() && json[at] != '"') at += json[at] == '\\' ? 2 : 1;
  return std::min(at + 1, json.size());
}

}  // namespace

Result<std::string> indented(std::string_view json, std::size_t size_max) {
  std::string out;
  std::size_t depth = 0;
  const auto break_line = [&] {
    out.push_back('\n');
    out.append(std::min(2 * depth, kIndentMax), ' ');
  };
  for (std::size_t at = 0; at < json.size();) {
    if (out.size() > size_max)
      return Error{ErrorKind::kTooLarge,
                   fmt::format("laid out for reading it has more than {} bytes", size_max)};
    const char c = json[at];
    if (c == '"') {
      const std::size_t end = string_end(json, at);
      out.append(json.substr(at, end - at));
      at = end;
      continue;
    }
    ++at;
    if (kWhiteSpace.find(c) != std::string_view::npos) continue;
    if (c == '{' || c == '[') {
      out.push_back(c);
      const std::size_t next = json.find_first_not_of(kWhiteSpace, at);
      if (next != std::string_view::npos && (json[next] == '}' || json[next] == ']')) {
        out.push_back(json[next]);
        at = next + 1;
        continue;
      }
      ++depth;
      break_line();
    } else if (c == '}' || c == ']') {
      if (depth > 0) --depth;
      break_line();
      out.push_back(c);
    } else if (c == ',') {
      out.push_back(c);
      break_line();
    } else if (c == ':') {
      out.append(": ");
    } else {
      out.push_back(c);
    }
  }
  out.push_back('\n');
  return out;
}

}  // namespace sluice::fhir
