#include "jose/jose_json.h"

#include <cstdlib>
#include <new>

namespace sluice::jose {
namespace {

// jansson goes as deep as 2,048 by recursion, and says "maximum depth" only then. Outside of
// strings a bracket is a bracket, also in a text that turns out not to be JSON.
bool is_too_deep(std::string_view text, std::size_t depth_max) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if ((c == '{' || c == '[') && ++depth > depth_max) return true;
    if ((c == '}' || c == ']') && depth > 0) --depth;
  }
  return false;
}

}  // namespace

JsonPtr adopt(json_t* json) {
  return json == nullptr ? nullptr : JsonPtr(json, [](json_t* j) { json_decref(j); });
}

Result<JsonPtr> parse_object(std::string_view text, std::size_t depth_max) {
  if (is_too_deep(text, depth_max)) return invalid("the JSON is nested too deeply");
  json_error_t failed;
  JsonPtr json = adopt(json_loadb(text.data(), text.size(), JSON_REJECT_DUPLICATES, &failed));
  if (json == nullptr) {
    if (json_error_code(&failed) == json_error_duplicate_key)
      return invalid("the JSON names a member twice");
    return invalid("this is not valid JSON");
  }
  if (!json_is_object(json.get())) return invalid("this is not a JSON object");
  return json;
}

std::string dump(const json_t* json) {
  char* text = json_dumps(json, JSON_COMPACT);
  if (text == nullptr) throw std::bad_alloc();
  std::string result(text);
  std::free(text);  // NOLINT: jansson allocates with malloc
  return result;
}

const json_t* string_member(const json_t* object, const char* name) {
  const json_t* member = json_object_get(object, name);
  return json_is_string(member) ? member : nullptr;
}

std::string_view text_of(const json_t* string) {
  return {json_string_value(string), json_string_length(string)};
}

KeyPtr adopt(cjose_jwk_t* key) {
  if (key == nullptr) return nullptr;
  return {key, [](const cjose_jwk_t* k) { cjose_jwk_release(const_cast<cjose_jwk_t*>(k)); }};
}

}  // namespace sluice::jose
