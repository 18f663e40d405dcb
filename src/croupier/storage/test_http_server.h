#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace croupier::storage::test {

/// A server of HTTP on loopback, in this process; children that are forked may ask it, too.
class TestHttpServer {
 public:
  struct Request {
    std::string method, target, body;
    std::map<std::string, std::string> headers;  ///< names in lower case
  };
  /// Answers a request by the bytes that are sent; a connection ends after an empty answer, and
  /// after one that begins with `Connection: close`. Called by many threads at once.
  using Handle = std::function<std::string(const Request&)>;

  explicit TestHttpServer(Handle handle);
  ~TestHttpServer();
  TestHttpServer(const TestHttpServer&) = delete;
  TestHttpServer& operator=(const TestHttpServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int num_connections() const { return num_connections_; }

 private:
  void Accept();
  void Serve(int connection);

  const Handle handle_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> num_connections_{0};
  std::mutex mutex_;  // guards what follows
  bool is_ending_ = false;
  std::list<int> connections_;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

/// Write an answer.
std::string HttpAnswer(int status, const std::string& body,
                       const std::map<std::string, std::string>& headers = {});

/// Answer requests for heads and ranges of objects, by their targets.
TestHttpServer::Handle ServeObjects(std::map<std::string, std::string> objects);

}  // namespace croupier::storage::test
