// jansson and cjose as this module uses them: JSON trees and keys that free themselves, and a
// parser with limits. Only sources of this module include it.
#pragma once

#include <cjose/jwk.h>
#include <jansson.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::jose {

/// Shared because jansson's trees are counted themselves and keys are values that share theirs.
using JsonPtr = std::shared_ptr<json_t>;
/// A key that was parsed once. Signing and checking only read it: any number of threads may.
using KeyPtr = std::shared_ptr<const cjose_jwk_t>;

/// Takes over one reference; nullptr stays nullptr.
JsonPtr adopt(json_t* json);

/// Reads an object without duplicate members anywhere, objects and arrays at most `depth_max` deep.
/// kInvalid otherwise; the message says what is wrong and holds nothing of the text.
Result<JsonPtr> parse_object(std::string_view text, std::size_t depth_max);

std::string dump(const json_t* json);

/// A string member; nullptr when there is none or it is no string.
const json_t* string_member(const json_t* object, const char* name);
std::string_view text_of(const json_t* string);

/// Takes over one reference of a key; nullptr stays nullptr. cjose counts references without a
/// lock, so nothing else of this module retains or releases one.
KeyPtr adopt(cjose_jwk_t* key);

}  // namespace sluice::jose
