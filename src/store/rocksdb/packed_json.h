// Large lines are stored compressed. A Group of a million members is one line of 50 MB, and a write
// has it in its batch, in the log's buffer, in memory tables and in the blocks of a flush, together
// with the previous version: compressed, all that is a tenth.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/rocksdb/record_format.h"

namespace sluice::store {

/// Shorter lines are stored as they are: exports send them on without touching them.
inline constexpr std::size_t kPackedFrom = 1u << 20;

/// Appends a line's packed form (see docs/formats.md) to `out`. False, with nothing appended, when
/// it is short or does not become much smaller.
bool append_packed(std::string& out, std::string_view line);

/// The line of a record: a view of the record's value, or of `buffer` when it was packed. kCorrupt
/// when it cannot be unpacked.
Result<std::string_view> unpacked_line(const ParsedRecord& record, std::string& buffer);
/// Its size, without unpacking it.
std::size_t line_size(const ParsedRecord& record);

}  // namespace sluice::store
