#include "metrics.h"

#include <algorithm>
#include <charconv>

namespace labkit {

const std::vector<double> row_bounds{1, 2, 4, 8, 16, 32, 64, 128, 256};
const std::vector<double> second_bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                        0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};

void Metrics::Histogram::add(double value, const std::vector<double>& bounds) {
  counts.resize(bounds.size() + 1);
  ++counts[static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin())];
  sum += value;
}

void Metrics::answered(const std::string& model, int status) {
  std::lock_guard lock(mutex_);
  ++requests_[{model, status}];
}

void Metrics::computed(const std::string& model, std::int64_t rows, double seconds) {
  std::lock_guard lock(mutex_);
  batch_rows_[model].add(static_cast<double>(rows), row_bounds);
  compute_seconds_[model].add(seconds, second_bounds);
}

void Metrics::waited(const std::string& model, double seconds) {
  std::lock_guard lock(mutex_);
  queue_seconds_[model].add(seconds, second_bounds);
}

void Metrics::predicted(const std::string& model, const std::string& label) {
  std::lock_guard lock(mutex_);
  ++predictions_[{model, label}];
}

void Metrics::connections(int now) {
  std::lock_guard lock(mutex_);
  connections_ = now;
}

std::string digits(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string label(const std::string& name, const std::string& value) {
  std::string text = name + "=\"";
  for (char letter : value) {
    if (letter == '\\' || letter == '"') text += '\\';
    if (letter == '\n') text += "\\n";
    else text += letter;
  }
  return text + "\"";
}

void heading(std::string& text, const std::string& name, const char* type, const std::string& help) {
  text += "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
}

void Metrics::write(std::string& text, const std::string& name, const std::string& help, const Histograms& histograms,
                    const std::vector<double>& bounds) {
  heading(text, name, "histogram", help);
  for (const auto& [model, histogram] : histograms) {
    std::uint64_t count = 0;  // of this bucket and all before it: Prometheus's buckets are cumulative
    for (std::size_t bucket = 0; bucket < histogram.counts.size(); ++bucket) {
      count += histogram.counts[bucket];
      const std::string bound = bucket < bounds.size() ? digits(bounds[bucket]) : "+Inf";
      text += name + "_bucket{" + label("model", model) + "," + label("le", bound) + "} " + std::to_string(count) + "\n";
    }
    text += name + "_sum{" + label("model", model) + "} " + digits(histogram.sum) + "\n";
    text += name + "_count{" + label("model", model) + "} " + std::to_string(count) + "\n";
  }
}

std::string Metrics::as_text() const {
  std::lock_guard lock(mutex_);
  std::string text;
  heading(text, "labkit_requests_total", "counter", "Inference requests by model and HTTP status.");
  for (const auto& [key, count] : requests_)
    text += "labkit_requests_total{" + label("model", key.first) + "," + label("status", std::to_string(key.second)) +
            "} " + std::to_string(count) + "\n";
  write(text, "labkit_batch_rows", "Rows that were computed together.", batch_rows_, row_bounds);
  write(text, "labkit_queue_seconds", "What a request waited for its batch.", queue_seconds_, second_bounds);
  write(text, "labkit_compute_seconds", "What the engine took for a batch.", compute_seconds_, second_bounds);
  heading(text, "labkit_predictions_total", "counter", "Rows by the label that they were given.");
  for (const auto& [key, count] : predictions_)
    text += "labkit_predictions_total{" + label("model", key.first) + "," + label("label", key.second) + "} " +
            std::to_string(count) + "\n";
  heading(text, "labkit_connections", "gauge", "Open connections.");
  return text + "labkit_connections " + std::to_string(connections_) + "\n";
}

}  // namespace labkit
