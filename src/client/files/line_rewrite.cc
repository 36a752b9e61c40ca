#include "client/files/line_rewrite.h"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/file.h"
#include "client/files/ndjson_lines.h"
#include "client/files/ndjson_writer.h"

namespace sluice::client {

namespace fs = std::filesystem;

Result<bool> rewrite_lines(const fs::path& path, const fs::path& fresh,
                           const std::function<bool(std::string_view)>& may_change,
                           const std::function<Result<std::string>(std::string_view)>& change) {
  bool has_some = false;
  SLUICE_RETURN_IF_ERROR(each_line(path, [&](std::string_view line) -> Result<void> {
    has_some = has_some || may_change(line);
    return {};
  }));
  if (!has_some) return false;
  SLUICE_ASSIGN_OR_RETURN(const auto writer,
                          NdjsonWriter::create(fresh, path.extension() == ".gz"));
  bool is_changed = false;
  SLUICE_RETURN_IF_ERROR(each_line(path, [&](std::string_view line) -> Result<void> {
    if (!may_change(line)) return writer->append(line);
    SLUICE_ASSIGN_OR_RETURN(const auto changed, change(line));
    is_changed = is_changed || changed != line;
    return writer->append(changed);
  }));
  SLUICE_RETURN_IF_ERROR(writer->finish());
  if (is_changed) {
    if (std::rename(fresh.c_str(), path.c_str()) != 0)
      return errno_error("cannot rename", fresh, errno);
    SLUICE_RETURN_IF_ERROR(sync_folder(path.parent_path()));
    return true;
  }
  std::error_code none;
  fs::remove(fresh, none);
  return false;
}

}  // namespace sluice::client
