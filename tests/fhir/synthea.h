// The shared Synthea data for tests, when they are there.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::fhir {

/// One NDJSON file: "Observation" and its lines without line breaks.
struct SyntheaFile {
  std::string type;
  std::string text;
  std::vector<std::string_view> lines() const;
};

/// The folder shared with the project, which need not exist.
std::filesystem::path shared_folder();

/// All files of shared/data by name; empty if the folder does not exist.
std::vector<SyntheaFile> read_synthea();

}  // namespace sluice::fhir
