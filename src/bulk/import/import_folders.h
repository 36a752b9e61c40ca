// The local folders that the operator allows imports to read, and the only access to them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace sluice::bulk {

/// Thread-safe after open().
class ImportFolders {
 public:
  /// Folders by absolute or relative paths; kNotFound for anything else.
  static Result<ImportFolders> open(const std::vector<std::string>& folders);

  /// Checks by its spelling alone that a file:// URL names something below one of the folders.
  /// kInvalid for anything else (a host, a query, "..", bytes that no path has), kForbidden for
  /// other places; the message does not reveal whether something exists there.
  Result<void> check(std::string_view url) const;
  /// Opens the file for reading. No symbolic link below the folder is followed, and what is no
  /// regular file is not opened: kNotFound.
  Result<FileDescriptor> open_file(std::string_view url) const;

 private:
  struct Place {
    const std::filesystem::path* folder;
    std::vector<std::string> names;  ///< below it
  };
  Result<Place> place_of(std::string_view url) const;

  std::vector<std::filesystem::path> folders_;  // canonical
};

}  // namespace sluice::bulk
