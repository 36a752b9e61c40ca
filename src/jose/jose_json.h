// jansson and libjose as this module uses them: JSON trees that free themselves, a parser with
// limits, and a libjose that does not write to stderr. Only sources of this module include it.
// (This module's headers are spelled out, json_web_key.h, so as not to hide libjose's jose/jwk.h.)
#pragma once

#include <jansson.h>

// libjose's own headers say nothing of C++.
extern "C" {
#include <jose/b64.h>
#include <jose/cfg.h>
#include <jose/jwk.h>
#include <jose/jws.h>
}

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::jose {

/// Shared because jansson's trees are counted themselves and keys are values that share theirs.
using JsonPtr = std::shared_ptr<json_t>;

/// Takes over one reference; nullptr stays nullptr.
JsonPtr adopt(json_t* json);

/// Reads an object without duplicate members anywhere, objects and arrays at most `depth_max` deep.
/// kInvalid otherwise; the message says what is wrong and holds nothing of the text.
Result<JsonPtr> parse_object(std::string_view text, std::size_t depth_max);

std::string dump(const json_t* json);

/// A string member; nullptr when there is none or it is no string.
const json_t* string_member(const json_t* object, const char* name);
std::string_view text_of(const json_t* string);

/// One call's configuration: libjose would print its errors to stderr. Not shared between threads,
/// because its reference count is a plain number.
class QuietConfig {
 public:
  QuietConfig();
  ~QuietConfig() { jose_cfg_decref(config_); }
  QuietConfig(const QuietConfig&) = delete;
  QuietConfig& operator=(const QuietConfig&) = delete;
  operator jose_cfg_t*() const { return config_; }  // NOLINT: stands for it in calls

 private:
  jose_cfg_t* config_;
};

}  // namespace sluice::jose
