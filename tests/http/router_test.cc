// Which handler gets a request, and what is said when there is none.
#include "http/router.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "http/target.h"

namespace sluice::http {
namespace {

Response error_response(const Request&, const Error& error) {
  Response response;
  response.status = error.kind == ErrorKind::kNotFound           ? 404
                    : error.kind == ErrorKind::kMethodNotAllowed ? 405
                                                                 : 500;
  response.body = std::string(to_string(error.kind));
  return response;
}

Handler says(std::string text) {
  return [text = std::move(text)](const Request&) {
    Response response;
    response.body = text;
    return response;
  };
}

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    router_.add("GET", "/", "root", says("root"));
    router_.add("GET", "/fhir/{type}/$export", "type-export", says("type"));
    router_.add("POST", "/fhir/{type}/$export", "type-export-post", says("type"));
    router_.add("GET", "/fhir/Patient/$export", "patient-export", says("patient"));
    router_.add("GET", "/fhir/Group/{id}/$export", "group-export", says("group"));
    router_.add("GET", "/jobs/$count", "job-count", says("7"));
    router_.add("DELETE", "/jobs/{id}", "job-delete", says("deleted"));
    router_.add("GET", "/throws", "throws",
                [](const Request&) -> Response { throw std::runtime_error("oops"); });
  }

  Response dispatch(std::string method, const std::string& path) {
    request_ = Request();
    request_.method = std::move(method);
    request_.path = path;
    if (path != "*") request_.segments = *split_path(path);
    return router_.dispatch(request_, route_);
  }

  Router router_{&error_response};
  Request request_;
  std::string route_;
};

TEST_F(RouterTest, PrefersLiteralSegments) {
  dispatch("GET", "/fhir/Patient/$export");
  EXPECT_EQ(route_, "patient-export");
  dispatch("GET", "/fhir/Observation/%24export");
  EXPECT_EQ(route_, "type-export");
  EXPECT_EQ(request_.parameter("type"), "Observation");
  dispatch("GET", "/fhir/Group/17/$export");
  EXPECT_EQ(route_, "group-export");
  EXPECT_EQ(request_.parameter("id"), "17");
  // No literal route takes POST: the parameter's does.
  dispatch("POST", "/fhir/Patient/$export");
  EXPECT_EQ(route_, "type-export-post");
}

TEST_F(RouterTest, IgnoresATrailingSlashAndMatchesTheRoot) {
  dispatch("GET", "/");
  EXPECT_EQ(route_, "root");
  dispatch("GET", "/fhir/Patient/$export/");
  EXPECT_EQ(route_, "patient-export");
}

TEST_F(RouterTest, MatchesNoEmptyParameter) {
  EXPECT_EQ(dispatch("DELETE", "/jobs/").status, 404);
  EXPECT_EQ(dispatch("GET", "/fhir//$export").status, 404);
  EXPECT_EQ(route_, "unmatched");
}

TEST_F(RouterTest, AnswersHeadWithTheRouteOfGet) {
  EXPECT_EQ(dispatch("HEAD", "/").status, 200);
  EXPECT_EQ(route_, "root");
}

TEST_F(RouterTest, NamesTheAllowedMethods) {
  const Response response = dispatch("PUT", "/fhir/Patient/$export");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.get("Allow"), "GET, HEAD, OPTIONS, POST");
  // What ends with a literal segment is no parameter of that value.
  EXPECT_EQ(dispatch("DELETE", "/jobs/$count").headers.get("Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(dispatch("GET", "/jobs/1").headers.get("Allow"), "DELETE, OPTIONS");
}

TEST_F(RouterTest, AnswersOptions) {
  const Response response = dispatch("OPTIONS", "/jobs/1");
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.headers.get("Allow"), "DELETE, OPTIONS");
  EXPECT_EQ(dispatch("OPTIONS", "/nowhere").status, 404);
  EXPECT_EQ(dispatch("OPTIONS", "*").status, 204);
}

TEST_F(RouterTest, TurnsAnExceptionIntoAnInternalError) {
  const Response response = dispatch("GET", "/throws");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(std::get<std::string>(response.body), "internal");
}

TEST_F(RouterTest, RefusesTheSameRouteTwice) {
  EXPECT_THROW(router_.add("GET", "/fhir/{other}/$export", "again", says("")), std::logic_error);
  EXPECT_THROW(router_.add("GET", "no-slash", "bad", says("")), std::logic_error);
}

}  // namespace
}  // namespace sluice::http
