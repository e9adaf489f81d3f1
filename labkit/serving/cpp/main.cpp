// The C++ server: the Open Inference Protocol v2 over REST, one engine, dynamic batching.
//
// Two kinds of thread. This one reads, checks and writes for all connections (listener.h -> connection.h -> routes.h ->
// protocol.h); each of them is a coroutine that reads like a Python function with `await` in it. Each model has a thread
// of its own that computes (batcher.h -> engine.h). What goes wrong on the way is thrown as a Refusal (refusal.h), and
// becomes a 4xx with a sentence in `answer`.
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <functional>

#include "listener.h"
#include "refusal.h"

namespace labkit {

constexpr auto look_for_parent = std::chrono::milliseconds(200);
constexpr auto grace = std::chrono::seconds(5);  // to drain, after the parent has died

// End soon after the process that started this one, however that died: an orphan gets another parent, on every Unix.
class ParentWatch {
 public:
  ParentWatch(asio::io_context& io, Listener& listener, int parent) : timer_(io), listener_(listener), parent_(parent) {
    if (parent_) wait();
  }

 private:
  void wait() {
    timer_.expires_after(look_for_parent);
    timer_.async_wait([this](auto error) {
      if (!error) look();
    });
  }

  void look() {
    if (getppid() == parent_) return wait();
    listener_.drain();
    timer_.expires_after(grace);
    timer_.async_wait([](auto) { std::_Exit(1); });
  }

  asio::steady_timer timer_;
  Listener& listener_;
  int parent_;
};

int serve(const Options& options) {
  asio::io_context io(1);
  Service service;
  service.models = load_models(io, options, service.metrics);
  Listener listener(io, service, options);
  int status = 0;
  asio::signal_set signals(io, SIGTERM, SIGINT);
  std::function<void(boost::system::error_code, int)> on_signal = [&](auto error, int signal) {
    if (error) return;
    if (signal == SIGINT && !service.ready) std::_Exit(128 + SIGINT);  // Ctrl-C again: at once
    if (service.ready) status = signal == SIGINT ? 128 + SIGINT : 0;
    listener.drain();
    signals.async_wait(on_signal);
  };
  signals.async_wait(on_signal);
  ParentWatch watch(io, listener, options.parent);
  std::printf("listening on %s\n", listener.url().c_str());
  std::fflush(stdout);
  listener.run();
  return status;
}

}  // namespace labkit

int main(int count, char** words) {
  try {
    return labkit::serve(labkit::read_options(count, words));
  } catch (const labkit::WrongUse& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "The server failed: %s\n", error.what());
    return 1;
  }
}
