// Applies rules to a resource, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/instant.h"
#include "deid/transform.h"
#include "json/json_check.h"

namespace sluice::deid {

inline constexpr std::string_view kTestKey = "0123456789abcdef0123456789abcdef0123456789abcdef";

/// 2026-12-01.
inline Instant test_now() {
  return *parse_fhir_instant("2026-12-01T12:00:00Z");
}

inline KeyFile test_key(std::string_view bytes = kTestKey) {
  return *KeyFile::of(bytes);
}

/// Whether it is one JSON object on one line.
inline bool is_line(std::string_view text) {
  fhir::JsonTokens tokens;
  return text.find('\n') == std::string_view::npos && tokens.read(text) &&
         fhir::check_json_object(tokens, 64);
}

/// The line that rules make of a resource, or "error: ..." .
inline std::string applied(const std::shared_ptr<const Deidentification>& rules,
                           std::string_view line, Context context = {}) {
  if (context.now == Instant{}) context.now = test_now();
  fhir::JsonTokens tokens;
  if (auto read = tokens.read(line); !read) return "error: " + read.error().message;
  Transform transform(rules);
  const auto made = transform.apply(tokens, context);
  if (!made) return "error: " + made.error().message;
  EXPECT_TRUE(is_line(*made)) << *made;
  return std::string(*made);
}

inline std::shared_ptr<const Deidentification> rules_of(
    std::string_view file, std::string_view view = "test",
    fhirpath::Strictness strictness = fhirpath::Strictness::kStrict) {
  auto set = read_rules(file, strictness);
  EXPECT_TRUE(set) << set.error().message;
  if (!set) return nullptr;
  const auto key = test_key();
  auto rules = Deidentification::of_rules(std::move(*set), &key, view);
  EXPECT_TRUE(rules) << rules.error().message;
  return rules ? *rules : nullptr;
}

/// Rules and parameters as they stand in a file.
inline std::string file_of(std::string_view rules, std::string_view parameters = "") {
  return "{\"fhirPathRules\":[" + std::string(rules) + "],\"parameters\":{" +
         std::string(parameters) + "}}";
}

/// The same without the marks in meta where there is nothing else.
inline std::string without_meta(std::string line) {
  constexpr std::string_view meta = ",\"meta\":{\"security\":";
  for (auto begin = line.find(meta); begin != std::string::npos; begin = line.find(meta, begin))
    line.erase(begin, line.find("]}", begin) + 2 - begin);
  return line;
}

/// What rules make of a resource, without meta.
inline std::string changed(std::string_view rules, std::string_view line,
                           std::string_view parameters = "") {
  const auto made = rules_of(file_of(rules, parameters));
  return made == nullptr ? "" : without_meta(applied(made, line));
}

inline std::string refusal(std::string_view file) {
  const auto set = read_rules(file);
  if (!set) return set.error().message;
  const auto program = Program::compile(*set);
  return program ? "" : program.error().message;
}

}  // namespace sluice::deid
