#include "croupier/storage/test_http_server.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace croupier::storage::test {

namespace {

// Read a request from what came and what comes; nothing at the end of the connection.
std::optional<TestHttpServer::Request> Receive(int connection, std::string* received) {
  const auto more = [&] {
    char bytes[4096];
    const ssize_t count = recv(connection, bytes, sizeof bytes, 0);
    if (count > 0) received->append(bytes, static_cast<size_t>(count));
    return count > 0;
  };
  size_t end = 0;
  while ((end = received->find("\r\n\r\n")) == std::string::npos) {
    if (!more()) return std::nullopt;
  }
  TestHttpServer::Request request;
  const std::string head = received->substr(0, end + 2);
  received->erase(0, end + 4);
  const size_t blank = head.find(' ');
  request.method = head.substr(0, blank);
  request.target = head.substr(blank + 1, head.find(' ', blank + 1) - blank - 1);
  for (size_t at = head.find("\r\n") + 2; at < head.size(); at = head.find("\r\n", at) + 2) {
    const std::string line = head.substr(at, head.find("\r\n", at) - at);
    const size_t colon = std::min(line.find(':'), line.size());
    std::string name = line.substr(0, colon);
    std::ranges::transform(name, name.begin(), [](char c) {
      return 'A' <= c && c <= 'Z' ? static_cast<char>(c | 32) : c;
    });
    const size_t value = line.find_first_not_of(' ', colon + 1);
    request.headers[name] = value == std::string::npos ? "" : line.substr(value);
  }
  const auto length = request.headers.find("content-length");
  const size_t size = length == request.headers.end() ? 0 : std::stoul(length->second);
  while (received->size() < size) {
    if (!more()) return std::nullopt;
  }
  request.body = received->substr(0, size);
  received->erase(0, size);
  return request;
}

}  // namespace

TestHttpServer::TestHttpServer(Handle handle) : handle_(std::move(handle)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 128) != 0 ||
      getsockname(listener_, generic, &size) != 0) {
    std::perror("TestHttpServer");
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

TestHttpServer::~TestHttpServer() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
    shutdown(listener_, SHUT_RDWR);
    for (const int connection : connections_) shutdown(connection, SHUT_RDWR);
  }
  acceptor_.join();
  for (auto& thread : threads_) thread.join();
  close(listener_);
}

void TestHttpServer::Accept() {
  while (true) {
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (is_ending_ || connection < 0) {
      if (connection >= 0) close(connection);
      if (is_ending_) return;
      continue;
    }
    ++num_connections_;
    connections_.push_back(connection);
    threads_.emplace_back([this, connection] { Serve(connection); });
  }
}

void TestHttpServer::Serve(int connection) {
  std::string received;
  while (const auto request = Receive(connection, &received)) {
    const auto answer = handle_(*request);
    size_t num_sent = 0;
    while (num_sent < answer.size()) {
      const ssize_t count =
          send(connection, answer.data() + num_sent, answer.size() - num_sent, MSG_NOSIGNAL);
      if (count <= 0) break;
      num_sent += static_cast<size_t>(count);
    }
    if (num_sent < answer.size() || answer.empty() ||
        answer.find("\r\nConnection: close\r\n") != std::string::npos) {
      break;
    }
  }
  const std::lock_guard lock(mutex_);
  connections_.remove(connection);
  close(connection);
}

std::string HttpAnswer(int status, const std::string& body,
                       const std::map<std::string, std::string>& headers) {
  std::string answer = "HTTP/1.1 " + std::to_string(status) + " Answer\r\n";
  for (const auto& [name, value] : headers) answer += name + ": " + value + "\r\n";
  if (!headers.contains("Content-Length")) {
    answer += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return answer + "\r\n" + body;
}

TestHttpServer::Handle ServeObjects(std::map<std::string, std::string> objects) {
  return [objects = std::move(objects)](const TestHttpServer::Request& request) {
    const auto found = objects.find(request.target);
    if (found == objects.end()) return HttpAnswer(404, "");
    const std::string& bytes = found->second;
    const auto size = std::to_string(bytes.size());
    if (request.method == "HEAD") return HttpAnswer(200, "", {{"Content-Length", size}});
    const auto range = request.headers.find("range");
    unsigned long first = 0;  // NOLINT(google-runtime-int): the type of sscanf
    unsigned long last = 0;   // NOLINT(google-runtime-int)
    if (range == request.headers.end() ||
        std::sscanf(range->second.c_str(), "bytes=%lu-%lu", &first, &last) != 2 ||
        first >= bytes.size()) {
      return HttpAnswer(416, "");
    }
    last = std::min<unsigned long>(last, bytes.size() - 1);  // NOLINT(google-runtime-int)
    return HttpAnswer(206, bytes.substr(first, last - first + 1),
                      {{"Content-Range", "bytes " + std::to_string(first) + "-" +
                                             std::to_string(last) + "/" + size}});
  };
}

}  // namespace croupier::storage::test
