// The request of an export: the kick-off's parameters, as a Parameters resource or a query.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/protocol/vendor.h"

namespace sluice::client {

struct PullRequest {
  std::string base;   ///< the FHIR base, without a slash at the end
  std::string group;  ///< Group/[id]/$export
  bool is_patient_level = false;
  std::vector<std::string> types;
  std::vector<std::string> type_filters;
  std::vector<std::string> elements;
  std::vector<std::string> patients;  ///< "Patient/1" or "1"
  std::string since;
  std::string until;
  std::string output_format;
  bool is_parquet() const { return output_format.find("parquet") != std::string::npos; }
  std::string organize_output_by;
  std::vector<std::string> associated_data;
  bool allows_partial_manifests = false;
  std::string file_size_min;
  std::string file_size_max;
  friend bool operator==(const PullRequest&, const PullRequest&) = default;
};

/// Checks what can be checked without the server; kInvalid names the option.
Result<void> check(const PullRequest& request);

/// [base]/$export, [base]/Patient/$export or [base]/Group/[id]/$export.
std::string kick_off_url(const PullRequest& request);
/// The same with all parameters as a query.
std::string kick_off_query(const PullRequest& request, const VendorProfile& vendor);
/// How a POST sends lists: STU4 repeats parameters with a type for each value; earlier releases
/// join values by commas, as in a query.
enum class PostDialect : std::uint8_t { kRepeated, kJoined };
/// The one to begin with.
PostDialect first_dialect(const VendorProfile& vendor);
/// The Parameters resource for POST.
std::string kick_off_body(const PullRequest& request, const VendorProfile& vendor,
                          PostDialect dialect);

/// As the journal keeps it, and back (kCorrupt).
boost::json::object to_json(const PullRequest& request);
Result<PullRequest> parse_pull_request(const boost::json::object& json);

}  // namespace sluice::client
