#include "fhirpath/regex.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "base/utf8.h"

namespace sluice::fhirpath {
namespace {

/// RE2 of Debian 12 names groups as (?P<name>...); others as (?<name>...).
std::string with_named_groups(std::string_view pattern) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    out += pattern[i];
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      out += pattern[++i];
    } else if (pattern.substr(i).starts_with("(?<") && i + 3 < pattern.size() &&
               pattern[i + 3] != '=' && pattern[i + 3] != '!') {
      out += "?P<";
      i += 2;
    }
  }
  return out;
}

/// The number of the group that `text` begins with after its "$", which it is shortened by.
std::optional<int> take_group(const re2::RE2& regex, std::string_view& text) {
  if (text.starts_with('{')) {
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos) return std::nullopt;
    std::string_view name = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    const auto& named = regex.NamedCapturingGroups();
    if (const auto found = named.find(std::string(name)); found != named.end())
      return found->second;
    if (name.size() != 1) return std::nullopt;
    const int number = name[0] - '0';
    return number >= 0 && number <= std::min(9, regex.NumberOfCapturingGroups())
               ? std::optional(number)
               : std::nullopt;
  }
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  const int number = text[0] - '0';
  text.remove_prefix(1);
  return number <= regex.NumberOfCapturingGroups() ? std::optional(number) : std::nullopt;
}

}  // namespace

Result<std::shared_ptr<const re2::RE2>> compile_regex(std::string_view pattern,
                                                      std::string_view flags) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_max_mem(8 << 20);
  bool lines = false;
  for (const char flag : flags) {
    if (flag == 'i')
      options.set_case_sensitive(false);
    else if (flag == 'm')
      lines = true;
    else
      return invalid(fmt::format("the flags of a regular expression are 'i' and 'm', not '{}'",
                                 shortened(flags, 20)));
  }
  auto regex =
      std::make_shared<const re2::RE2>((lines ? "(?m)" : "") + with_named_groups(pattern), options);
  if (!regex->ok())
    return invalid(fmt::format("not a regular expression that RE2 understands: {}",
                               shortened(regex->error(), 200)));
  return regex;
}

std::size_t size_of(const re2::RE2& regex) {
  return static_cast<std::size_t>(std::max(regex.ProgramSize(), 1));
}

bool matches(const re2::RE2& regex, std::string_view text, bool whole) {
  const re2::StringPiece piece(text.data(), text.size());
  return whole ? re2::RE2::FullMatch(piece, regex) : re2::RE2::PartialMatch(piece, regex);
}

Result<std::string> replace_matches(const re2::RE2& regex, std::string_view text,
                                    std::string_view substitution) {
  std::string rewrite;
  while (!substitution.empty()) {
    const char c = substitution[0];
    substitution.remove_prefix(1);
    if (c == '\\') {
      rewrite += "\\\\";
    } else if (c != '$') {
      rewrite += c;
    } else if (substitution.starts_with('$')) {
      rewrite += '$';
      substitution.remove_prefix(1);
    } else if (const auto group = take_group(regex, substitution)) {
      rewrite += fmt::format("\\{}", *group);
    } else {
      return invalid("the substitution names a group that the regular expression does not have");
    }
  }
  std::string result(text);
  re2::RE2::GlobalReplace(&result, regex, rewrite);
  return result;
}

}  // namespace sluice::fhirpath
