#include "bulk/export/request/export_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "base/sort_unique.h"
#include "base/utf8.h"
#include "bulk/export/request/export_views.h"
#include "fhir/additional_resources.h"
#include "fhir/elements.h"
#include "fhir/reference.h"
#include "parquet/library.h"

namespace sluice::bulk {
namespace {

// The value[x] that carry each sort of parameter. Clients in the field write strings for nearly
// everything, so a string is always understood; a boolean for an instant is a mistake (P-12).
constexpr std::array kTextKinds = {"query",   "valueString", "valueCode",
                                   "valueId", "valueUri",    "valueUrl"};
constexpr std::string_view kResourceTypesSystem = "http://hl7.org/fhir/resource-types";
constexpr std::string_view kAssociatedDataSystem =
    "http://hl7.org/fhir/uv/bulkdata/CodeSystem/include-associated-data";
constexpr std::array kCodeKinds = {"query", "valueString", "valueCode", "valueCoding"};
constexpr std::array kInstantKinds = {"query", "valueString", "valueInstant", "valueDateTime",
                                      "valueDate"};
constexpr std::array kReferenceKinds = {"query",    "valueString", "valueReference",
                                        "valueUri", "valueUrl",    "valueId"};
constexpr std::array kBooleanKinds = {"query", "valueString", "valueBoolean"};
constexpr std::array kSizeKinds = {"query",          "valueString",      "valueInteger",
                                   "valueInteger64", "valueUnsignedInt", "valuePositiveInt"};

// By which output can be organised.
constexpr std::array kOrganizers = {"Patient", "Group", "Practitioner", "Organization",
                                    "Encounter"};

std::string shown(std::string_view text) {
  return std::string(shortened(text, 128));
}

Error too_many(std::string_view name, std::size_t max) {
  return invalid(fmt::format("the parameter '{}' has more than {} values", name, max));
}

/// Of more than `parts_max` one more.
std::vector<std::string> split_at_commas(std::string_view text, std::size_t parts_max) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (start <= text.size() && parts.size() <= parts_max) {
    std::size_t end = text.find(',', start);
    if (end == std::string_view::npos) end = text.size();
    std::string_view part = text.substr(start, end - start);
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    parts.emplace_back(part);
    start = end + 1;
  }
  return parts;
}

class RequestParser {
 public:
  RequestParser(const std::vector<fhir::Parameter>& parameters, const ExportRequestContext& context)
      : parameters_(parameters), context_(context) {
    request_.level = context.level;
    request_.base_url = context.base_url;
  }

  Result<ExportRequest> parse() {
    for (const auto& parameter : parameters_) SLUICE_RETURN_IF_ERROR(read(parameter));
    SLUICE_RETURN_IF_ERROR(check_types_known());
    SLUICE_RETURN_IF_ERROR(apply_views(std::move(views_), request_, skip_));
    SLUICE_RETURN_IF_ERROR(check_types());
    SLUICE_RETURN_IF_ERROR(check_organizer());
    SLUICE_RETURN_IF_ERROR(check_associated());
    SLUICE_RETURN_IF_ERROR(check_type_filters());
    SLUICE_RETURN_IF_ERROR(check_elements());
    SLUICE_RETURN_IF_ERROR(check_patients());
    if (request_.file_size_min && request_.file_size_max &&
        *request_.file_size_min >= *request_.file_size_max)
      return invalid(fmt::format("_maximumFileSize {1} is not greater than _minimumFileSize {0}",
                                 *request_.file_size_min, *request_.file_size_max));
    return std::move(request_);
  }

 private:
  Result<void> read(const fhir::Parameter& parameter) {
    const std::string& name = parameter.name;
    if (name == "_outputFormat") return read_output_format(parameter);
    if (name == "_since") return read_instant(parameter, request_.since);
    if (name == "_until") return read_instant(parameter, request_.until);
    if (name == "_type") return read_types(parameter);
    if (name == "_elements") return read_elements(parameter);
    if (name == "_typeFilter") return read_type_filter(parameter);
    if (name == "patient") return read_patient(parameter);
    if (name == "organizeOutputBy") return read_organizer(parameter);
    if (name == "includeAssociatedData") return read_associated(parameter);
    if (name == "allowPartialManifests") return read_boolean(parameter, request_.partial_manifests);
    if (name == "_minimumFileSize") return read_size(parameter, request_.file_size_min);
    if (name == "_maximumFileSize") return read_size(parameter, request_.file_size_max);
    if (name == "_viewDefinition") return read_view(parameter, context_, views_, skip_);
    if (name == "_format") return read_format(parameter);
    return skip_or_refuse(ErrorKind::kUnsupported,
                          fmt::format("the parameter '{}' is not known", shown(name)));
  }

  // Lenient handling skips what we do not do; the outcome file says so.
  Result<void> skip_or_refuse(ErrorKind kind, std::string why) {
    if (!context_.lenient) return Error{kind, std::move(why)};
    request_.skipped.push_back(std::move(why));
    return check_skipped();
  }

  Result<void> check_skipped() const {
    if (request_.skipped.size() <= kSkippedMax) return {};
    return invalid(fmt::format("there are more than {} parameters and values that are not known",
                               kSkippedMax));
  }

  template <class Kinds>
  Result<void> check_kind(const fhir::Parameter& parameter, const Kinds& kinds,
                          std::string_view system = kResourceTypesSystem) {
    if (std::find(kinds.begin(), kinds.end(), parameter.kind) == kinds.end())
      return invalid(
          fmt::format("the parameter '{}' cannot be a {}", parameter.name, parameter.kind));
    if (parameter.value.empty())
      return invalid(fmt::format("the parameter '{}' has an empty value", parameter.name));
    // A code of another system may mean anything.
    if (!parameter.system.empty() && parameter.system != system)
      return invalid(fmt::format("the parameter '{}' cannot be of the system '{}' but of {}",
                                 parameter.name, shown(parameter.system), system));
    return {};
  }

  Result<void> check_once(const fhir::Parameter& parameter) {
    if (seen_[parameter.name]++ > 0)
      return invalid(fmt::format("the parameter '{}' is given twice (second value '{}')",
                                 parameter.name, shown(parameter.value)));
    return {};
  }

  Result<void> read_output_format(const fhir::Parameter& parameter) {
    SLUICE_RETURN_IF_ERROR(check_kind(parameter, kTextKinds));
    SLUICE_RETURN_IF_ERROR(check_once(parameter));
    // A '+' that was not escaped in a query arrives as a space.
    std::string format = parameter.value;
    std::replace(format.begin(), format.end(), ' ', '+');
    if (format == "application/fhir+ndjson" || format == "application/ndjson" || format == "ndjson")
      return {};
    if (format != media_type(OutputFormat::kParquet) && format != "parquet")
      return skip_or_refuse(
          ErrorKind::kUnsupported,
          fmt::format("_outputFormat '{}' is not supported: use {} or {}", shown(parameter.value),
                      media_type(OutputFormat::kNdjson), media_type(OutputFormat::kParquet)));
    if (const auto library = parquet::library(); !library)
      return skip_or_refuse(ErrorKind::kUnsupported,
                            fmt::format("_outputFormat '{}' is not supported here: {}", format,
                                        library.error().message));
    request_.output_format = OutputFormat::kParquet;
    return {};
  }

  Result<void> read_format(const fhir::Parameter& parameter) {
    SLUICE_RETURN_IF_ERROR(check_kind(parameter, kTextKinds));
    SLUICE_RETURN_IF_ERROR(check_once(parameter));
    std::string format = parameter.value;
    std::replace(format.begin(), format.end(), ' ', '+');
    if (format == "json" || format == "application/json" || format == "application/fhir+json" ||
        format == "text/json")
      return {};
    return skip_or_refuse(ErrorKind::kUnsupported,
                          fmt::format("_format '{}' is not supported: use application/fhir+json",
                                      shown(parameter.value)));
  }

  Result<void> read_instant(const fhir::Parameter& parameter, std::optional<Instant>& target) {
    SLUICE_RETURN_IF_ERROR(check_kind(parameter, kInstantKinds));
    SLUICE_RETURN_IF_ERROR(check_once(parameter));
    const auto instant = parse_fhir_instant(parameter.value);
    if (!instant) return invalid(fmt::format("{}: {}", parameter.name, instant.error().message));
    target = *instant;
    return {};
  }

  Result<void> read_types(const fhir::Parameter& parameter) {
    SLUICE_RETURN_IF_ERROR(check_kind(parameter, kTextKinds));
    types_given_ = true;
    for (const auto& name : split_at_commas(parameter.value, kTypesMax)) {
      if (++types_count_ > kTypesMax) return too_many("_type", kTypesMax);
      const auto type = fhir::find_resource_type(name);
      if (type)
        request_.types.push_back(*type);
      else
        SLUICE_RETURN_IF_ERROR(skip_or_refuse(
            ErrorKind::kInvalid,
            fmt::format("_type '{}' is not a resource type of FHIR R4", shown(name))));
    }
    return {};
  }

  Result<void> read_type_filter(const fhir::Parameter& parameter) {
    SLUICE_RETURN_IF_ERROR(check_kind(parameter, kTextKinds));
    for (const auto& text : split_type_filters(parameter.value, kTypeFiltersMax)) {
      if (++filters_count_ > kTypeFiltersMax)
        return invalid(fmt::format("there are more than {} _typeFilter", kTypeFiltersMax));
      auto filter = parse_type_filter(text, context_.base_url, &filters_cost_);
      SLUICE_RETURN_IF_ERROR(check_cost_of_filters());
      if (!filter && context_.lenient && filter.error().kind == ErrorKind::kUnsupported) {
        filter =
            known_part_of_type_filter(text, context_.base_url, request_.skipped, &filters_cost_);
        SLUICE_RETURN_IF_ERROR(check_skipped());
        SLUICE_RETURN_IF_ERROR(check_cost_of_filters());
      }
      if (!filter) return filter.error();  // also a mistake, which nobody asked to overlook
      request_.type_filters.push_back(std::move(*filter));
    }
    return {};
  }

  Result<void> check_cost_of_filters() const {
    if (filters_cost_.values > search::kFilterValuesMax)
      return invalid(fmt::format("the filters of _typeFilter have more than {} values",
                                 search::kFilterValuesMax));
    if (filters_cost_.chains > search::kFilterChainsMax)
      return invalid(fmt::format(
          "the filters of _typeFilter have more than {} chained parameters and _has, each type "
          "counted",
          search::kFilterChainsMax));
    return {};
  }

  Result<void> read_elements(const fhir::Parameter& parameter) {
    SLUICE_RETURN_IF_ERROR(check_kind(parameter, kTextKinds));
    for (auto& value : split_at_commas(parameter.value, kElementsMax)) {
      if (request_.elements.size() == kElementsMax) return too_many("_elements", kElementsMax);
      request_.elements.push_back(std::move(value));
    }
    return {};
  }

  Result<void> read_patient(const fhir::Parameter& parameter) {
    SLUICE_RETURN_IF_ERROR(check_kind(parameter, kReferenceKinds));
    if (!request_.patients) request_.patients.emplace();
    for (const auto& text : parameter.kind == "query"
                                ? split_at_commas(parameter.value, kPatientsMax)
                                : std::vector<std::string>{parameter.value}) {
      if (request_.patients->size() == kPatientsMax) return too_many("patient", kPatientsMax);
      const auto reference = fhir::parse_reference(text, context_.base_url);
      if (reference && reference->type == fhir::types::kPatient) {
        request_.patients->emplace_back(reference->id);
      } else if (!reference && fhir::is_valid_id(text)) {
        request_.patients->push_back(text);
      } else {
        return invalid(fmt::format("patient '{}' is not a reference to a Patient", shown(text)));
      }
    }
    return {};
  }

  Result<void> read_size(const fhir::Parameter& parameter, std::optional<std::uint64_t>& target) {
    SLUICE_RETURN_IF_ERROR(check_kind(parameter, kSizeKinds));
    SLUICE_RETURN_IF_ERROR(check_once(parameter));
    std::uint64_t size = 0;
    const char* end = parameter.value.data() + parameter.value.size();
    const auto [stop, failed] = std::from_chars(parameter.value.data(), end, size);
    if (failed != std::errc{} || stop != end || size == 0)
      return invalid(fmt::format("{} '{}' is not a positive number of bytes", parameter.name,
                                 shown(parameter.value)));
    target = size;
    return {};
  }

  Result<void> read_boolean(const fhir::Parameter& parameter, bool& target) {
    SLUICE_RETURN_IF_ERROR(check_kind(parameter, kBooleanKinds));
    SLUICE_RETURN_IF_ERROR(check_once(parameter));
    if (parameter.value != "true" && parameter.value != "false")
      return invalid(parameter.name + " '" + shown(parameter.value) + "' is not true or false");
    target = parameter.value == "true";
    return {};
  }

  Result<void> read_organizer(const fhir::Parameter& parameter) {
    SLUICE_RETURN_IF_ERROR(check_kind(parameter, kCodeKinds));
    SLUICE_RETURN_IF_ERROR(check_once(parameter));
    if (std::find(kOrganizers.begin(), kOrganizers.end(), parameter.value) != kOrganizers.end()) {
      request_.organize_by = fhir::find_resource_type(parameter.value);
      return {};
    }
    return skip_or_refuse(
        ErrorKind::kUnsupported,
        fmt::format("organizeOutputBy '{}' is not supported: use Patient, Group, Practitioner, "
                    "Organization or Encounter",
                    shown(parameter.value)));
  }

  Result<void> read_associated(const fhir::Parameter& parameter) {
    SLUICE_RETURN_IF_ERROR(check_kind(parameter, kCodeKinds, kAssociatedDataSystem));
    for (const auto& value : split_at_commas(parameter.value, kAssociatedDataMax)) {
      if (++associated_count_ > kAssociatedDataMax)
        return too_many("includeAssociatedData", kAssociatedDataMax);
      std::optional<AssociatedProvenance> asked;
      if (value == "LatestProvenanceResources") asked = AssociatedProvenance::kLatest;
      if (value == "RelevantProvenanceResources") asked = AssociatedProvenance::kRelevant;
      if (!asked) {
        SLUICE_RETURN_IF_ERROR(
            skip_or_refuse(ErrorKind::kUnsupported,
                           fmt::format("includeAssociatedData '{}' is not supported: use "
                                       "LatestProvenanceResources or RelevantProvenanceResources",
                                       shown(value))));
        continue;
      }
      // Of conflicting values the one with the larger result.
      request_.associated_provenance =
          std::max(*asked, request_.associated_provenance.value_or(*asked));
    }
    return {};
  }

  // The blocks of an organised export are lines of several types.
  Result<void> check_organizer() {
    if (!request_.organize_by || request_.output_format != OutputFormat::kParquet) return {};
    SLUICE_RETURN_IF_ERROR(skip_or_refuse(
        ErrorKind::kUnsupported,
        fmt::format("organizeOutputBy '{}' is not supported together with _outputFormat '{}'",
                    fhir::type_name(*request_.organize_by), media_type(OutputFormat::kParquet))));
    request_.organize_by.reset();
    return {};
  }

  // What is asked for by name comes although `_type` does not name it, so that it counts as named.
  Result<void> check_associated() {
    if (!request_.associated_provenance) return {};
    if (request_.organize_by == fhir::types::kPatient) {
      SLUICE_RETURN_IF_ERROR(skip_or_refuse(
          ErrorKind::kUnsupported,
          "includeAssociatedData is not supported together with organizeOutputBy 'Patient'"));
      request_.associated_provenance.reset();
      return {};
    }
    auto& types = request_.types;
    if (!types.empty() && !request_.wants(fhir::types::kProvenance))
      types.insert(std::lower_bound(types.begin(), types.end(), fhir::types::kProvenance),
                   fhir::types::kProvenance);
    return {};
  }

  // Skipping all of them would turn "these types" into "everything".
  Result<void> check_types_known() const {
    if (!types_given_ || !request_.types.empty()) return {};
    return invalid("_type names no resource type of FHIR R4: " + request_.skipped.front());
  }

  Result<void> check_types() {
    auto& types = request_.types;
    sort_unique(types);
    if (types.empty()) return {};
    if (request_.level == ExportLevel::kSystem) return {};
    if (std::none_of(types.begin(), types.end(), fhir::is_in_patient_compartment)) {
      std::string names;
      for (const auto type : types)
        names += fmt::format("{}{}", names.empty() ? "" : ",", fhir::type_name(type));
      return invalid(request_.tables ? fmt::format("_viewDefinition has only views of types "
                                                   "outside the patient compartment: {}",
                                                   names)
                                     : fmt::format("_type '{}' names only types outside the "
                                                   "patient compartment",
                                                   names));
    }
    return {};
  }

  // A filter on a type that is not asked for is a mistake (P-04), and would cost for nothing.
  Result<void> check_type_filters() {
    std::vector<TypeFilter> wanted;
    for (auto& filter : request_.type_filters) {
      if (request_.wants(filter.type))
        wanted.push_back(std::move(filter));
      else
        SLUICE_RETURN_IF_ERROR(
            skip_or_refuse(ErrorKind::kInvalid,
                           fmt::format("_typeFilter '{}?{}' is for a type that _type does not name",
                                       fhir::type_name(filter.type), shown(filter.query))));
    }
    request_.type_filters = std::move(wanted);
    return {};
  }

  Result<void> check_elements() {
    if (request_.elements.empty()) return {};
    std::vector<fhir::ResourceType> types = request_.types;
    if (types.empty())
      types.assign(fhir::all_resource_types().begin(), fhir::all_resource_types().end());
    std::vector<std::string> known;
    std::vector<std::string> only_mandatory;
    for (const auto& element : request_.elements) {
      const auto selection = fhir::ElementsSelection::parse({element}, types);
      if (selection)
        known.push_back(element);
      else
        SLUICE_RETURN_IF_ERROR(skip_or_refuse(selection.error().kind, selection.error().message));
      // Else a type of which only unknown elements were asked for would come whole.
      const auto type = fhir::find_resource_type(element.substr(0, element.find('.')));
      if (!selection && type)
        only_mandatory.push_back(fmt::format("{}.id", fhir::type_name(*type)));
    }
    if (known.empty())
      return invalid("_elements names no known element: " + request_.skipped.back());
    known.insert(known.end(), only_mandatory.begin(), only_mandatory.end());
    request_.elements = std::move(known);
    return {};
  }

  Result<void> check_patients() {
    if (!request_.patients) return {};
    if (request_.level == ExportLevel::kSystem)
      return invalid("the parameter 'patient' is for Patient and Group exports only");
    auto& patients = *request_.patients;
    sort_unique(patients);
    return {};
  }

  const std::vector<fhir::Parameter>& parameters_;
  const ExportRequestContext& context_;
  ExportRequest request_;
  RequestedViews views_;
  const SkipOrRefuse skip_ = [this](ErrorKind kind, std::string why) {
    return skip_or_refuse(kind, std::move(why));
  };
  bool types_given_ = false;
  std::size_t types_count_ = 0;
  std::size_t filters_count_ = 0;
  std::size_t associated_count_ = 0;
  search::QueryCost filters_cost_;
  std::map<std::string, int> seen_;
};

}  // namespace

std::string_view media_type(OutputFormat format) {
  return format == OutputFormat::kParquet ? "application/vnd.apache.parquet"
                                          : "application/fhir+ndjson";
}

bool ExportRequest::wants(fhir::ResourceType type) const {
  return types.empty() ? !fhir::is_additional_resource(type)
                       : std::binary_search(types.begin(), types.end(), type);
}

bool ExportRequest::names_group(std::string_view id) const {
  return level == ExportLevel::kGroup &&
         (id == group_id ||
          std::find(other_groups.begin(), other_groups.end(), id) != other_groups.end());
}

Result<ExportRequest> parse_export_request(const std::vector<fhir::Parameter>& parameters,
                                           const ExportRequestContext& context) {
  return RequestParser(parameters, context).parse();
}

}  // namespace sluice::bulk
