// libsluice_parquet.so, loaded when Parquet is first asked for: Arrow brings an OpenSSL of its own,
// which must not take over the program's (docs/decisions/0052).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "parquet/plugin_interface.h"

namespace sluice::parquet {

/// The environment variable that names the library's file; without it, it is looked for beside the
/// executable and in ../lib/sluice from there.
inline constexpr const char* kLibraryVariable = "SLUICE_PARQUET_LIBRARY";

/// The functions of the library, which stays loaded; every call has the same result. kUnsupported,
/// "Parquet is not available: ...", when there is none or it is of another version. Thread-safe.
Result<const sluice_parquet_functions*> library();

/// A text for an error of the library, and what it has to say of it. As long as it is used.
class LibraryError {
 public:
  LibraryError() : text_(512, '\0'), error_{text_.data(), text_.size()} {}
  LibraryError(const LibraryError&) = delete;
  LibraryError& operator=(const LibraryError&) = delete;
  sluice_parquet_error* get() { return &error_; }
  std::string text() const { return text_.c_str(); }

 private:
  std::string text_;
  sluice_parquet_error error_;
};

/// How many rows a Parquet file has, by its footer. kCorrupt when it is none; kUnsupported as
/// library().
Result<std::uint64_t> count_rows(const std::filesystem::path& path);

}  // namespace sluice::parquet
