// The small alphabet of HTTP: tokens, lists, case-blind names (RFC 9110 5.6). Internal to http;
// apart because the parser, the ranges and the routing all read header values with it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::http {

/// A character of a token (RFC 9110 5.6.2).
bool is_token_char(char c);
/// Not empty and all token characters.
bool is_token(std::string_view text);
/// Equal without regard to the case of A-Z.
bool iequals(std::string_view a, std::string_view b);
/// Without spaces and tabs at both ends.
std::string_view trim(std::string_view text);
/// The elements of a comma-separated list, trimmed, empty ones left out; commas within quoted
/// strings do not separate. The views end with `list`.
std::vector<std::string_view> split_list(std::string_view list);

}  // namespace sluice::http
