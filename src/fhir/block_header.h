// The header of a block in an output that is organised by instances (P-09).
#pragma once

#include "json/json_tokens.h"

namespace sluice::fhir {

/// Whether the tokens of a checked object are Parameters whose first parameter is "header".
bool is_block_header(const JsonTokens& tokens);

}  // namespace sluice::fhir
