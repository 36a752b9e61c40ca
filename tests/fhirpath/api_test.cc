// What other modules rely on: constants, variables, contexts, result types, errors, threads.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "evaluating.h"

namespace sluice::fhirpath {
namespace {

TEST(Compilation, TellsWhereTheFaultIs) {
  std::size_t position = 0;
  CompileOptions options;
  options.root_type = "Patient";
  const auto expression = Expression::compile("name.given1", options, &position);
  ASSERT_FALSE(expression);
  EXPECT_EQ(expression.error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(position, 5u);
}

TEST(Compilation, KnowsTheTypesOfResults) {
  CompileOptions options;
  options.root_type = "Observation";
  const auto names = [&](std::string_view text) {
    std::string joined;
    const auto expression = Expression::compile(text, options).value();
    for (const TypeId type : expression.result_types()) joined += qualified_name(type) + " ";
    return joined;
  };
  EXPECT_EQ(names("code.coding.code"), "FHIR.code ");
  EXPECT_EQ(names("value.ofType(Quantity).value"), "FHIR.decimal ");
  EXPECT_EQ(names("id"), "System.String ");
  EXPECT_EQ(names("component.exists() | 1"), "System.Boolean System.Integer ");
  EXPECT_EQ(names("contained"), "");
}

TEST(Constants, HaveTheirMeaningInEveryEvaluation) {
  CompileOptions options;
  options.constants["use"] = {Value(std::string("official"))};
  EXPECT_EQ(
      outcome("name.where(use = %use).family",
              R"({"resourceType":"Patient","name":[{"family":"A","use":"official"}]})", options)
          .values,
      std::vector<std::string>{R"("A")"});
}

TEST(Variables, AreGivenWithEachEvaluation) {
  CompileOptions options;
  options.variables = {"rowIndex", "absent"};
  const Variables variables = {{"rowIndex", {Value(Integer{3})}}};
  EXPECT_EQ(outcome("%rowIndex + 1", kBasic, options, variables).values,
            std::vector<std::string>{"4"});
  EXPECT_TRUE(outcome("%absent", kBasic, options, variables).values.empty());
  EXPECT_EQ(outcome("%other", kBasic, options, variables).error,
            "FHIRPath: there is no variable %other (at character 1)");
}

TEST(Contexts, CanBeTheResultsOfAnotherExpression) {
  const Resource resource(
      R"({"resourceType":"Patient","id":"p","contact":[{"name":{"family":"A"}},{"name":{"family":"B"}}]})");
  CompileOptions options;
  options.root_type = "Patient";
  const auto contacts = Expression::compile("contact", options).value();
  options.root_type = {};
  options.context_types = contacts.result_types();
  const auto family = Expression::compile("name.family & %resource.id", options).value();
  EXPECT_FALSE(Expression::compile("birthDate", options));
  Evaluation evaluation;
  std::string found;
  for (const auto& contact : evaluation.evaluate(contacts, *resource.document).value())
    found += to_json(evaluation.evaluate(family, contact).value().at(0));
  EXPECT_EQ(found, R"("Ap""Bp")");
}

TEST(Contexts, OfContainedResourcesTellThemFromTheirContainer) {
  const Resource resource(
      R"({"resourceType":"Patient","id":"p","contained":[{"resourceType":"Organization","id":"o"}]})");
  Evaluation evaluation;
  const auto contained = Expression::compile("contained").value();
  const auto ids = Expression::compile("%resource.id | %rootResource.id").value();
  const auto node = evaluation.evaluate(contained, *resource.document).value().at(0);
  const auto found = evaluation.evaluate(ids, node).value();
  EXPECT_EQ(to_json(found.at(0)) + to_json(found.at(1)), R"("o""p")");
}

class OneResource final : public ReferenceResolver {
 public:
  explicit OneResource(const Document& document) : document_(document) {}
  Result<const Document*> resolve(std::string_view reference) override {
    return reference == "Patient/x" ? &document_ : nullptr;
  }

 private:
  const Document& document_;
};

TEST(References, AreFoundByTheResolverOfTheCaller) {
  const Resource other(R"({"resourceType":"Patient","id":"x","gender":"male"})");
  OneResource resolver(*other.document);
  EvaluationOptions evaluation;
  evaluation.resolver = &resolver;
  EXPECT_EQ(outcome("subject.resolve().gender",
                    R"({"resourceType":"Observation","subject":{"reference":"Patient/x"}})", {}, {},
                    evaluation)
                .values,
            std::vector<std::string>{R"("male")"});
}

class FixedClock final : public Clock {
 public:
  Instant now() const override { return {1'700'000'000'123}; }
};

TEST(Now, IsTheCallersClockInUtc) {
  const FixedClock clock;
  EvaluationOptions evaluation;
  evaluation.clock = &clock;
  EXPECT_EQ(outcome("now() | today() | timeOfDay()", kBasic, {}, {}, evaluation).values,
            (std::vector<std::string>{R"("2023-11-14T22:13:20.123Z")", R"("2023-11-14")",
                                      R"("22:13:20.123")"}));
}

TEST(Trace, GetsWhatItIsCalledOn) {
  EvaluationOptions evaluation;
  std::string traced;
  evaluation.trace = [&](std::string_view name, const Collection& values) {
    traced += std::string(name) + std::to_string(values.size());
  };
  EXPECT_EQ(
      outcome("(1 | 2).trace('n').trace('m', $this * 2)", kBasic, {}, {}, evaluation).values.size(),
      2u);
  EXPECT_EQ(traced, "n2m2");
}

TEST(Order, IsAskedForOnRequest) {
  CompileOptions options;
  options.checks_order = true;
  EXPECT_EQ(outcome("children().skip(1)", kBasic, options).error,
            "FHIRPath: skip() needs an order, which children() and descendants() lack "
            "(at character 12)");
}

TEST(Expressions, AreEvaluatedInManyThreads) {
  const auto expression = Expression::compile("name.where(use = 'a').given.matches('b+')").value();
  const Resource resource(
      R"({"resourceType":"Patient","name":[{"use":"a","given":["abb"]},{"use":"c"}]})");
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, copy = expression] {
      Evaluation evaluation;
      for (int round = 0; round < 200; ++round) {
        const auto values = evaluation.evaluate(copy, *resource.document);
        if (values && values->size() == 1 && to_json(values->at(0)) == "true") ++right;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 800);
}

}  // namespace
}  // namespace sluice::fhirpath
