#include "fhir/binary_content.h"

#include <algorithm>

#include "base/base64.h"
#include "json/json_check.h"
#include "json/json_tokens.h"
#include "json/json_walk.h"

namespace sluice::fhir {
namespace {

constexpr std::size_t kDepthMax = 100;
constexpr std::size_t kTypeSizeMax = 128;

// base64 as FHIR has it: white space may stand in it.
Result<std::string> decode(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
  auto bytes = base64_decode(text);
  if (!bytes) return invalid("the Binary's data is not base64");
  return bytes;
}

}  // namespace

// It goes into a header: a type, a slash, a subtype, parameters; nothing that ends the line.
bool is_media_type(std::string_view text) {
  return !text.empty() && text.size() <= kTypeSizeMax && text.find('/') != std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string write_binary(std::string_view id, std::string_view content_type,
                         std::string_view security_context, std::string_view bytes) {
  std::string json = R"({"resourceType":"Binary")";
  const auto member = [&json](std::string_view name, std::string_view value) {
    json.append(",\"").append(name).append("\":\"").append(value).append("\"");
  };
  if (!id.empty()) member("id", id);
  member("contentType", escape(content_type));
  if (!security_context.empty())
    json.append(R"(,"securityContext":{"reference":")")
        .append(escape(security_context))
        .append("\"}");
  // FHIR has no empty strings.
  if (!bytes.empty()) member("data", base64_encode(bytes));
  json += '}';
  return json;
}

Result<std::optional<std::string>> read_security_context(std::string_view json) {
  JsonTokens tokens;
  if (!tokens.read(json) || !check_json_object(tokens, kDepthMax))
    return corrupt("stored Binary: not JSON");
  std::optional<std::string> context;
  SLUICE_RETURN_IF_ERROR(
      each_member(tokens, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
        if (!means(tokens.raw_string(key), "securityContext")) return {};
        context.emplace();
        if (tokens.first(value) != '{') return {};
        return each_member(tokens, value, [&](std::size_t inner, std::size_t text) -> Result<void> {
          if (means(tokens.raw_string(inner), "reference") && tokens.first(text) == '"')
            context = unescape(tokens.raw_string(text));
          return {};
        });
      }));
  return context;
}

Result<BinaryContent> read_binary(std::string_view json) {
  JsonTokens tokens;
  if (!tokens.read(json) || !check_json_object(tokens, kDepthMax))
    return corrupt("stored Binary: not JSON");
  BinaryContent content{"application/octet-stream", {}};
  std::string data;
  SLUICE_RETURN_IF_ERROR(
      each_member(tokens, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
        if (tokens.first(value) != '"') return {};
        const std::string_view name = tokens.raw_string(key);
        if (means(name, "contentType")) {
          std::string type = unescape(tokens.raw_string(value));
          if (is_media_type(type)) content.content_type = std::move(type);
        } else if (means(name, "data")) {
          data = unescape(tokens.raw_string(value));
        }
        return {};
      }));
  SLUICE_ASSIGN_OR_RETURN(content.bytes, decode(std::move(data)));
  return content;
}

}  // namespace sluice::fhir
