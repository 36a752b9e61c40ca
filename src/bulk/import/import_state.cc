#include "bulk/import/import_state.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/json_text.h"

namespace sluice::bulk {
namespace {

namespace json = boost::json;

json::object to_json(const ImportResult& result) {
  return {{"created", result.counts.created},
          {"updated", result.counts.updated},
          {"unchanged", result.counts.unchanged},
          {"superseded", result.superseded},
          {"problems", result.problems},
          {"file", result.file},
          {"size", result.file_size}};
}

std::uint64_t number(const json::object& object, const char* name) {
  return object.at(name).to_number<std::uint64_t>();
}

ImportResult result_of(const json::object& object) {
  ImportResult result;
  result.counts = {number(object, "created"), number(object, "updated"),
                   number(object, "unchanged")};
  result.superseded = number(object, "superseded");
  result.problems = number(object, "problems");
  result.file = std::string(object.at("file").as_string());
  result.file_size = number(object, "size");
  return result;
}

template <class Fill>
auto parse(std::string_view text, Fill fill) -> Result<decltype(fill(json::object()))> {
  try {
    return fill(stored_object(text));
  } catch (const std::exception& e) {
    return corrupt("a stored import cannot be read", e.what());
  }
}

}  // namespace

std::string serialize(const ImportResult& result) {
  return json_text(to_json(result));
}

Result<ImportResult> parse_import_result(std::string_view text) {
  return parse(text, [](const json::object& object) { return result_of(object); });
}

std::string serialize(const ImportState& state) {
  json::array deferred;
  for (const auto segment : state.deferred) deferred.push_back(segment);
  json::array files;
  for (const auto& file : state.problem_files) files.push_back(json::string(file));
  return json_text(json::object{{"fetched", state.fetched},
                                {"received", state.received},
                                {"validator", state.validator},
                                {"segment", state.segment},
                                {"offset", state.position.offset},
                                {"line", state.position.line},
                                {"counted", state.counted},
                                {"refused", state.refused},
                                {"warned", state.warned},
                                {"result", to_json(state.so_far)},
                                {"problem_files", std::move(files)},
                                {"done", state.is_done},
                                {"deferred", std::move(deferred)},
                                {"resolved", state.is_resolved}});
}

Result<ImportState> parse_import_state(std::string_view text) {
  return parse(text, [](const json::object& object) {
    ImportState state;
    state.fetched = object.at("fetched").as_bool();
    state.received = number(object, "received");
    state.validator = std::string(object.at("validator").as_string());
    state.segment = object.at("segment").to_number<unsigned>();
    state.position = {number(object, "offset"), number(object, "line")};
    state.counted = number(object, "counted");
    // Earlier versions did not stop.
    if (object.contains("refused")) state.refused = number(object, "refused");
    // Nor did they count these.
    if (object.contains("warned")) state.warned = number(object, "warned");
    state.so_far = result_of(object.at("result").as_object());
    for (const auto& file : object.at("problem_files").as_array())
      state.problem_files.emplace_back(file.as_string());
    state.is_done = object.at("done").as_bool();
    if (const auto* deferred = object.if_contains("deferred"))
      for (const auto& segment : deferred->as_array())
        state.deferred.push_back(segment.to_number<unsigned>());
    if (const auto* resolved = object.if_contains("resolved"))
      state.is_resolved = resolved->as_bool();
    return state;
  });
}

std::string import_state_prefix(std::string_view job_id) {
  return fmt::format("import/{}/", job_id);
}

std::string import_state_key(std::string_view job_id, unsigned number) {
  return fmt::format("import/{}/{:08}", job_id, number);
}

}  // namespace sluice::bulk
