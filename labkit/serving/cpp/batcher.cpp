#include "batcher.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <cstring>

#include "refusal.h"

namespace labkit {

std::vector<Bytes> room_for(std::int64_t rows, const std::vector<Tensor>& tensors) {
  std::vector<Bytes> room;
  for (const Tensor& tensor : tensors) room.emplace_back(static_cast<std::size_t>(rows) * tensor.row_bytes());
  return room;
}

Batcher::Batcher(asio::io_context& io, std::unique_ptr<Engine> engine, const Manifest& manifest, const Options& options,
                 Metrics& metrics)
    : io_(io), engine_(std::move(engine)), manifest_(manifest), options_(options), metrics_(metrics) {
  max_batch_ = options.max_batch;
  if (const auto file = manifest.files.find(engine_format); file != manifest.files.end() && file->second.max_rows)
    max_batch_ = std::min(max_batch_, file->second.max_rows);
  inputs_ = room_for(max_batch_, manifest.inputs);
  outputs_ = room_for(max_batch_, manifest.outputs);
  thread_ = std::thread([this] { work(); });
}

Batcher::~Batcher() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  woken_.notify_one();
  thread_.join();
}

// --- on the thread of the connections

asio::awaitable<std::vector<Bytes>> Batcher::compute(const Question& question) {
  {
    std::lock_guard lock(mutex_);
    if (queue_.size() >= static_cast<std::size_t>(options_.max_queue))
      throw Refusal("the queue of model '" + manifest_.name + "' is full; ask again later", 503);
  }
  Job job{question, Clock::now(), deadline_of(question), room_for(question.rows, manifest_.outputs), {}};
  const Outcome outcome = co_await asio::async_initiate<decltype(asio::use_awaitable), void(Outcome)>(
      [this, &job](auto done) {
        job.done = std::move(done);
        put(job);
      },
      asio::use_awaitable);
  if (outcome == Outcome::too_late) throw Refusal("the request waited past its deadline", 504);
  if (outcome == Outcome::failed) throw Refusal("the engine failed; the server's log says how", 500);
  co_return std::move(job.outputs);
}

Clock::time_point Batcher::deadline_of(const Question& question) const {
  Seconds wait = options_.deadline;
  if (question.timeout && (wait.count() == 0 || *question.timeout < wait)) wait = *question.timeout;
  if (wait.count() == 0 || wait > std::chrono::hours(24)) return Clock::time_point::max();
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(wait);
}

void Batcher::put(Job& job) {
  std::lock_guard lock(mutex_);
  queue_.push_back(&job);
  rows_ += job.question.rows;
  if (rows_ >= max_batch_) woken_.notify_one();
}

void Batcher::wake() {
  {
    std::lock_guard lock(mutex_);
    if (queue_.empty()) return;
    awake_ = true;
  }
  woken_.notify_one();
}

// --- on the engine's thread

void Batcher::work() {
  for (Jobs batch = next_batch(); !batch.empty(); batch = next_batch()) {
    const Jobs in_time = without_the_late(batch);
    if (in_time.empty()) continue;
    const auto began = Clock::now();
    Outcome outcome = Outcome::computed;
    try {
      run(in_time);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "The engine failed on model '%s': %s\n", manifest_.name.c_str(), error.what());
      outcome = Outcome::failed;
    }
    count(in_time, began);
    finish(in_time, outcome);
  }
}

Batcher::Jobs Batcher::next_batch() {
  std::unique_lock lock(mutex_);
  woken_.wait(lock, [this] { return ended_ || (awake_ && !queue_.empty()) || rows_ >= max_batch_; });
  if (options_.max_delay.count() > 0 && !queue_.empty()) {
    const auto until = queue_.front()->arrived + std::chrono::duration_cast<Clock::duration>(options_.max_delay);
    woken_.wait_until(lock, until, [this] { return ended_ || rows_ >= max_batch_; });
  }
  Jobs batch;
  std::int64_t rows = 0;
  while (!queue_.empty() && (batch.empty() || rows + queue_.front()->question.rows <= max_batch_)) {
    rows += queue_.front()->question.rows;
    batch.push_back(queue_.front());
    queue_.pop_front();
  }
  rows_ -= rows;
  awake_ = !queue_.empty();
  return batch;
}

void Batcher::finish(Jobs jobs, Outcome outcome) {
  asio::post(io_, [jobs = std::move(jobs), outcome] {
    for (Job* job : jobs) std::move(job->done)(outcome);
  });
}

Batcher::Jobs Batcher::without_the_late(const Jobs& batch) {
  Jobs late, in_time;
  const auto now = Clock::now();
  for (Job* job : batch) (job->deadline < now ? late : in_time).push_back(job);
  if (!late.empty()) finish(std::move(late), Outcome::too_late);
  return in_time;
}

void Batcher::run(const Jobs& batch) {
  std::int64_t rows = 0;
  for (const Job* job : batch) rows += job->question.rows;
  if (batch.size() == 1)
    run_in_slices(*batch.front());
  else
    run_together(batch, rows);
}

void Batcher::run_together(const Jobs& batch, std::int64_t rows) {
  std::vector<const std::byte*> from;
  std::vector<std::byte*> to;
  for (std::size_t place = 0; place < inputs_.size(); ++place) {
    std::byte* end = inputs_[place].data();
    for (const Job* job : batch) end = std::copy(job->question.inputs[place].begin(), job->question.inputs[place].end(), end);
    from.push_back(inputs_[place].data());
  }
  for (Bytes& output : outputs_) to.push_back(output.data());
  engine_->infer(rows, from, to);
  for (std::size_t place = 0; place < outputs_.size(); ++place) {
    const std::byte* next = outputs_[place].data();
    for (Job* job : batch) {
      std::memcpy(job->outputs[place].data(), next, job->outputs[place].size());
      next += job->outputs[place].size();
    }
  }
}

// One request alone, which may be larger than a batch; its memory is used as it is.
void Batcher::run_in_slices(Job& job) {
  for (std::int64_t start = 0; start < job.question.rows; start += max_batch_) {
    std::vector<const std::byte*> from;
    std::vector<std::byte*> to;
    for (std::size_t place = 0; place < inputs_.size(); ++place)
      from.push_back(job.question.inputs[place].data() + static_cast<std::size_t>(start) * manifest_.inputs[place].row_bytes());
    for (std::size_t place = 0; place < outputs_.size(); ++place)
      to.push_back(job.outputs[place].data() + static_cast<std::size_t>(start) * manifest_.outputs[place].row_bytes());
    engine_->infer(std::min(max_batch_, job.question.rows - start), from, to);
  }
}

void Batcher::count(const Jobs& batch, Clock::time_point began) {
  std::int64_t rows = 0;
  for (const Job* job : batch) {
    rows += job->question.rows;
    metrics_.waited(manifest_.name, Seconds(began - job->arrived).count());
  }
  metrics_.computed(manifest_.name, rows, Seconds(Clock::now() - began).count());
}

}  // namespace labkit
