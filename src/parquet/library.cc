#include "parquet/library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <system_error>
#include <vector>

namespace sluice::parquet {
namespace {

constexpr const char* kFileName = "libsluice_parquet.so";

Error not_available(const std::string& why) {
  return {ErrorKind::kUnsupported, "Parquet is not available: " + why};
}

std::vector<std::filesystem::path> places() {
  std::error_code failed;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", failed).parent_path();
  if (failed) return {};
  return {folder / kFileName, folder.parent_path() / "lib" / "sluice" / kFileName};
}

// RTLD_LOCAL keeps its symbols and those of Arrow from everything that is loaded later, and
// RTLD_DEEPBIND lets Arrow find its own OpenSSL before ours. What is loaded already is bound (-z
// now), or finds ours first.
constexpr int flags() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return RTLD_NOW | RTLD_LOCAL;  // the sanitizers refuse what passes by their own malloc
#else
  return RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;
#endif
}

Result<const sluice_parquet_functions*> open(const std::filesystem::path& path) {
  void* const handle = ::dlopen(path.c_str(), flags());
  if (handle == nullptr) return not_available(::dlerror());
  const auto entry = reinterpret_cast<sluice_parquet_entry>(::dlsym(handle, SLUICE_PARQUET_ENTRY));
  if (entry == nullptr) return not_available(path.string() + " is not Sluice's library for it");
  const auto* const functions = entry();
  if (functions->interface_version != SLUICE_PARQUET_INTERFACE_VERSION)
    return not_available(path.string() + " is of another version of Sluice");
  return functions;
}

Result<const sluice_parquet_functions*> load() {
  if (const char* named = std::getenv(kLibraryVariable); named != nullptr && *named != '\0')
    return open(named);
  std::error_code failed;
  for (const auto& path : places())
    if (std::filesystem::exists(path, failed)) return open(path);
  return not_available(
      fmt::format("there is no {} beside sluice or in ../lib/sluice (package "
                  "sluice-parquet), and {} names none",
                  kFileName, kLibraryVariable));
}

}  // namespace

Result<const sluice_parquet_functions*> library() {
  static const auto loaded = load();
  return loaded;
}

Result<std::uint64_t> count_rows(const std::filesystem::path& path) {
  SLUICE_ASSIGN_OR_RETURN(const auto* const functions, library());
  std::int64_t rows = 0;
  LibraryError error;
  if (functions->count_rows(path.c_str(), &rows, error.get()) != 0 || rows < 0)
    return corrupt("not a whole Parquet file", path.string() + ": " + error.text());
  return static_cast<std::uint64_t>(rows);
}

}  // namespace sluice::parquet
