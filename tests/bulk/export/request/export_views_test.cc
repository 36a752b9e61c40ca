// `_viewDefinition`: how it is read, and what it goes together with.
#include "bulk/export/request/export_views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace sluice::bulk {
namespace {

using fhir::Parameter;
using ::testing::ElementsAre;

fhir::ResourceType type(std::string_view name) {
  return fhir::find_resource_type(name).value();
}

class ExportViews : public ::testing::Test {
 protected:
  ExportViews() {
    request_.output_format = OutputFormat::kParquet;
    context_.find_view = [](const Parameter& parameter) -> Result<RequestedView> {
      const std::map<std::string, fhir::ResourceType> stored{{"patients", type("Patient")},
                                                             {"labs", type("Observation")}};
      const auto found = stored.find(parameter.value);
      if (found == stored.end())
        return not_found("there is no ViewDefinition '" + parameter.value + "'");
      return RequestedView{{found->first, "{}", "ViewDefinition/" + found->first}, found->second};
    };
  }

  Result<void> read(std::string value, std::string kind = "query") {
    return read_view({"_viewDefinition", std::move(value), std::move(kind)}, context_, views_,
                     skip_or_refuse_);
  }
  Result<void> apply() { return apply_views(std::move(views_), request_, skip_or_refuse_); }
  void be_lenient() {
    skip_or_refuse_ = [this](ErrorKind, std::string why) -> Result<void> {
      request_.skipped.push_back(std::move(why));
      return {};
    };
  }

  ExportRequest request_;
  ExportRequestContext context_;
  RequestedViews views_;
  SkipOrRefuse skip_or_refuse_ = [](ErrorKind kind, std::string why) -> Result<void> {
    return Error{kind, std::move(why)};
  };
};

TEST_F(ExportViews, MakeTheTablesAndTheTypesOfAnExport) {
  for (const char* kind : {"valueReference", "valueCanonical"})
    ASSERT_TRUE(read(kind == std::string("valueReference") ? "patients" : "labs", kind));
  ASSERT_TRUE(apply());
  EXPECT_THAT(request_.types, ElementsAre(type("Observation"), type("Patient")));
  ASSERT_TRUE(request_.tables);
  EXPECT_EQ(request_.tables->format, table::Format::kParquet);
  EXPECT_FALSE(request_.tables->alone);
  EXPECT_TRUE(request_.tables->reports_faults);
  ASSERT_EQ(request_.tables->tables.size(), 2u);
  EXPECT_EQ(request_.tables->tables[0].name, "patients");
  EXPECT_EQ(request_.tables->tables[0].source, "ViewDefinition/patients");
}

TEST_F(ExportViews, AreRefusedWithWhatTheyDoNotGoTogetherWith) {
  const auto refusal = [&](auto change) {
    request_ = ExportRequest();
    request_.output_format = OutputFormat::kParquet;
    views_ = {};
    EXPECT_TRUE(read("patients"));
    change();
    const auto done = apply();
    return done ? std::string("taken") : done.error().message;
  };
  EXPECT_EQ(refusal([&] { request_.output_format = OutputFormat::kNdjson; }),
            "_viewDefinition is supported together with _outputFormat "
            "'application/vnd.apache.parquet' only");
  EXPECT_EQ(refusal([&] { request_.elements = {"Patient.name"}; }),
            "_elements is not supported together with _viewDefinition: a view names its columns");
  EXPECT_EQ(refusal([&] { request_.associated_provenance = AssociatedProvenance::kLatest; }),
            "includeAssociatedData is not supported together with _viewDefinition");
  EXPECT_EQ(refusal([&] {
              request_.types = {type("Observation"), type("Patient")};
            }),
            "_type 'Observation' has no _viewDefinition");
  EXPECT_EQ(refusal([&] { (void)read("labs"), request_.types = {type("Patient")}; }),
            "_viewDefinition 'labs' is a view of Observation, which _type does not name");
  EXPECT_EQ(refusal([&] { (void)read("patients"); }),
            "_viewDefinition: two views have the name 'patients'");
  EXPECT_EQ(refusal([&] { request_.types = {type("Patient")}; }), "taken");
}

TEST_F(ExportViews, WhatIsNotThereIsNotFoundOrSkipped) {
  const auto missing = read("none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(missing.error().message, "_viewDefinition: there is no ViewDefinition 'none'");
  be_lenient();
  ASSERT_TRUE(read("none"));
  ASSERT_TRUE(read("patients"));
  ASSERT_TRUE(apply());
  EXPECT_THAT(request_.types, ElementsAre(type("Patient")));
  EXPECT_THAT(request_.skipped, ElementsAre("_viewDefinition: there is no ViewDefinition 'none'"));
}

TEST_F(ExportViews, LenientHandlingNeverMakesItAnExportOfWholeResources) {
  be_lenient();
  ASSERT_TRUE(read("none"));
  EXPECT_EQ(apply().error().kind, ErrorKind::kNotFound);
  views_ = {};
  ASSERT_TRUE(read("patients"));
  request_.output_format = OutputFormat::kNdjson;
  EXPECT_EQ(apply().error().kind, ErrorKind::kUnsupported);
  request_.output_format = OutputFormat::kParquet;
  views_ = {};
  ASSERT_TRUE(read("patients"));
  request_.types = {type("Observation")};
  EXPECT_EQ(apply().error().message, "_viewDefinition and _type have no resource type in common");
}

TEST_F(ExportViews, AreBounded_R01) {
  for (std::size_t i = 0; i < kViewsMax; ++i) ASSERT_TRUE(read("patients"));
  EXPECT_EQ(read("patients").error().message,
            "the parameter '_viewDefinition' has more than 100 values");
  views_ = {};
  context_.find_view = [](const Parameter&) -> Result<RequestedView> {
    return RequestedView{{"big", std::string(kViewsSizeMax, ' ')}, type("Patient")};
  };
  ASSERT_TRUE(read("big"));
  EXPECT_EQ(read("big").error().kind, ErrorKind::kTooLarge);
}

TEST_F(ExportViews, OtherKindsOfValuesAreRefused) {
  EXPECT_EQ(read("true", "valueBoolean").error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(read("").error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace sluice::bulk
