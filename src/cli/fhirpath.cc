// `sluice fhirpath`: tries an expression on resources.
#include <fmt/format.h>

#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "bulk/load/load_source.h"
#include "cli/command.h"
#include "cli/options.h"
#include "fhirpath/document.h"
#include "fhirpath/evaluation.h"
#include "fhirpath/expression.h"
#include "json/json_check.h"
#include "json/json_tokens.h"

namespace sluice::cli {
namespace {

constexpr std::size_t kDepthMax = 512;

struct FhirpathArguments {
  std::string expression;
  std::vector<std::string> files;
  bool types = false;
  bool lenient = false;
};

/// The line of the expression with the fault, and a caret below it.
std::string caret_below(std::string_view expression, std::size_t position) {
  position = std::min(position, expression.size());
  const std::size_t before = expression.substr(0, position).rfind('\n');
  const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
  const std::size_t end = std::min(expression.find('\n', position), expression.size());
  std::string pad;
  for (const char c : expression.substr(begin, position - begin)) {
    if (c == '\t')
      pad += '\t';
    else if ((c & 0xC0) != 0x80)
      pad += ' ';
  }
  return fmt::format("  {}\n  {}^", expression.substr(begin, end - begin), pad);
}

class ExpressionRun {
 public:
  explicit ExpressionRun(const FhirpathArguments& arguments)
      : arguments_(arguments), evaluation_(options()) {}

  Result<int> all() {
    // What is wrong whatever the resource is told before any is read.
    if (compiled_for("") == nullptr) return code_;
    for (const auto& path : arguments_.files) {
      SLUICE_ASSIGN_OR_RETURN(const bool goes_on, file(path));
      if (!goes_on) return code_;
    }
    return 0;
  }

 private:
  static fhirpath::EvaluationOptions options() {
    fhirpath::EvaluationOptions options;
    options.trace = [](std::string_view name, const fhirpath::Collection& values) {
      for (const auto& value : values)
        fmt::print(stderr, "trace {}: {}\n", name, fhirpath::to_json(value));
    };
    return options;
  }

  /// Tells an error and where it is.
  bool tell(const Error& error, std::size_t position, const std::string& place) {
    fmt::print(stderr, "sluice: {}{}\n{}\n", place, told(error),
               caret_below(arguments_.expression, position));
    code_ = exit_code(error.kind);
    return false;
  }

  /// Null after an error that was told.
  const fhirpath::Expression* compiled_for(const std::string& type) {
    const auto found = compiled_.find(type);
    if (found != compiled_.end()) return &found->second;
    fhirpath::CompileOptions compile;
    compile.root_type = type;
    if (arguments_.lenient) compile.strictness = fhirpath::Strictness::kLenient;
    std::size_t position = 0;
    auto expression = fhirpath::Expression::compile(arguments_.expression, compile, &position);
    if (!expression) {
      tell(expression.error(), position, "");
      return nullptr;
    }
    return &compiled_.emplace(type, std::move(*expression)).first->second;
  }

  Result<bool> file(const std::string& path) {
    SLUICE_ASSIGN_OR_RETURN(auto source, bulk::LoadSource::open(path));
    bulk::LoadChunk chunk;
    for (;;) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, source->next(chunk));
      if (!more) return true;
      if (!chunk.problem.empty())
        return invalid(fmt::format("{}:{}: {}", path, chunk.first_line, chunk.problem));
      SLUICE_ASSIGN_OR_RETURN(const bool goes_on, resources_of(chunk, path));
      if (!goes_on) return false;
    }
  }

  Result<bool> resources_of(const bulk::LoadChunk& chunk, const std::string& path) {
    for (bulk::ChunkLines lines(chunk); lines.next();) {
      const std::string place = fmt::format("{}:{}: ", path, lines.number());
      SLUICE_ASSIGN_OR_RETURN(const bool goes_on, resource(lines.text(), place));
      if (!goes_on) return false;
    }
    return true;
  }

  Result<bool> resource(std::string_view text, const std::string& place) {
    auto read = tokens_.read(without_byte_order_mark(text));
    if (read) {
      if (const auto checked = fhir::check_json_object(tokens_, kDepthMax); !checked)
        read = checked.error();
    }
    if (!read) return Error{read.error().kind, place + read.error().message};
    const fhirpath::Document document(tokens_);
    const auto root = document.root();
    const auto* expression = compiled_for(
        root.type == fhirpath::system::kAny ? "" : std::string(fhirpath::short_name(root.type)));
    if (expression == nullptr) return false;
    const auto values = evaluation_.evaluate(*expression, document);
    if (!values) return tell(values.error(), evaluation_.error_position(), place);
    for (const auto& value : *values) {
      std::string line = fhirpath::to_json(value);
      if (arguments_.types) line += "\t" + fhirpath::type_name(value);
      fmt::print("{}\n", line);
    }
    return true;
  }

  const FhirpathArguments& arguments_;
  std::map<std::string, fhirpath::Expression> compiled_;
  fhirpath::Evaluation evaluation_;
  fhir::JsonTokens tokens_;
  int code_ = 0;
};

}  // namespace

Command add_fhirpath(CLI::App& app) {
  auto* command = app.add_subcommand("fhirpath", "Try a FHIRPath expression on resources");
  command->footer(
      "Writes each result as JSON on a line of its own. FILE is NDJSON or JSON, also as .gz; - is\n"
      "standard input.\n"
      "\nExamples:\n"
      "  sluice fhirpath \"name.where(use = 'official').given\" Patient.ndjson\n"
      "  sluice fhirpath --types 'value.ofType(Quantity).value' Observation.ndjson.gz\n"
      "\nExit codes: 0 done, 2 wrong use, the expression or the input, 4 disk, 5 other failures");
  auto arguments = std::make_shared<FhirpathArguments>();
  command->add_option("expression", arguments->expression, "The expression")->required();
  command
      ->add_option("files", arguments->files, "NDJSON or JSON, also as .gz; - for standard input")
      ->required();
  add_switch(*command, "types", arguments->types,
             "Write each result's type beside it, after a tab");
  add_switch(*command, "lenient", arguments->lenient,
             "Take names that the type does not have as elements that are missing");
  return {command, [arguments]() -> Result<int> { return ExpressionRun(*arguments).all(); }};
}

}  // namespace sluice::cli
