// The batcher: requests that wait at the same time are computed together.
//
// The coroutine of a connection puts a job into the queue and sleeps; one thread, the engine's, takes as many jobs as
// fit into a batch, lays their rows one behind the other, computes, and gives each its own rows back. An engine needs
// less time for a row among many (weights are read once, loops get longer), so under load the batches grow by themselves.
#pragma once
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "engine.h"
#include "metrics.h"
#include "protocol.h"

namespace labkit {

namespace asio = boost::asio;

class Batcher {
 public:
  Batcher(asio::io_context& io, std::unique_ptr<Engine> engine, const Manifest& manifest, const Options& options,
          Metrics& metrics);
  ~Batcher();

  // The outputs for one request, in the order of the manifest. Throws Refusal: 503 where the queue is full, 504 where the
  // request waited past its deadline, 500 where the engine failed.
  asio::awaitable<std::vector<Bytes>> compute(const Question& question);

  // Called when all that has arrived is in the queue: requests that came together are computed together.
  void wake();

 private:
  enum class Outcome { computed, failed, too_late };

  struct Job {
    const Question& question;
    Clock::time_point arrived, deadline;
    std::vector<Bytes> outputs;
    asio::any_completion_handler<void(Outcome)> done;  // resumes the coroutine that waits
  };
  using Jobs = std::vector<Job*>;

  Clock::time_point deadline_of(const Question& question) const;
  void put(Job& job);
  void work();       // the engine's thread
  Jobs next_batch();  // empty when the server ends
  void finish(Jobs jobs, Outcome outcome);
  Jobs without_the_late(const Jobs& batch);
  void run(const Jobs& batch);
  void run_together(const Jobs& batch, std::int64_t rows);
  void run_in_slices(Job& job);
  void count(const Jobs& batch, Clock::time_point began);

  asio::io_context& io_;
  std::unique_ptr<Engine> engine_;
  const Manifest& manifest_;
  const Options& options_;
  Metrics& metrics_;
  std::int64_t max_batch_;

  std::vector<Bytes> inputs_, outputs_;  // of a whole batch

  std::mutex mutex_;  // guards what follows
  std::condition_variable woken_;
  std::deque<Job*> queue_;
  std::int64_t rows_ = 0;  // in the queue
  bool awake_ = false, ended_ = false;

  std::thread thread_;  // the last member: it uses all others
};

}  // namespace labkit
