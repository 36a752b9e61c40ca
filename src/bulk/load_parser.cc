#include "bulk/load_parser.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "fhir/bundle_reader.h"

namespace sluice::bulk {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// 8-4-4-4-12 digits, for a Bundle entry that has no identity of its own.
std::string random_uuid() {
  const std::string digits = random_hex(16);
  const std::string_view id = digits;
  return fmt::format("{}-{}-{}-{}-{}", id.substr(0, 8), id.substr(8, 4), id.substr(12, 4),
                     id.substr(16, 4), id.substr(20));
}

// Only a Bundle of resources to store is taken apart; a document or a message is a resource by
// itself.
bool is_container(std::string_view json) {
  constexpr std::string_view kTypes[] = {"transaction",   "collection", "batch",
                                         "searchset",     "history",    "transaction-response",
                                         "batch-response"};
  const std::size_t at = json.find("\"type\"");
  if (at == std::string_view::npos) return false;
  for (const auto type : kTypes)
    if (json.find(fmt::format("\"{}\"", type)) != std::string_view::npos) return true;
  return false;
}

}  // namespace

ParsedChunk LoadParser::parse(const LoadChunk& chunk) {
  ParsedChunk out;
  if (!chunk.problem.empty()) {
    out.problems.push_back({chunk.path, chunk.first_line, false, chunk.problem});
    return out;
  }
  if (chunk.is_document) {
    parse_text(chunk, trimmed(chunk.text), chunk.first_line, out);
    return out;
  }
  std::uint64_t line = chunk.first_line;
  std::string_view rest = chunk.text;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view text = trimmed(rest.substr(0, end));
    if (!text.empty()) parse_text(chunk, text, line, out);
    ++line;
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return out;
}

void LoadParser::parse_text(const LoadChunk& chunk, std::string_view text, std::uint64_t line,
                            ParsedChunk& out) {
  // A Bundle names itself near its beginning; looking for it costs less than parsing twice.
  if (text.substr(0, 4096).find("\"Bundle\"") != std::string_view::npos && is_container(text)) {
    parse_bundle(chunk, text, line, out);
    return;
  }
  auto resource = reader_.read(text);
  if (resource)
    out.resources.push_back(std::move(*resource));
  else
    out.problems.push_back({chunk.path, line, false, resource.error().message});
}

void LoadParser::parse_bundle(const LoadChunk& chunk, std::string_view text, std::uint64_t line,
                              ParsedChunk& out) {
  const auto entries = fhir::read_bundle(text);
  if (!entries) {
    // Something else that mentions "Bundle" early is an ordinary resource.
    auto resource = reader_.read(text);
    if (resource && resource->type != fhir::types::kBundle)
      out.resources.push_back(std::move(*resource));
    else
      out.problems.push_back({chunk.path, line, false, entries.error().message});
    return;
  }
  for (const auto& entry : *entries) {
    auto resource =
        reader_.read(entry.json, entry.id_if_missing.empty() ? random_uuid() : entry.id_if_missing);
    if (resource)
      out.resources.push_back(std::move(*resource));
    else
      out.problems.push_back(
          {chunk.path, chunk.is_document ? entry.index : line, chunk.is_document,
           chunk.is_document ? resource.error().message
                             : fmt::format("entry {}: {}", entry.index, resource.error().message)});
  }
}

}  // namespace sluice::bulk
