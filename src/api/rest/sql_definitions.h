// What the server says of $sql-run and $sql-export (E-24): definitions of its own, which are based
// on the guide's and leave out what is not supported.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::api {

/// For CapabilityStatement.rest.operation.
boost::json::array sql_operations(const std::string& base_url);
std::vector<std::string_view> sql_definition_ids();
/// The OperationDefinition of that id.
std::optional<boost::json::object> sql_definition(const std::string& base_url, std::string_view id);

}  // namespace sluice::api
