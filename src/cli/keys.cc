// `sluice keys generate`: a key pair for a client.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"
#include "cli/command.h"
#include "cli/options.h"
#include "jose/json_web_key.h"

namespace sluice::cli {
namespace {

struct KeysArguments {
  std::string algorithm = "ES384";
  std::string out;
  std::string format = "jwk";
};

Result<int> generate_key(const KeysArguments& arguments) {
  if (arguments.out.empty()) return invalid("keys: --out FILE is missing");
  const auto algorithm = jose::find_algorithm(arguments.algorithm);
  if (!algorithm) return invalid(fmt::format("keys: there is no '{}'", arguments.algorithm));
  SLUICE_TRY(const auto key, jose::PrivateJwk::generate(*algorithm));
  std::string text = key.to_json() + "\n";
  if (arguments.format == "jwks") text = "{\"keys\":[" + key.to_json() + "]}\n";
  if (arguments.format == "pem") {
    SLUICE_TRY(text, key.to_pem());
    // PEM does not say what a key is for: who reads it takes what is usual.
    SLUICE_TRY(const auto read, jose::PrivateJwk::parse(text));
    if (read.algorithm() != *algorithm)
      return invalid(
          fmt::format("keys: a PEM file does not say '{}': use --format jwk", arguments.algorithm));
  }
  // Never over another key, never readable by others.
  const FileDescriptor file(
      ::open(arguments.out.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0 && errno == EEXIST)
    return invalid(fmt::format("keys: '{}' is there already", arguments.out));
  if (file.get() < 0) return errno_error("cannot create", arguments.out, errno);
  SLUICE_CHECK(write_all(file.get(), text, arguments.out));
  SLUICE_CHECK(sync_file(file.get(), arguments.out));
  jose::JwkSet keys;
  keys.add(key.public_part());
  fmt::print("{}\n", keys.to_json());
  return 0;
}

}  // namespace

Command add_keys(CLI::App& app) {
  auto* command = app.add_subcommand("keys", "Make keys");
  command->require_subcommand(1);
  command->footer("Example:\n  sluice keys generate --alg ES384 --out key.jwk > jwks.json");
  auto arguments = std::make_shared<KeysArguments>();
  auto* generate =
      command->add_subcommand("generate", "Write a private JSON Web Key, print its public JWK Set");
  generate->footer("Example:\n  sluice keys generate --alg ES384 --out key.jwk > jwks.json");
  generate->add_option("--alg", arguments->algorithm, "ES384, RS384, ES256, RS256, PS384 ...")
      ->capture_default_str();
  generate
      ->add_option("--format", arguments->format,
                   "Of the private key: jwk, jwks (a JWK Set of it), pem (PKCS #8)")
      ->check(CLI::IsMember({"jwk", "jwks", "pem"}))
      ->capture_default_str();
  generate->add_option("--out", arguments->out, "File for the private key, made with mode 0600");
  return {command, [arguments] { return generate_key(*arguments); }};
}

}  // namespace sluice::cli
