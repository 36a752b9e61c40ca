// TLS on the wire: what is agreed on and what is refused, client certificates, replaced
// files.
#include "http/tls.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/bytes.h"
#include "certificates.h"
#include "raw_client.h"

namespace sluice::http {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string get(const std::string& path, const std::string& fields = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + fields + "\r\n";
}

class TlsTest : public ServerTest {
 protected:
  TlsTest() : folder_(fs::temp_directory_path() / ("sluice-tls-" + random_hex(8))) {
    fs::create_directory(folder_);
    for (const char* name : {"server", "other", "client", "stranger"})
      make_certificate(folder_, name);
  }
  ~TlsTest() override { fs::remove_all(folder_); }

  std::string file(const std::string& name) const { return folder_ / name; }
  TlsOptions options() const { return {file("server.pem"), file("server.key"), {}, false}; }
  void start_tls(const TlsOptions& tls, ServerOptions server = {}) {
    auto contexts = TlsContexts::load(tls);
    ASSERT_TRUE(contexts) << contexts.error().message;
    contexts_ = *contexts;
    server.tls = contexts_;
    start(std::move(server));
  }
  TlsClient::Options client() const {
    TlsClient::Options options;
    options.trusted = file("server.pem");
    return options;
  }
  void replace(const std::string& from) {
    for (const char* end : {".pem", ".key"})
      fs::copy_file(file(from + end), file(std::string("server") + end),
                    fs::copy_options::overwrite_existing);
  }

  const fs::path folder_;
  std::shared_ptr<TlsContexts> contexts_;
};

TEST_F(TlsTest, A10ServesEveryKindOfBody) {
  start_tls(options());
  const std::string hello = TlsClient(port(), client()).ask(get("/hello"));
  EXPECT_TRUE(hello.starts_with("HTTP/1.1 200 OK\r\n")) << hello;
  const std::string whole = TlsClient(port(), client()).ask(get("/file"));
  ASSERT_GT(whole.size(), kFileSize);
  for (std::size_t i = 0; i < kFileSize; ++i)
    ASSERT_EQ(whole[whole.size() - kFileSize + i], file_byte(i)) << i;
  const std::string part = TlsClient(port(), client()).ask(get("/file", "Range: bytes=5-6\r\n"));
  EXPECT_TRUE(part.starts_with("HTTP/1.1 206")) << part;
  EXPECT_EQ(part.substr(part.size() - 2), (std::string{file_byte(5), file_byte(6)}));
  const std::string stream = TlsClient(port(), client()).ask(get("/stream"));
  EXPECT_GT(stream.size(), kChunks * 100'000);
  EXPECT_TRUE(stream.ends_with("0\r\n\r\n"));
}

TEST_F(TlsTest, HoldsNothingOfAStreamThatIsNotRead) {
  ServerOptions server;
  server.answers = std::make_shared<MemoryBudget>(100'000'000);
  start_tls(options(), server);
  TlsClient slow(port(), client());
  slow.send(get("/rewound"));
  const auto comes_to = [&](bool something) {
    for (int i = 0; i < 20'000; ++i) {
      if ((server.answers->used() > 0) == something) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  };
  ASSERT_TRUE(comes_to(true));
  ASSERT_TRUE(comes_to(false));
  const std::string answer = slow.read_to_end();
  ASSERT_GT(answer.size(), kRewoundSize);
  for (std::size_t i = 0; i < kRewoundSize; ++i)
    ASSERT_EQ(answer[answer.size() - kRewoundSize + i], file_byte(i)) << i;
}

TEST_F(TlsTest, AnswersImmediateRoutesWhileAllThreadsAreBusy) {
  ServerOptions server;
  server.connections_max = 2;
  start_tls(options(), server);
  TlsClient first(port(), client());
  first.send(get("/slow"));
  TlsClient second(port(), client());
  second.send(get("/slow"));
  wait_for_slow(2);
  EXPECT_TRUE(TlsClient(port(), client()).ask(get("/health")).ends_with("\r\n\r\nwell"));
  EXPECT_TRUE(TlsClient(port(), client()).ask(get("/hello")).starts_with("HTTP/1.1 503 "));
  release();
  EXPECT_TRUE(first.read_to_end().ends_with("slow"));
}

// a flood of handshakes is ended before it costs anything, and others go on.
TEST_F(TlsTest, AnAddressMayBeginSoManyHandshakes) {
  ServerOptions server;
  server.connections_of_address_max = 100;
  server.handshakes_of_address_max = 1;
  start_tls(options(), server);
  // OpenSSL writes to a socket that the server has closed.
  ::signal(SIGPIPE, SIG_IGN);
  TlsClient first(port(), client());
  TlsClient second(port(), client());
  EXPECT_TRUE(first.is_connected());
  EXPECT_TRUE(second.is_connected());
  int refused = 0;
  // One more in a second, on a machine of whatever speed.
  for (int i = 0; i < 50; ++i)
    if (!TlsClient(port(), client()).is_connected()) ++refused;
  EXPECT_GT(refused, 0);
  EXPECT_TRUE(first.ask(get("/hello")).starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(second.ask(get("/health")).ends_with("well"));
}

TEST_F(TlsTest, A10UrlsOfAnswersAreHttps) {
  start_tls(options());
  const std::string where = TlsClient(port(), client()).ask(get("/where/x"));
  EXPECT_NE(where.find("https://localhost"), std::string::npos) << where;
}

TEST_F(TlsTest, A10OnlyTls12AndLater) {
  start_tls(options());
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    auto old = client();
    old.version_max = version;
    EXPECT_FALSE(TlsClient(port(), old).is_connected()) << version;
  }
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto good = client();
    good.version_max = version;
    EXPECT_TRUE(TlsClient(port(), good).is_connected()) << version;
  }
}

TEST_F(TlsTest, A10AlpnIsHttp11OrNothing) {
  start_tls(options());
  auto asking = client();
  asking.protocol = "http/1.1";
  EXPECT_EQ(TlsClient(port(), asking).chosen_protocol(), "http/1.1");
  asking.protocol = "h2";
  EXPECT_FALSE(TlsClient(port(), asking).is_connected());
  EXPECT_TRUE(TlsClient(port(), client()).is_connected());
}

TEST_F(TlsTest, A10PlainHttpGetsNoAnswer) {
  start_tls(options());
  RawClient plain(port());
  EXPECT_EQ(plain.ask(get("/hello")).status, 0);
  EXPECT_TRUE(TlsClient(port(), client()).is_connected());
}

TEST_F(TlsTest, ASlowHandshakeIsCutAtTheHeaderTimeout) {
  ServerOptions server;
  server.header_timeout = 200ms;
  start_tls(options(), server);
  RawClient silent(port());
  silent.send("\x16\x03\x01");
  EXPECT_TRUE(silent.sees_close());
  EXPECT_TRUE(wait_for_connections(0));
}

TEST_F(TlsTest, A10ClientCertificates) {
  auto mutual = options();
  mutual.client_authorities = file("client.pem");
  mutual.client_certificate_required = true;
  start_tls(mutual);
  auto asking = client();
  // With TLS 1.3 the client learns of the refusal when it reads.
  EXPECT_EQ(TlsClient(port(), asking).ask(get("/hello")), "");
  asking.certificate = file("stranger.pem");
  asking.key = file("stranger.key");
  EXPECT_EQ(TlsClient(port(), asking).ask(get("/hello")), "");
  asking.certificate = file("client.pem");
  asking.key = file("client.key");
  EXPECT_TRUE(TlsClient(port(), asking).ask(get("/hello")).starts_with("HTTP/1.1 200"));
}

TEST_F(TlsTest, A10ClientCertificatesMayBeOptional) {
  auto optional = options();
  optional.client_authorities = file("client.pem");
  start_tls(optional);
  auto asking = client();
  EXPECT_TRUE(TlsClient(port(), asking).ask(get("/hello")).starts_with("HTTP/1.1 200"));
  asking.certificate = file("stranger.pem");
  asking.key = file("stranger.key");
  EXPECT_EQ(TlsClient(port(), asking).ask(get("/hello")), "");
}

TEST_F(TlsTest, A10NewFilesAreTakenUpWithoutARestart) {
  start_tls(options());
  auto trusting_both = client();
  std::ofstream(file("both.pem")) << std::ifstream(file("server.pem")).rdbuf()
                                  << std::ifstream(file("other.pem")).rdbuf();
  trusting_both.trusted = file("both.pem");
  EXPECT_EQ(TlsClient(port(), trusting_both).server_name(), "server");
  EXPECT_FALSE(contexts_->reload_if_changed().value());

  TlsClient before(port(), trusting_both);
  replace("other");
  EXPECT_TRUE(contexts_->reload_if_changed().value());
  EXPECT_FALSE(contexts_->reload_if_changed().value());
  EXPECT_EQ(TlsClient(port(), trusting_both).server_name(), "other");
  EXPECT_TRUE(before.ask(get("/hello")).starts_with("HTTP/1.1 200")) << "old connections go on";

  std::ofstream(file("server.pem")) << "rubbish";
  const auto failed = contexts_->reload_if_changed();
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("server.pem"), std::string::npos);
  EXPECT_EQ(TlsClient(port(), trusting_both).server_name(), "other");
  EXPECT_FALSE(contexts_->reload_if_changed().value()) << "told once for each change";
}

TEST_F(TlsTest, FilesThatCannotBeUsedAreNamed) {
  std::ofstream(file("rubbish.pem")) << "rubbish";
  const auto refused = [&](TlsOptions tls, const std::string& word) {
    const auto contexts = TlsContexts::load(std::move(tls));
    ASSERT_FALSE(contexts) << word;
    EXPECT_EQ(contexts.error().kind, ErrorKind::kInvalid);
    EXPECT_NE(contexts.error().message.find(word), std::string::npos) << contexts.error().message;
  };
  refused({file("nothing.pem"), file("server.key"), {}, false}, "nothing.pem");
  refused({file("rubbish.pem"), file("server.key"), {}, false}, "rubbish.pem");
  refused({file("server.pem"), file("nothing.key"), {}, false}, "nothing.key");
  refused({file("server.pem"), file("other.key"), {}, false}, "other.key");
  refused({file("server.pem"), file("server.key"), file("rubbish.pem"), false}, "rubbish.pem");
  refused({file("server.pem"), file("server.key"), {}, true}, "authorities");
}

}  // namespace
}  // namespace sluice::http
