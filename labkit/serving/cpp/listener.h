// The listener: accepts connections, cuts those that take too long, and ends well.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <set>

#include "connection.h"

namespace labkit {

class Listener {
 public:
  // Throws WrongUse where the address cannot be listened on.
  Listener(asio::io_context& io, Service& service, const Options& options);

  std::string url() const;
  void run();    // serves until it has drained
  void drain();  // no new connections; every accepted request is answered, then `run` ends

 private:
  asio::awaitable<void> accept();
  asio::awaitable<void> serve(std::shared_ptr<Connection> connection, bool room);
  asio::awaitable<void> watch_the_clock();
  void welcome(asio::ip::tcp::socket socket);
  void take_all_that_waits();

  asio::io_context& io_;
  Service& service_;
  const Options& options_;
  asio::ip::tcp::acceptor acceptor_;
  std::set<std::shared_ptr<Connection>> connections_;
  bool draining_ = false;
};

}  // namespace labkit
