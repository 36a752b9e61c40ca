#include "bulk/export/plan/export_shard.h"

#include <algorithm>
#include <boost/json.hpp>
#include <stdexcept>

#include "base/bytes.h"
#include "base/json_text.h"
#include "fhir/resource_type.h"

namespace sluice::bulk {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, const char* name) {
  return json::value_to<std::string>(object.at(name));
}

// The keys in a range are bytes, which JSON cannot hold.
std::string bytes_of(const json::object& object, const char* name) {
  return from_hex(text_of(object, name)).value();
}

fhir::ResourceType type_of(const json::value& value) {
  const fhir::ResourceType type{value.to_number<std::uint16_t>()};
  const auto all = fhir::all_resource_types();
  if (std::find(all.begin(), all.end(), type) == all.end()) throw std::out_of_range("unknown type");
  return type;
}

bool has_type(ReadMode mode) {
  switch (mode) {
    case ReadMode::kScan:
    case ReadMode::kSeek:
    case ReadMode::kGroups:
    case ReadMode::kNewMembers:
    case ReadMode::kByOwner:
    case ReadMode::kFilteredIds:
    case ReadMode::kFilteredPatients:
      return true;
    default:
      return false;
  }
}

InternalLines lines_of(const json::object& object, const std::string& name) {
  InternalLines lines;
  lines.count = object.at(name).to_number<std::uint64_t>();
  lines.file = text_of(object, (name + "_file").c_str());
  if (object.contains(name + "_text")) lines.text = text_of(object, (name + "_text").c_str());
  return lines;
}

template <class Fill>
auto parse(std::string_view text, Fill fill)
    -> Result<decltype(fill(std::declval<const json::object&>()))> {
  try {
    return fill(stored_object(text));
  } catch (const std::exception& e) {
    return corrupt("a stored part of an export cannot be read", e.what());
  }
}

}  // namespace

std::string serialize(const ShardSpec& spec) {
  json::array segments;
  for (const auto& segment : spec.segments) {
    json::object object;
    object["mode"] = static_cast<unsigned>(segment.mode);
    object["type"] = segment.range.type.code;
    object["from"] = to_hex(segment.range.from);
    object["to"] = to_hex(segment.range.to);
    if (segment.parts > 1) {
      object["part"] = segment.part;
      object["parts"] = segment.parts;
    }
    if (segment.finds_provenances) object["provenances"] = true;
    if (!segment.why.empty()) object["why"] = segment.why;
    segments.push_back(std::move(object));
  }
  json::object object;
  object["segments"] = std::move(segments);
  return json_text(object);
}

Result<ShardSpec> parse_shard_spec(std::string_view text) {
  return parse(text, [](const json::object& object) {
    ShardSpec spec;
    for (const auto& value : object.at("segments").as_array()) {
      const json::object& part = value.as_object();
      Segment segment;
      const auto mode = part.at("mode").to_number<unsigned>();
      if (mode > static_cast<unsigned>(ReadMode::kEmpty)) throw std::out_of_range("unknown mode");
      segment.mode = static_cast<ReadMode>(mode);
      // Some modes read what they are told elsewhere and have no type.
      if (const auto& type = part.at("type"); has_type(segment.mode) || type != 0)
        segment.range.type = type_of(type);
      segment.range.from = bytes_of(part, "from");
      segment.range.to = bytes_of(part, "to");
      if (part.contains("parts")) {
        segment.part = part.at("part").to_number<unsigned>();
        segment.parts = part.at("parts").to_number<unsigned>();
        if (segment.part >= segment.parts) throw std::out_of_range("unknown part");
      }
      segment.finds_provenances = part.contains("provenances");
      if (part.contains("why")) segment.why = text_of(part, "why");
      spec.segments.push_back(std::move(segment));
    }
    return spec;
  });
}

std::string serialize(const ShardResult& result) {
  json::array files;
  for (const auto& file : result.files) {
    json::object object;
    object["name"] = file.name;
    object["type"] = file.type;
    object["count"] = file.count;
    object["size"] = file.size;
    object["outcome"] = file.kind == FileKind::kOutcome;
    if (file.kind == FileKind::kDeleted) object["deleted"] = true;
    if (!file.table.empty()) object["table"] = file.table;
    if (!file.continues_in.empty()) object["continues_in"] = file.continues_in;
    files.push_back(std::move(object));
  }
  json::object object;
  object["files"] = std::move(files);
  object["references_file"] = result.references.file;
  object["references"] = result.references.count;
  if (!result.references.text.empty()) object["references_text"] = result.references.text;
  if (!result.provenances_of.empty()) {
    json::array types;
    for (const auto type : result.provenances_of) types.push_back(type.code);
    object["provenances_of"] = std::move(types);
    object["provenances_file"] = result.provenances.file;
    object["provenances"] = result.provenances.count;
    object["provenances_text"] = result.provenances.text;
  }
  if (!result.runs.empty()) {
    json::array runs;
    for (const auto& run : result.runs)
      runs.push_back(json::object{{"name", run.name}, {"part", run.part}});
    object["runs"] = std::move(runs);
  }
  return json_text(object);
}

Result<ShardResult> parse_shard_result(std::string_view text) {
  return parse(text, [](const json::object& object) {
    ShardResult result;
    for (const auto& value : object.at("files").as_array()) {
      const json::object& part = value.as_object();
      OutputFile file;
      file.name = text_of(part, "name");
      file.type = text_of(part, "type");
      file.count = part.at("count").to_number<std::uint64_t>();
      file.size = part.at("size").to_number<std::uint64_t>();
      if (part.at("outcome").as_bool()) file.kind = FileKind::kOutcome;
      if (part.contains("deleted")) file.kind = FileKind::kDeleted;
      if (part.contains("table")) file.table = text_of(part, "table");
      if (part.contains("continues_in")) file.continues_in = text_of(part, "continues_in");
      result.files.push_back(std::move(file));
    }
    result.references = lines_of(object, "references");
    if (object.contains("provenances_of")) {
      result.provenances = lines_of(object, "provenances");
      for (const auto& type : object.at("provenances_of").as_array())
        result.provenances_of.push_back(type_of(type));
    }
    if (!object.contains("runs")) return result;
    for (const auto& value : object.at("runs").as_array()) {
      const json::object& run = value.as_object();
      result.runs.push_back({text_of(run, "name"), run.at("part").to_number<unsigned>()});
    }
    return result;
  });
}

}  // namespace sluice::bulk
