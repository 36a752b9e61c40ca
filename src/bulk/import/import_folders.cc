#include "bulk/import/import_folders.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>

#include "base/percent.h"
#include "base/shown_url.h"
#include "base/utf8.h"

namespace sluice::bulk {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kScheme = "file://";

// One name of a path, percent-decoded; nullopt for what is none.
std::optional<std::string> name_of(std::string_view encoded) {
  using namespace std::string_view_literals;
  auto name = percent_decoded(encoded, false);
  if (!name || name->find_first_of("/\\\0"sv) != std::string::npos) return std::nullopt;
  if (name->empty() || *name == "." || *name == "..") return std::nullopt;
  return name;
}

Error missing() {
  return not_found("the file is not there, or it is no regular file");
}

}  // namespace

Result<ImportFolders> ImportFolders::open(const std::vector<std::string>& folders) {
  ImportFolders out;
  for (const auto& folder : folders) {
    std::error_code failed;
    auto path = fs::canonical(folder, failed);
    if (failed || !fs::is_directory(path, failed))
      return not_found(fmt::format("there is no folder '{}' to import from", folder));
    out.folders_.push_back(std::move(path));
  }
  return out;
}

Result<ImportFolders::Place> ImportFolders::place_of(std::string_view url) const {
  const auto bad = [&](std::string_view why) {
    return invalid(fmt::format("'{}': {}", shown_url(url), why));
  };
  if (!url.starts_with(kScheme)) return bad("it is not a file URL");
  std::string_view rest = url.substr(kScheme.size());
  if (rest.find_first_of("?#") != std::string_view::npos)
    return bad("a file URL has no query and no fragment");
  if (!rest.starts_with('/')) return bad("a file URL has no host: file:///path");
  std::vector<std::string> names;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find('/'), rest.size());
    auto name = name_of(rest.substr(0, end));
    if (!name) return bad("'..' and empty or strange names are not allowed in its path");
    names.push_back(std::move(*name));
    rest.remove_prefix(end);
  }
  for (const auto& folder : folders_) {
    auto name = names.begin();
    auto part = ++folder.begin();  // behind the root
    while (part != folder.end() && name != names.end() && *part == *name) {
      ++part;
      ++name;
    }
    if (part == folder.end() && name != names.end()) return Place{&folder, {name, names.end()}};
  }
  return Error{ErrorKind::kForbidden,
               fmt::format("'{}': it is not below a folder that this server imports from",
                           shortened(url, 256))};
}

Result<void> ImportFolders::check(std::string_view url) const {
  SLUICE_RETURN_IF_ERROR(place_of(url));
  return {};
}

Result<FileDescriptor> ImportFolders::open_file(std::string_view url) const {
  SLUICE_ASSIGN_OR_RETURN(const auto place, place_of(url));
  FileDescriptor at(::open(place.folder->c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!at) return missing();
  for (std::size_t i = 0; i + 1 < place.names.size(); ++i) {
    at = FileDescriptor(
        ::openat(at.get(), place.names[i].c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!at) return missing();
  }
  // Not blocking: the opening of a pipe would wait for a writer.
  FileDescriptor file(::openat(at.get(), place.names.back().c_str(),
                               O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return missing();
  return file;
}

}  // namespace sluice::bulk
