// Writes the rows that views make of records, each table into files of its own (E-20).
#pragma once

#include <cstddef>
#include <memory>

#include "base/result.h"
#include "bulk/export/shard/record_sink.h"
#include "bulk/export/shard/record_sinks.h"

namespace sluice::bulk {

/// Each record is read once for all views of its type; it is the stored resource that they see. A
/// file is cut by the size of the records that it is made of, so that those of all formats are cut
/// alike. A record that breaks a rule of a view is kInvalid: it names the table, the type and the
/// column, and holds nothing of the record. Or it is left out with all its rows and told in an
/// outcome file with its id, as the request has it.
std::unique_ptr<RecordSink> make_view_sink(const SinkContext& context);

/// A file without rows for the table of that number.
Result<void> write_empty_table(const SinkContext& context, std::size_t number);

}  // namespace sluice::bulk
