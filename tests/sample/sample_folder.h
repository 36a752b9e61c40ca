// A folder that vanishes with the test, and the sample in it read back with an independent parser.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "temporary_folder.h"

namespace sluice::sample::testing {

std::string read_text(const std::filesystem::path& path);
/// Every file of the folder by its name.
std::map<std::string, std::string> read_folder(const std::filesystem::path& folder);
std::vector<std::string_view> lines_of(std::string_view text);

/// What generate() writes for these options, by file name.
std::map<std::string, std::string> make_sample(std::uint64_t patients, std::uint64_t seed);
/// The sample of fifty patients, made once.
const std::map<std::string, std::string>& fifty_patients();
/// Its resources, parsed once, by type.
const std::map<std::string, std::vector<boost::json::object>>& fifty_patients_parsed();

}  // namespace sluice::sample::testing
